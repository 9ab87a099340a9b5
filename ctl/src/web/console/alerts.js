// The alerts that the agent has sent, or tries to send.

import { get, post } from './api.js'
import { byId, el, note, reason, sentence, when, words } from './dom.js'

function row({ raised_at, alert_type, state, attempts, last_error, next_attempt_at }) {
	return el('tr', {}, el('td', {}, when(raised_at)), el('td', {}, alert_type), el('td', {}, words(state), next_attempt_at ? ', next try ' : '', when(next_attempt_at)), el('td', {}, String(attempts)), el('td', {}, last_error))
}

export async function open() {
	try {
		const { alerts, status } = await get('alerts')
		byId('alerts').replaceChildren(...alerts.map(row))
		const host = status?.host
		byId('alerts-status').replaceChildren(host ? `Alerts go to ${host}. ${status.waiting} wait.` : 'No receiver is set: OPENCLAW_ALERT_URL of the agent.', ...status?.last_delivered_at ? [' Last delivered ', when(status.last_delivered_at)] : [])
		byId('alerts-test').hidden = !host
		byId('alerts-error').textContent = ''
	} catch (failure) {
		byId('alerts-error').textContent = reason(failure)
	}
}

byId('alerts-test').addEventListener('click', async () => {
	note('Sending a test alert')
	try {
		const { delivered, host, status, error } = await post('test-alert')
		note(delivered ? `${host} accepted it, with ${status}.` : '')
		byId('alerts-error').textContent = delivered ? '' : `${host} did not accept it. ${sentence(error)}`
	} catch (failure) {
		note('')
		byId('alerts-error').textContent = reason(failure)
	}
})
