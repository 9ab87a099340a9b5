// Files of real life in both directions. What the agent uploads is decrypted by Baileys, and by another agent, that is by
// whatsapp-rust; what Baileys uploads is decrypted by the agent.

import assert from 'node:assert/strict'
import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ACCOUNT, agent, agentSends, CHATS, companionSends, device, event, linkBoth, sim, third, to } from '../src/agent-and-companion.mjs'
import { baileys } from '../src/baileys.mjs'

const file = name => fileURLToPath(new URL(`../../../agent/tests/data/files/${name}`, import.meta.url))
const bytesOf = name => readFile(file(name))
const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
const VOICE = 'audio/ogg; codecs=opus'
const PDF = 'application/pdf'
const ARABIC = 'تقرير 2026.pdf'
const BARS = 64

linkBoth({ withThird: true })

/** The message inside its wrappers, and the field that it has. */
function content(message) {
	const inner = baileys.normalizeMessageContent(message.message)
	const field = baileys.getContentType(inner)
	return [field, inner[field]]
}

function assertFields(found, expected) {
	const plain = value => (typeof value?.toNumber === 'function' ? value.toNumber() : (value ?? undefined))
	assert.deepEqual(Object.fromEntries(Object.keys(expected).map(key => [key, plain(found[key])])), expected)
}

/** How the agent sends a file, and what Baileys has to read: the field, and the fields in it. */
const SENT = [
	[
		'a picture',
		['--image', 'still.jpg', '--caption', 'low tide'],
		'imageMessage',
		{ mimetype: 'image/jpeg', width: 160, height: 120, caption: 'low tide' }
	],
	[
		'a picture that its camera turned',
		['--image', 'turned.jpg'],
		'imageMessage',
		{ mimetype: 'image/jpeg', width: 120, height: 160, caption: undefined }
	],
	['a WebP as a picture', ['--image', 'still.webp'], 'imageMessage', { mimetype: 'image/webp', width: 512, height: 512 }],
	[
		'a video of a camera',
		['--video', 'camera.mp4', '--caption', 'the bore'],
		'videoMessage',
		{ mimetype: 'video/mp4', gifPlayback: undefined, caption: 'the bore' }
	],
	['a video that starts early', ['--video', 'faststart.mp4'], 'videoMessage', { mimetype: 'video/mp4' }],
	['a GIF', ['--gif', 'gif.mp4'], 'videoMessage', { mimetype: 'video/mp4', gifPlayback: true }],
	['a sound file', ['--audio', 'sound.mp3'], 'audioMessage', { mimetype: 'audio/mpeg', ptt: false, waveform: undefined }],
	['a voice message of ffmpeg', ['--voice', 'voice-ffmpeg.ogg'], 'audioMessage', { mimetype: VOICE, ptt: true, seconds: 2 }],
	["a voice message in a phone's manner", ['--voice', 'voice-phone.ogg'], 'audioMessage', { mimetype: VOICE, ptt: true, seconds: 4 }],
	['a sticker', ['--sticker', 'still.webp'], 'stickerMessage', { mimetype: 'image/webp', width: 512, height: 512, isAnimated: false }],
	['an animated sticker', ['--sticker', 'animated.webp'], 'stickerMessage', { mimetype: 'image/webp', width: 512, height: 512, isAnimated: true }],
	[
		'a PDF with a caption',
		['--document', 'report.pdf', '--caption', 'read it'],
		'documentMessage',
		{ mimetype: PDF, fileName: 'report.pdf', caption: 'read it' }
	],
	['a DOCX', ['--document', 'contract.docx'], 'documentMessage', { mimetype: DOCX, fileName: 'contract.docx' }],
	['a HEIC as a document', ['--document', 'photo.heic'], 'documentMessage', { mimetype: 'image/heic', fileName: 'photo.heic' }],
	['a document of one byte', ['--document', 'one-byte'], 'documentMessage', { mimetype: 'application/octet-stream', fileName: 'one-byte' }],
	['a picture to view once', ['--image', 'still.jpg', '--view-once'], 'imageMessage', { viewOnce: true }],
	['a video to view once', ['--video', 'camera.mp4', '--view-once'], 'videoMessage', { viewOnce: true }],
	['a voice message to hear once', ['--voice', 'voice-phone.ogg', '--view-once'], 'audioMessage', { viewOnce: true, ptt: true }]
]

