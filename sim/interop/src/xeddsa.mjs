// XEdDSA verification with OpenSSL: the public X25519 key is converted to its Edwards form, and the signature is
// verified as plain Ed25519. It shares no code with the simulator or with the library that Baileys uses.
//
// There is no signing. See https://signal.org/docs/specifications/xeddsa/ for the mapping and the sign bit.

import { createPublicKey, verify as verifyEd25519 } from 'node:crypto'

const P = 2n ** 255n - 19n
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex')
const SIGN_BIT = 0x80

/** True if `signature` (64 bytes, sign bit in its last byte) is `message` signed by the X25519 key `publicKey` (32 bytes). */
export function verifyXeddsa(publicKey, message, signature) {
	if (publicKey.length !== 32 || signature.length !== 64) return false
	const edwards = edwardsKey(publicKey, signature[63] & SIGN_BIT)
	const plain = Buffer.from(signature)
	plain[63] &= ~SIGN_BIT
	const key = createPublicKey({ key: Buffer.concat([SPKI_ED25519, edwards]), format: 'der', type: 'spki' })
	try {
		return verifyEd25519(null, message, key, plain)
	} catch {
		return false // the bytes are not a point on the curve
	}
}

/** y = (u - 1) / (u + 1); an X25519 key does not contain the sign of x, so the signature does. */
function edwardsKey(montgomery, signBit) {
	const u = fromLittleEndian(montgomery) & ((1n << 255n) - 1n)
	const y = modulo((u - 1n) * power(u + 1n, P - 2n))
	const key = toLittleEndian(y)
	key[31] |= signBit
	return key
}

function modulo(n) {
	const rest = n % P
	return rest < 0n ? rest + P : rest
}

function power(base, exponent) {
	let result = 1n
	for (let square = modulo(base), left = exponent; left > 0n; left >>= 1n, square = modulo(square * square)) {
		if (left & 1n) result = modulo(result * square)
	}
	return result
}

function fromLittleEndian(bytes) {
	return BigInt('0x' + Buffer.from(bytes).reverse().toString('hex'))
}

function toLittleEndian(n) {
	return Buffer.from(n.toString(16).padStart(64, '0'), 'hex').reverse()
}
