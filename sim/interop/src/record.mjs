// A logger for Baileys that prints nothing, and keeps warnings and errors for tests to check.

const KEPT = 500

export function makeRecord() {
	const lines = []
	const keep = level => (context, text) => {
		const line = typeof context === 'string' ? context : `${text ?? ''} ${describe(context)}`
		lines.push({ level, text: line.trim() })
		if (lines.length > KEPT) lines.shift()
	}
	const nothing = () => {}
	const record = { level: 'warn', lines, trace: nothing, debug: nothing, info: nothing, warn: keep('warn'), error: keep('error') }
	record.child = () => record
	return record
}

function describe(context) {
	const cause = context?.err ?? context?.error ?? context
	return cause instanceof Error ? cause.message : JSON.stringify(cause, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
}
