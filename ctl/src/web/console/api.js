// Calls of openclawctl. A failure is an error with what it said.

/** A call that failed: `error`, `hint`, `reason`, `token`. */
export class Failure extends Error {
	constructor(said) {
		super(said.error)
		Object.assign(this, said)
	}
}

const GONE = { error: 'openclawctl does not answer', hint: 'look at its terminal; if it was stopped, run `openclawctl console` again' }

async function call(path, init) {
	let response
	try {
		response = await fetch(path, init)
	} catch {
		throw new Failure(GONE)
	}
	if (response.ok) return response.json()
	if (response.status === 403) throw new Failure({ error: 'this browser may no longer see the page', hint: 'run the command again' })
	if (response.status === 413) throw new Failure({ error: 'that is too large' })
	throw new Failure(await response.json().catch(() => ({ error: `openclawctl answered ${response.status}` })))
}

export const get = (path, query = {}) => call(`api/${path}?${new URLSearchParams(query)}`)

export const post = (path, body = {}) => call(path.includes('/') ? path : `api/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

export const upload = (file, query) => call(`api/upload?${new URLSearchParams(query)}`, { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: file })
