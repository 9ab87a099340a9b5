//! A QR code as an uncompressed PNG image with one bit per pixel: some 40 KB, without a library.
//!
//! PNG (W3C, third edition): signature, IHDR, IDAT, IEND; the data is a zlib stream (RFC 1950) of
//! stored blocks (RFC 1951, 3.2.4).

use super::Matrix;

const PIXELS_PER_MODULE: usize = 8;
/// The limit of a stored block.
const MAX_BLOCK_BYTES: usize = 0xffff;

/// The complete file.
pub(crate) fn image(code: &Matrix) -> Vec<u8> {
    // With eight pixels per module, each module is one byte per row: 0 is black.
    let side = code.side();
    let mut pixels = Vec::with_capacity(side * PIXELS_PER_MODULE * (side + 1));
    for y in 0..side {
        for _ in 0..PIXELS_PER_MODULE {
            pixels.push(0); // no filter
            pixels.extend((0..side).map(|x| if code.is_dark(x, y) { 0x00 } else { 0xff }));
        }
    }
    let extent = u32::try_from(side * PIXELS_PER_MODULE)
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let mut header = [extent, extent].concat();
    header.extend([1, 0, 0, 0, 0]); // one bit, greyscale, no interlace

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, *b"IHDR", &header);
    chunk(&mut file, *b"IDAT", &stored(&pixels));
    chunk(&mut file, *b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    file.extend(length.to_be_bytes());
    file.extend(name);
    file.extend(data);
    file.extend(crc32(name.iter().chain(data)).to_be_bytes());
}

fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks = data.len().div_ceil(MAX_BLOCK_BYTES);
    for (i, block) in data.chunks(MAX_BLOCK_BYTES).enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.push(u8::from(i + 1 == blocks));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn crc32<'a>(data: impl Iterator<Item = &'a u8>) -> u32 {
    !data.fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_match_the_standards() {
        assert_eq!(crc32(b"123456789".iter()), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }
}
