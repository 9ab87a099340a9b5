"""Reads a vault or a backup, implemented from docs/vault-format.md only, and prints a summary as JSON.

    reader.py vault DIR  key HEX | passphrase WORDS
    reader.py backup FILE  key HEX | passphrase WORDS
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEADER, SLOT, FIXED, MAX_BODY = 4096, 158, 61, 16 << 20
EPOCH, BATCH, COPY, END = 1, 2, 3, 4


def hkdf(ikm, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(ikm)


def hchacha20(key, nonce):
    """The subkey of XChaCha20: ChaCha20's rounds over the nonce's first 16 bytes, without the final addition."""
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xFFFFFFFF
            s[z] ^= s[x]
            s[z] = (s[z] << turn | s[z] >> 32 - turn) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *s[:4], *s[12:])


def unwrap(header, slot, secret):
    kind, length = slot[0], slot[1]
    memory, passes, lanes = struct.unpack("<3I", slot[42:54])
    salt, nonce, sealed = slot[54:86], slot[86:110], slot[110:158]
    assert 1 <= length <= 32 and not any(slot[2 + length : 34]), "a slot's name"
    how, key = secret
    if (how, kind) == ("passphrase", 2):
        assert 8192 <= memory <= 262144 and 1 <= passes <= 16 and 1 <= lanes <= 4, "a slot's cost"
        key = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(key)
    elif (how, kind) != ("key", 1):
        return None
    kek = hkdf(key, salt, b"openclaw/vault/v1 kek")
    try:
        cipher = ChaCha20Poly1305(hchacha20(kek, nonce[:16]))
        return cipher.decrypt(bytes(4) + nonce[16:], sealed, header[:28] + slot[:86])
    except InvalidTag:
        return None


class Copy:
    def __init__(self, bytes_, magic):
        assert len(bytes_) == HEADER and bytes_[:8] == magic, "not a header"
        assert bytes_[8:12] == b"\1\0\1\0", "another version or suite"
        self.store = bytes_[12:28]
        self.revision, self.generation, self.log, self.durable = struct.unpack("<4Q", bytes_[28:60])
        end = FIXED + SLOT * bytes_[60]
        assert 1 <= bytes_[60] <= 16 and not any(bytes_[end + 32 :]), "not a header"
        self.bytes, self.mac = bytes_[:end], bytes_[end : end + 32]

    def key(self, secret):
        slots = (self.bytes[at : at + SLOT] for at in range(FIXED, len(self.bytes), SLOT))
        return next(filter(None, (unwrap(self.bytes, slot, secret) for slot in slots)), None)

    def genuine(self, data_key):
        mac = hmac.HMAC(hkdf(data_key, self.store, b"openclaw/vault/v1 header"), hashes.SHA256())
        mac.update(self.bytes)
        return mac.finalize() == self.mac


def choose(copies, secret):
    copies.sort(key=lambda copy: -copy.revision)
    for rank, copy in enumerate(copies):
        data_key = copy.key(secret)
        if data_key and copy.genuine(data_key):
            assert not any(newer.genuine(data_key) for newer in copies[:rank]), "the secret was removed"
            return copy, data_key
    raise SystemExit("it does not open with this secret")


def frames(log, data_key, store, number):
    """Yields kind, offset and plaintext of each frame; the last item is the offset where reading ended."""
    at, subkey, counter = 0, None, 0
    chain = hkdf(data_key, store + struct.pack("<Q", number), b"openclaw/vault/v1 log")[:16]
    while at + 9 <= len(log):
        kind, length, count = struct.unpack("<BII", log[at : at + 9])
        end = at + 9 + length + 16
        if not 1 <= kind <= 4 or length > MAX_BODY or end > len(log):
            break
        body, salt = log[at + 9 : end], bytes(32)
        if kind == EPOCH:
            salt, body = body[:32], body[32:]
            subkey, counter = ChaCha20Poly1305(hkdf(data_key, salt, b"openclaw/vault/v1 epoch")), -1
        if subkey is None or count != counter + 1:
            break
        try:
            plain = subkey.decrypt(struct.pack("<I8x", count), body, chain + log[at : at + 9] + salt)
        except InvalidTag:
            break
        yield kind, at, plain
        at, chain, counter = end, log[end - 16 : end], count
    yield None, at, b""


def leb128(bytes_, at):
    value = shift = 0
    while True:
        byte = bytes_[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at


def apply(plain, at, records):
    """Applies the changes from `at` on; returns their number."""
    changes = 0
    while at < len(plain):
        kind, table = plain[at], plain[at + 1]
        at, parts = at + 2, []
        for _ in range({1: 3, 2: 2, 3: 1, 4: 0}[kind]):
            length, at = leb128(plain, at)
            parts.append(length)
        for index, length in enumerate(parts):
            parts[index], at = plain[at : at + length], at + length
        if kind == 1:
            records[table, parts[0], parts[1]] = parts[2]
        elif kind == 2:
            records.pop((table, *parts), None)
        else:
            for name in [name for name in records if list(name[: len(parts) + 1]) == [table, *parts]]:
                del records[name]
        changes += 1
    return changes


def read_log(log, data_key, header, number):
    """The records, the current epoch, and the number of bytes after the end."""
    records, epoch, changes, ended = {}, [0, 0, 0], 0, False
    for kind, at, plain in frames(log, data_key, header.store, number):
        if kind == EPOCH:
            epoch = list(struct.unpack("<3Q", plain[:24]))
        elif kind == BATCH:
            epoch[2] += 1
            apply(plain, leb128(plain, 0)[1], records)
        elif kind == COPY:
            changes += apply(plain, 0, records)
        elif kind == END:
            ended = plain == struct.pack("<Q", changes)
        else:
            assert at >= header.durable and epoch[0] >= (header.generation if number else 0), "damaged"
            return records, epoch, len(log) - at, ended


def main(what, path, how, secret):
    secret = (how, bytes.fromhex(secret) if how == "key" else secret.encode())
    path = Path(path)
    if what == "vault":
        both, copies = (path / "vault.hdr").read_bytes(), []
        for at in (0, HEADER):
            try:
                copies.append(Copy(both[at : at + HEADER], b"OCVAULT\0"))
            except (AssertionError, IndexError):
                pass
        header, data_key = choose(copies, secret)
        log = (path / f"vault-{header.log}.log").read_bytes()
        records, epoch, surplus, _ = read_log(log, data_key, header, header.log)
    else:
        whole = path.read_bytes()
        header, data_key = choose([Copy(whole[:HEADER], b"OCBACKUP")], secret)
        records, epoch, surplus, ended = read_log(whole[HEADER:], data_key, header, 0)
        assert ended and surplus == 0, "the backup is not complete"
    digest = hashlib.sha256()
    for (table, *parts), value in sorted(records.items()):
        digest.update(bytes([table]) + b"".join(struct.pack("<I", len(part)) + part for part in (*parts, value)))
    summary = {"records": len(records), "sha256": digest.hexdigest(), "store": header.store.hex()}
    print(json.dumps({**summary, "generation": epoch[0], "commits": epoch[2], "behind": surplus}))


if __name__ == "__main__":
    main(*sys.argv[1:])
