// The replaced signature check: with it, Baileys refuses what it would otherwise accept.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Curve, signatures } from '../src/baileys.mjs'
import { verifyXeddsa } from '../src/xeddsa.mjs'

const curve25519 = createRequire(import.meta.url)('curve25519-js')
const message = Buffer.from('a message that is signed')

test('two independent implementations agree on good and bad signatures', () => {
	for (let round = 0; round < 50; round++) {
		const { private: secret, public: key } = Curve.generateKeyPair()
		const signature = Curve.sign(secret, message)
		assert.ok(verifyXeddsa(key, message, signature))
		assert.ok(curve25519.verify(key, message, Buffer.from(signature)))

		const flipped = Buffer.from(signature)
		flipped[round] ^= 1
		assert.equal(verifyXeddsa(key, message, flipped), false)
		assert.equal(curve25519.verify(key, message, Buffer.from(flipped)), false)
	}
})

test("Baileys' own check refuses a changed message, another key and a short signature", () => {
	const { private: secret, public: key } = Curve.generateKeyPair()
	const signature = Curve.sign(secret, message)
	const before = signatures.rejected
	assert.equal(Curve.verify(key, message, signature), true)
	assert.equal(Curve.verify(key, Buffer.from('another message'), signature), false)
	assert.equal(Curve.verify(Curve.generateKeyPair().public, message, signature), false)
	assert.equal(Curve.verify(key, message, signature.subarray(0, 63)), false)
	assert.equal(signatures.rejected, before + 3)
})