for (const chat of CHATS) {
	for (const [name, [option, path, ...rest], field, fields] of SENT) {
		test(`${name} for ${chat}`, async () => {
			const message = await agentSends(chat, option, file(path), ...rest)
			const bytes = await bytesOf(path)
			assert.deepEqual(await baileys.downloadMediaMessage(message, 'buffer', {}), bytes)
			const [found, media] = content(message)
			assert.equal(found, field)
			assertFields(media, { fileLength: bytes.length, ...fields })
			if (media.ptt) await assertVoice(media, bytes)
			if (chat === 'a group') {
				const { seq } = await event(message.key.id, third)
				assert.deepEqual(await third.download(seq), bytes)
			}
		})
	}

	test(`a document for ${chat} under a name in Arabic`, async () => {
		const path = join(agent.folder, ARABIC)
		await copyFile(file('report.pdf'), path)
		const [, media] = content(await agentSends(chat, '--document', path))
		assert.equal(media.fileName, ARABIC)
	})

	test(`a reply to ${chat} quotes a file, which can be downloaded from the quote`, async () => {
		const { event: photo, sent } = await companionSends(chat, { image: await bytesOf('turned.jpg'), caption: 'where?', jpegThumbnail: '' })
		const reply = await agentSends(chat, 'there', '--reply', String(photo.seq))
		const { stanzaId, quotedMessage } = reply.message.extendedTextMessage.contextInfo
		assert.deepEqual([stanzaId, quotedMessage.imageMessage.caption], [sent.key.id, 'where?'])
		const { event: quoting } = await companionSends(chat, { text: 'this one' }, { quoted: sent })
		assert.equal(quoting.message.quoted.media.kind, 'image')
		assert.deepEqual(await agent.download(quoting.seq, '--quoted'), await bytesOf('turned.jpg'))
	})
}

/** Baileys' reader of sound files has the same duration, and the bars follow the speech. */
async function assertVoice({ seconds, waveform }, bytes) {
	assert.equal(seconds, Math.ceil(await baileys.getAudioDuration(bytes)))
	const bars = [...waveform]
	assert.deepEqual([bars.length, Math.min(...bars), Math.max(...bars)], [BARS, 0, 100])
	assert.ok(new Set(bars).size > 10, `${bars}`)
}

test('what WhatsApp would not show is refused, and reaches no one', async () => {
	const received = () => device.messages.filter(({ key }) => !key.fromMe).length
	const before = received()
	for (const [option, path, reason] of [
		['--image', 'photo.heic', 'NOT_A_PICTURE'],
		['--image', 'report.pdf', 'NOT_A_PICTURE'],
		['--sticker', 'still.jpg', 'NOT_A_STICKER'],
		['--voice', 'vorbis.ogg', 'NOT_A_VOICE_MESSAGE'],
		['--voice', 'mp3.ogg', 'NOT_A_VOICE_MESSAGE'],
		['--voice', 'camera.mp4', 'NOT_A_VOICE_MESSAGE'],
		['--document', 'empty', 'EMPTY_FILE'],
		['--voice', 'empty', 'EMPTY_FILE']
	]) {
		await assert.rejects(agent.ctl('send', to('a person'), option, file(path)), error => JSON.parse(error.stderr).reason === reason, `${option} ${path}`)
	}
	await agentSends('a person', 'after the refusals')
	assert.equal(received(), before + 1)
})

