// Traffic and latency, drawn from the 60 buckets that openclawctl counts. The table has the same numbers.

import { get } from './api.js'
import { byId, el, reason, when } from './dom.js'

const REFRESH_MS = 15_000
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [720, 200, 52, 24, 8]
const LINES = [['ack', 'ack_ms'], ['delivery', 'delivery_ms'], ['receive', 'receive_ms']]

let timer

function svg(tag, attributes, ...children) {
	const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
	for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
	element.append(...children)
	return element
}

const span = ms => ms === null ? '–' : ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`

/** A round number that is not below `value`. */
function ceiling(value) {
	const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)))
	return [2, 4, 10].map(factor => factor * power).find(round => round >= value)
}

const x = index => LEFT + index * (WIDTH - LEFT) / 60
const y = (value, most) => HEIGHT - BOTTOM - value / most * (HEIGHT - BOTTOM - TOP)
const clock = at => new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })

/** The frame of a chart: its axes, with their labels. */
function frame(name, most, label, buckets) {
	const chart = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': name })
	for (const part of [0, 0.5, 1]) {
		const at = y(most * part, most)
		chart.append(svg('line', { class: 'axis', x1: LEFT, x2: WIDTH, y1: at, y2: at }), svg('text', { x: LEFT - 6, y: at + 4, 'text-anchor': 'end' }, label(most * part)))
	}
	for (const index of [0, 15, 30, 45]) chart.append(svg('text', { x: x(index), y: HEIGHT - 6 }, clock(buckets[index].at)))
	return chart
}

function traffic(buckets) {
	const most = Math.max(2, ceiling(Math.max(...buckets.map(({ received, sent }) => Math.max(received, sent)))))
	const total = field => buckets.reduce((sum, bucket) => sum + bucket[field], 0)
	const chart = frame(`${total('received')} events received and ${total('sent')} messages sent; the table below has each interval`, most, String, buckets)
	const width = (WIDTH - LEFT) / 60
	buckets.forEach((bucket, index) => {
		for (const [place, field] of [[0, 'received'], [1, 'sent']]) {
			if (bucket[field] === 0) continue
			const top = y(bucket[field], most)
			chart.append(svg('rect', { class: field, x: x(index) + place * width / 2, y: top, width: width / 2 - 0.5, height: HEIGHT - BOTTOM - top }))
		}
	})
	byId('traffic-chart').replaceChildren(chart)
}

function latency(buckets) {
	const values = buckets.flatMap(bucket => LINES.map(([, field]) => bucket[field])).filter(value => value !== null)
	const most = ceiling(Math.max(100, ...values))
	const name = values.length === 0 ? 'No latency was measured' : `Latencies up to ${span(Math.max(...values))}; the table below has each interval`
	const chart = frame(name, most, value => span(value), buckets)
	for (const [kind, field] of LINES) {
		const points = buckets.map((bucket, index) => [x(index + 0.5), bucket[field]]).filter(([, value]) => value !== null).map(([at, value]) => [at, y(value, most)])
		if (points.length > 1) chart.append(svg('polyline', { class: `line ${kind}`, points: points.map(point => point.join(',')).join(' ') }))
		chart.append(...points.map(([cx, cy]) => svg('circle', { class: kind, cx, cy, r: 3 })))
	}
	byId('latency-chart').replaceChildren(chart)
}

function table(buckets) {
	const full = buckets.filter(({ received, sent, ack_ms }) => received > 0 || sent > 0 || ack_ms !== null).reverse()
	byId('numbers').replaceChildren(...full.map(({ at, received, sent, ack_ms, delivery_ms, receive_ms }) => el('tr', {}, el('td', {}, when(at)), ...[received, sent, span(ack_ms), span(delivery_ms), span(receive_ms)].map(value => el('td', { class: 'number' }, String(value))))))
	return full.length
}

async function load() {
	try {
		const { buckets, seconds, incomplete } = await get('traffic', { minutes: byId('range').value })
		traffic(buckets)
		latency(buckets)
		const full = table(buckets)
		byId('charts-note').textContent = `Intervals of ${seconds / 60 < 1 ? `${seconds} s` : `${seconds / 60} min`}${full === 0 ? '; nothing happened in this range' : ''}${incomplete ? '; only the newest 10,000 events were counted' : ''}.`
		byId('charts-error').textContent = ''
	} catch (failure) {
		byId('charts-error').textContent = reason(failure)
	}
}

byId('range').addEventListener('change', load)

export function open() {
	load()
	timer ??= setInterval(() => { if (!byId('view-charts').hidden && !document.hidden) load() }, REFRESH_MS)
}
