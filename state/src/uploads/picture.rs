//! Format, width and height of a picture, from the beginning of its file: JPEG, PNG, GIF and WebP. Nothing is decoded.

/// How much of a file is read. A JPEG's size comes after its metadata, which may contain a preview.
pub(super) const MAX_HEAD_BYTES: usize = 256 * 1024;

/// What was read from a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) mime_type: &'static str,
    /// As shown, with the rotation in the metadata applied. 0 if it could not be read, like `height`.
    pub(super) width: u32,
    pub(super) height: u32,
    /// It is a WebP with more than one frame.
    pub(super) animated: bool,
}

/// `None` if it has none of these formats: WhatsApp's clients show no others.
pub(super) fn picture(head: &[u8]) -> Option<Picture> {
    png(head)
        .or_else(|| jpeg(head))
        .or_else(|| webp(head))
        .or_else(|| gif(head))
}

const fn still(mime_type: &'static str, width: u32, height: u32) -> Picture {
    Picture {
        mime_type,
        width,
        height,
        animated: false,
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn png(head: &[u8]) -> Option<Picture> {
    let chunk = head.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")?;
    let width = u32::from_be_bytes(array(chunk, 0)?);
    let height = u32::from_be_bytes(array(chunk, 4)?);
    Some(still("image/png", width, height))
}

fn gif(head: &[u8]) -> Option<Picture> {
    let known = head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a");
    known.then_some(())?;
    let width = u16::from_le_bytes(array(head, 6)?);
    let height = u16::from_le_bytes(array(head, 8)?);
    Some(still("image/gif", width.into(), height.into()))
}

fn jpeg(head: &[u8]) -> Option<Picture> {
    let is_jpeg = head.starts_with(b"\xff\xd8\xff");
    let segments = head.get(2..).filter(|_| is_jpeg)?;
    // With more metadata than `MAX_HEAD_BYTES` the size is not found.
    let (width, height) = jpeg_size(segments).unwrap_or_default();
    Some(still("image/jpeg", width, height))
}

/// Segments follow each other: a marker, a length, content. The size is in the segment that begins a frame, the rotation
/// in one before it.
fn jpeg_size(mut rest: &[u8]) -> Option<(u32, u32)> {
    let mut is_turned = false;
    loop {
        let marker = match rest {
            // Padding.
            [0xff, 0xff, ..] => {
                rest = &rest[1..];
                continue;
            }
            [0xff, marker, after @ ..] => {
                rest = after;
                *marker
            }
            _ => return None,
        };
        match marker {
            // SOF0 to SOF15, without DHT, JPG and DAC: length, precision, height, width.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let height = u16::from_be_bytes(array(rest, 3)?).into();
                let width = u16::from_be_bytes(array(rest, 5)?).into();
                return Some(if is_turned {
                    (height, width)
                } else {
                    (width, height)
                });
            }
            // Markers without content.
            0x01 | 0xd0..=0xd7 => {}
            _ => {
                let length = usize::from(u16::from_be_bytes(array(rest, 0)?).max(2));
                let content = rest.get(2..length)?;
                if marker == 0xe1 && !is_turned {
                    is_turned = exif_orientation(content).is_some_and(|it| (5..=8).contains(&it));
                }
                rest = &rest[length..];
            }
        }
    }
}

/// The rotation to show the picture with: 5 to 8 are quarter turns. The segment has a TIFF header, then the entries of a
/// directory.
fn exif_orientation(segment: &[u8]) -> Option<u16> {
    const ORIENTATION: u16 = 0x0112;
    let tiff = segment.strip_prefix(b"Exif\0\0")?;
    let is_little = match tiff.first_chunk()? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at| {
        let bytes = array(tiff, at)?;
        Some(match is_little {
            true => u16::from_le_bytes(bytes),
            false => u16::from_be_bytes(bytes),
        })
    };
    let directory = match is_little {
        true => u32::from_le_bytes(array(tiff, 4)?),
        false => u32::from_be_bytes(array(tiff, 4)?),
    };
    let directory = usize::try_from(directory).ok()?;
    let entries = directory.checked_add(2)?;
    let entry = (0..usize::from(short(directory)?))
        .map(|index| entries + 12 * index)
        .find(|at| short(*at) == Some(ORIENTATION))?;
    short(entry + 8)
}

/// WebP is in a RIFF container: simple, lossless or extended.
fn webp(head: &[u8]) -> Option<Picture> {
    let is_webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    is_webp.then_some(())?;
    let [a, b, c, d]: [u8; 4] = array(head, 12)?;
    let content = head.get(20..)?;
    let (width, height, animated) = match &[a, b, c, d] {
        b"VP8 " => {
            // Three bytes of a tag, three of a start code, then 14 bits each.
            let width = u16::from_le_bytes(array(content, 6)?) & 0x3fff;
            let height = u16::from_le_bytes(array(content, 8)?) & 0x3fff;
            (u32::from(width), u32::from(height), false)
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes(array(content, 1)?);
            ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1, false)
        }
        b"VP8X" => {
            let flags = content.first()?;
            let side = |at| {
                let [a, b, c] = array(content, at)?;
                Some(u32::from_le_bytes([a, b, c, 0]) + 1)
            };
            (side(4)?, side(7)?, flags & 2 != 0)
        }
        _ => return None,
    };
    Some(Picture {
        mime_type: "image/webp",
        width,
        height,
        animated,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// 32 by 16 pixels.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x20\0\0\0\x10\x08\x06\0\0\0";
    const GIF: &[u8] = b"GIF89a\x20\0\x10\0\xf7\0\0";
    const JPEG: &[u8] =
        b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc4\0\x02\xff\xc2\0\x11\x08\0\x10\0\x20\x03";
    pub(in crate::uploads) const STICKER: &[u8] =
        b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x1f\0\0\x0f\0\0";
    const LOSSY: &[u8] = b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x20\0\x10\0";
    const LOSSLESS: &[u8] = b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f\x1f\xc0\x03\0";

    #[test]
    fn the_size_of_every_format_is_read() {
        for (head, mime_type, animated) in [
            (PNG, "image/png", false),
            (GIF, "image/gif", false),
            (JPEG, "image/jpeg", false),
            (STICKER, "image/webp", true),
            (LOSSY, "image/webp", false),
            (LOSSLESS, "image/webp", false),
        ] {
            let found = picture(head).unwrap();
            let size = (found.width, found.height);
            assert_eq!((found.mime_type, size), (mime_type, (32, 16)));
            assert_eq!(found.animated, animated, "{mime_type}");
        }
    }

    #[test]
    fn a_jpeg_that_its_camera_turned_is_as_high_as_it_is_shown() {
        for (exif, is_turned) in [
            (
                &b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"[..],
                true,
            ),
            (
                b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0",
                true,
            ),
            (
                b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0",
                false,
            ),
            (b"II*\0\xff\xff\xff\xff", false),
            (b"what?", false),
        ] {
            let length = u16::try_from(8 + exif.len()).unwrap();
            let mut file = b"\xff\xd8\xff\xe1".to_vec();
            file.extend(length.to_be_bytes());
            file.extend(b"Exif\0\0");
            file.extend(exif);
            file.extend(&JPEG[2..]);
            let found = picture(&file).unwrap();
            let size = if is_turned { (16, 32) } else { (32, 16) };
            assert_eq!((found.width, found.height), size, "{exif:?}");
        }
    }

    #[test]
    fn what_is_cut_short_has_no_size_and_something_else_is_no_picture() {
        for head in [PNG, GIF, JPEG, STICKER, LOSSY, LOSSLESS] {
            for length in 0..head.len() {
                let _ = picture(&head[..length]);
            }
        }
        assert_eq!(picture(b""), None);
        assert_eq!(picture(b"%PDF-1.7"), None);
        let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
        assert_eq!(picture(heic), None);
        let cut = picture(&JPEG[..JPEG.len() - 4]).unwrap();
        assert_eq!((cut.width, cut.height), (0, 0));
    }
}