const image = { width: 160, height: 120, jpegThumbnail: '' }

/** What Baileys sends with which file, and what the agent has to report of it. */
const RECEIVED = [
	['a picture', 'still.jpg', { image, caption: 'low tide' }, { kind: 'image', mime_type: 'image/jpeg', width: 160, height: 120, caption: 'low tide' }],
	['a picture to view once', 'still.jpg', { image, viewOnce: true }, { kind: 'image', view_once: true }],
	[
		'a video',
		'camera.mp4',
		{ video: { jpegThumbnail: '', seconds: 2 }, caption: 'the bore' },
		{ kind: 'video', mime_type: 'video/mp4', caption: 'the bore', duration: 2 }
	],
	['a GIF', 'gif.mp4', { video: { jpegThumbnail: '', gifPlayback: true } }, { kind: 'gif' }],
	['a round video', 'faststart.mp4', { video: { jpegThumbnail: '', ptv: true } }, { kind: 'video_note' }],
	['a sound file', 'sound.mp3', { audio: { mimetype: 'audio/mpeg' } }, { kind: 'audio', mime_type: 'audio/mpeg', duration: 1 }],
	['a voice message', 'voice-phone.ogg', { audio: { ptt: true, mimetype: VOICE } }, { kind: 'voice', mime_type: VOICE, duration: 3 }],
	[
		'a sticker',
		'animated.webp',
		{ sticker: { isAnimated: true, width: 512, height: 512 } },
		{ kind: 'sticker', mime_type: 'image/webp', width: 512, height: 512 }
	],
	[
		'a document with a caption',
		'contract.docx',
		{ document: { mimetype: DOCX, fileName: 'contract.docx' }, caption: 'sign it' },
		{ kind: 'document', mime_type: DOCX, file_name: 'contract.docx', caption: 'sign it' }
	],
	[
		'a document under a name in Arabic',
		'report.pdf',
		{ document: { mimetype: PDF, fileName: ARABIC } },
		{ kind: 'document', file_name: ARABIC }
	],
	[
		'a document under a name with slashes',
		'report.pdf',
		{ document: { mimetype: PDF, fileName: '../../etc/report.pdf' } },
		{ kind: 'document', file_name: '../../etc/report.pdf' }
	],
	['a document of one byte', 'one-byte', { document: { mimetype: 'application/octet-stream', fileName: 'one' } }, { kind: 'document', size_bytes: 1 }]
]

for (const chat of CHATS) {
	for (const [name, path, { image, video, audio, sticker, document, ...rest }, fields] of RECEIVED) {
		test(`${name} from ${chat}`, async () => {
			const bytes = await bytesOf(path)
			const kinds = { image, video, audio, sticker, document }
			const [[kind, settings]] = Object.entries(kinds).filter(([, settings]) => settings)
			const { seq, message } = (await companionSends(chat, { [kind]: bytes, ...settings, ...rest })).event
			assertFields(message.content.media, { size_bytes: bytes.length, downloadable: true, ...fields })
			assert.deepEqual(await agent.download(seq), bytes)
		})
	}
}

test('a name with slashes stays in the folder of the download', async () => {
	const document = await bytesOf('report.pdf')
	const { event: received } = await companionSends('a person', { document, mimetype: PDF, fileName: '../../etc/report.pdf' })
	const { file: saved } = await agent.ctl('media', 'get', String(received.seq), '-o', agent.folder)
	assert.equal(join(saved, '..'), agent.folder)
	assert.deepEqual(await readFile(saved), document)
})

test('a file that WhatsApp has removed is uploaded again by the phone of its recipient', async () => {
	const document = await bytesOf('report.pdf')
	const { seq, message } = (await companionSends('a person', { document, mimetype: PDF, fileName: 'report.pdf' })).event
	await sim.post('/media/remove', { account: ACCOUNT, id: message.origin.id })
	assert.deepEqual(await agent.download(seq), document)
})
