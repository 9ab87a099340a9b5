// Files in both directions over the media host: both sides decrypt what the other has uploaded.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { baileys } from '../src/baileys.mjs'
import { chatOf } from '../src/companion.mjs'
import { device, linkOne, sim } from '../src/one-companion.mjs'
import { until } from '../src/until.mjs'

const [ACCOUNT, PEER] = ['+15550154001', '+15550154011']
const BYTES = randomBytes(5000)
const KINDS = { image: 'imageMessage', video: 'videoMessage', video_note: 'ptvMessage', audio: 'audioMessage', document: 'documentMessage', sticker: 'stickerMessage' }

const sha256 = bytes => createHash('sha256').update(bytes).digest('base64')
const send = async content => (await sim.post('/peer/send', { from: PEER, to: ACCOUNT, content })).id
const received = id => until(`message ${id}`, () => device.messages.find(({ key }) => key.id === id))
const inbox = id => until(`${id} at the peer`, async () => (await sim.get('/peer/inbox', { peer: PEER })).find(message => message.id === id))
const download = message => baileys.downloadMediaMessage(message, 'buffer', {})
const part = async (...which) => Buffer.concat(await (await baileys.downloadContentFromMessage(...which)).toArray())

linkOne(ACCOUNT, { media: true })

for (const [kind, field] of Object.entries(KINDS)) {
	test(`a file that a person sends as ${kind} is decrypted`, async () => {
		const { message } = await received(await send({ [kind]: { bytes: BYTES.toString('base64') } }))
		const media = message[field]
		assert.equal(Number(media.fileLength), BYTES.length)
		assert.equal(Buffer.from(media.fileSha256).toString('base64'), sha256(BYTES))
		const type = kind === 'video_note' ? 'video' : kind
		assert.deepEqual(await part(media, type), BYTES)
	})
}

test("the metadata of a person's file is read", async () => {
	const image = await received(await send({ image: { caption: 'low tide', width: 640, height: 480, mime: 'image/png', bytes: 'AAAA' } }))
	const { caption, width, height, mimetype } = image.message.imageMessage
	assert.deepEqual([caption, width, height, mimetype], ['low tide', 640, 480, 'image/png'])
	const voice = await received(await send({ audio: { voice: true, seconds: 7, waveform: Buffer.alloc(64, 50).toString('base64'), bytes: 'AAAA' } }))
	const { ptt, seconds, waveform } = voice.message.audioMessage
	assert.deepEqual([ptt, seconds, waveform.length], [true, 7, 64])
	const document = await received(await send({ document: { name: 'tides.pdf', pages: 3, bytes: 'AAAA' } }))
	assert.deepEqual([document.message.documentMessage.fileName, document.message.documentMessage.pageCount], ['tides.pdf', 3])
	const gif = await received(await send({ video: { gif: true, bytes: 'AAAA' } }))
	assert.equal(gif.message.videoMessage.gifPlayback, true)
})

test('a range of a file is read', async () => {
	const { message } = await received(await send({ video: { bytes: BYTES.toString('base64') } }))
	assert.deepEqual(await part(message.videoMessage, 'video', { startByte: 1000, endByte: 2000 }), BYTES.subarray(1000, 2000))
})

test('a large file is read as a stream', async () => {
	const { message } = await received(await send({ document: { fill: 5_000_000 } }))
	const hash = createHash('sha256')
	let size = 0
	for await (const chunk of await baileys.downloadContentFromMessage(message.documentMessage, 'document')) {
		size += chunk.length
		hash.update(chunk)
	}
	assert.equal(size, 5_000_000)
	assert.equal(hash.digest('base64'), Buffer.from(message.documentMessage.fileSha256).toString('base64'))
})

test('a view-once image in its wrapper is decrypted', async () => {
	const message = await received(await send({ image: { view_once: true, bytes: BYTES.toString('base64') }, wrapped: ['view_once_v2'] }))
	assert.equal(message.message.viewOnceMessageV2.message.imageMessage.viewOnce, true)
	assert.deepEqual(await download(message), BYTES)
})

test('a removed file is uploaded again by the phone, if it has the file', async () => {
	const id = await send({ image: { bytes: BYTES.toString('base64') } })
	const message = await received(id)
	const remove = () => sim.post('/media/remove', { account: ACCOUNT, id })
	await remove()
	await assert.rejects(download(message), ({ output }) => output.statusCode === 410)
	assert.deepEqual(await download(await device.socket.updateMediaMessage(message)), BYTES)

	await remove()
	await sim.post('/phone/answers', { account: ACCOUNT, reupload: 'not_found' })
	await assert.rejects(device.socket.updateMediaMessage(message), ({ output }) => output.statusCode === 404)
})

const UPLOADS = {
	image: { image: BYTES, caption: 'low tide', jpegThumbnail: '' },
	video: { video: BYTES, caption: 'the bore', jpegThumbnail: '' },
	video_note: { video: BYTES, ptv: true, jpegThumbnail: '' },
	audio: { audio: BYTES, ptt: true, seconds: 7, waveform: new Uint8Array(64).fill(50), mimetype: 'audio/ogg; codecs=opus' },
	document: { document: BYTES, fileName: 'tides.pdf', mimetype: 'application/pdf' },
	sticker: { sticker: BYTES }
}

for (const [kind, content] of Object.entries(UPLOADS)) {
	test(`the recipient decrypts what Baileys uploads as ${kind}`, async () => {
		const { key } = await device.socket.sendMessage(chatOf(PEER), content)
		const shown = (await inbox(key.id)).content[kind]
		assert.equal(shown.file.opened, true)
		assert.equal(shown.file.sha256, sha256(BYTES))
		assert.equal(shown.caption, content.caption)
		assert.equal(shown.name, content.fileName)
		assert.equal(shown.voice, content.ptt)
	})
}
