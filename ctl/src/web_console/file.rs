//! The file of a message, for the browser. What its sender says about it is not believed: only bytes that begin as a
//! picture, a sound or a film do are shown as such, everything else is saved.

use data_encoding::HEXUPPER;
use hyper::header::HeaderValue;
use openclaw_proto::v1::MediaKind;
use tokio::sync::Semaphore;

use super::query::Query;
use crate::address::Address;
use crate::failure::Failure;
use crate::media::name;
use crate::media::whole::{Wanted, fetch};
use crate::web::Answer;

/// The largest file that the page gets: it is held in memory until it is verified.
const MAX_BYTES: u64 = 32 << 20;
const UNKNOWN: &str = "application/octet-stream";

/// Answers with the file of the event `seq`, or of the message that it quotes.
pub(super) async fn answer(
    address: &Address,
    query: &Query<'_>,
    room: &Semaphore,
) -> Result<Answer, Failure> {
    let seq = query.number("seq")?.unwrap_or_default();
    let wanted = Wanted {
        seq,
        quoted: query.number("quoted")? == Some(1),
        max_bytes: MAX_BYTES,
    };
    // Closed never: it waits for the files before it.
    let _room = room.acquire().await.ok();
    let fetched = fetch(address, wanted, &mut ()).await?;
    let is_saved = query.number("save")? == Some(1);
    let content_type = shown_as(&fetched.bytes, fetched.media.kind());
    let (content_type, how) = match content_type {
        Some(content_type) if !is_saved => (content_type, "inline"),
        _ => (UNKNOWN, "attachment"),
    };
    let name = name::of(&fetched.media, seq);
    Ok(Answer::foreign(
        content_type,
        disposition(how, &name),
        fetched.bytes,
    ))
}

/// The name as RFC 6266 writes it, in UTF-8.
fn disposition(how: &str, name: &str) -> HeaderValue {
    let mut text = format!("{how}; filename*=UTF-8''");
    for byte in name.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) => {
                text.push(char::from(byte));
            }
            byte => {
                text.push('%');
                text.push_str(&HEXUPPER.encode(&[byte]));
            }
        }
    }
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

/// The type of what a browser shows or plays, by its first bytes.
fn shown_as(bytes: &[u8], kind: MediaKind) -> Option<&'static str> {
    let is_at = |at: usize, mark: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(mark));
    let is_sound = matches!(kind, MediaKind::Audio | MediaKind::Voice);
    match bytes {
        _ if is_at(0, b"\xff\xd8\xff") => Some("image/jpeg"),
        _ if is_at(0, b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        _ if is_at(0, b"GIF87a") || is_at(0, b"GIF89a") => Some("image/gif"),
        _ if is_at(0, b"RIFF") && is_at(8, b"WEBP") => Some("image/webp"),
        _ if is_at(0, b"RIFF") && is_at(8, b"WAVE") => Some("audio/wav"),
        _ if is_at(0, b"OggS") => Some("audio/ogg"),
        _ if is_at(0, b"ID3") || is_at(0, b"\xff\xfb") => Some("audio/mpeg"),
        _ if is_at(4, b"ftyp") && is_sound => Some("audio/mp4"),
        _ if is_at(4, b"ftyp") => Some("video/mp4"),
        _ if is_at(0, b"\x1a\x45\xdf\xa3") => Some("video/webm"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_sounds_and_films_are_shown() {
        for (bytes, shown) in [
            (&b"\xff\xd8\xff\xe0"[..], Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n....", Some("image/png")),
            (b"RIFF....WEBP", Some("image/webp")),
            (b"OggS..", Some("audio/ogg")),
            (b"....ftypmp42", Some("video/mp4")),
            (b"<svg onload=alert(1)>", None),
            (b"<!doctype html>", None),
            (b"%PDF-1.7", None),
            (b"", None),
        ] {
            assert_eq!(shown_as(bytes, MediaKind::Image), shown, "{bytes:?}");
        }
        assert_eq!(
            shown_as(b"....ftypM4A ", MediaKind::Audio),
            Some("audio/mp4")
        );
    }

    #[test]
    fn a_name_cannot_end_its_header() {
        let header = disposition("attachment", "r\u{e9}sum\u{e9} \"1\";\r\nx: y.pdf");
        assert_eq!(
            header,
            "attachment; filename*=UTF-8''r%C3%A9sum%C3%A9%20%221%22%3B%0D%0Ax%3A%20y.pdf"
        );
    }
}
