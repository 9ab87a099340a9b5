//! zlib (RFC 1950), with which frames and history are compressed.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// The bit in a frame's first byte that marks the rest as compressed.
const COMPRESSED: u8 = 2;

/// Compresses bytes.
pub(crate) fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(data)
        .and_then(|()| encoder.finish())
        .expect("writing to a Vec cannot fail")
}

/// The frame of a marshalled stanza: compressed if it has at least `compress_from` bytes.
pub(crate) fn packed(stanza: Vec<u8>, compress_from: usize) -> Vec<u8> {
    match stanza.split_first() {
        Some((flags, rest)) if stanza.len() >= compress_from => {
            let mut packed = vec![flags | COMPRESSED];
            packed.extend(zlib(rest));
            packed
        }
        _ => stanza,
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use wacore_binary::util::unpack_bytes;

    use super::*;

    #[test]
    fn a_large_stanza_is_compressed_and_a_small_one_is_not() {
        for length in [1, 99, 100, 70_000] {
            let mut stanza = vec![0];
            stanza.extend((1..length).map(|i: u32| i.to_le_bytes()[0]));
            let packed = packed(stanza.clone(), 100);
            assert_eq!(packed[0] == COMPRESSED, stanza.len() >= 100);
            let unpacked = unpack_bytes(BytesMut::from(&packed[..])).expect("a frame");
            assert_eq!(unpacked, stanza[1..]);
        }
    }
}
