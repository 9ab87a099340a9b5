//! The name of a downloaded file, derived from the sender's name for it. A sender cannot choose a directory, hide a
//! file, or use characters with a special meaning for terminals and shells.

use std::path::{Path, PathBuf};

use openclaw_proto::Word as _;
use openclaw_proto::v1::{Media, MediaKind};

use crate::text;

/// File systems allow 255 bytes; `.part` and a number are appended.
const MAX_NAME_BYTES: usize = 200;
/// The limit of numbered names that are tried.
const MAX_NUMBER: u32 = 1_000;

/// The name as sent, or one made of kind, seq and type.
pub(crate) fn of(media: &Media, seq: u64) -> String {
    let name = tidy(&media.file_name);
    if !name.is_empty() {
        return name;
    }
    let kind = match media.kind() {
        MediaKind::Unspecified => "file",
        kind => kind.word(),
    };
    format!("{kind}-{seq}.{}", extension(media))
}

/// Candidate names, tried until one is free: `a.pdf`, `a (2).pdf`, …
pub(super) fn candidates(dir: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let (stem, extension) = parts(name);
    let numbered = (2..MAX_NUMBER).map(move |number| format!("{stem} ({number}){extension}"));
    let dir = dir.to_owned();
    std::iter::once(name.to_owned())
        .chain(numbered)
        .map(move |name| dir.join(name))
}

/// The stem and the extension with its dot.
fn parts(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 16 => name.split_at(dot),
        _ => (name, ""),
    }
}

fn tidy(name: &str) -> String {
    let is_bad = |c: char| {
        text::is_unsafe(c) || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
    };
    let safe: String = name
        .chars()
        .map(|c| if is_bad(c) { '_' } else { c })
        .collect();
    // A leading dot would hide the file, and a leading dash would look like an option.
    let safe = safe.trim_matches(|c: char| c.is_whitespace() || c == '.');
    let safe = safe.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '-'));
    let (stem, extension) = parts(safe);
    let stem = &stem[..stem.floor_char_boundary(MAX_NAME_BYTES - extension.len())];
    format!("{stem}{extension}")
}

/// By MIME type, else by kind.
fn extension(media: &Media) -> &'static str {
    let mime = media.mime_type.split(';').next().unwrap_or_default().trim();
    match mime.to_ascii_lowercase().as_str() {
        "image/jpeg" | "image/jpg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "image/heic" => "heic",
        "video/mp4" => "mp4",
        "video/3gpp" => "3gp",
        "video/quicktime" => "mov",
        "video/webm" => "webm",
        "audio/ogg" | "audio/opus" => "ogg",
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/mp4" | "audio/x-m4a" | "audio/m4a" => "m4a",
        "audio/aac" => "aac",
        "audio/amr" => "amr",
        "audio/wav" | "audio/x-wav" => "wav",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/json" => "json",
        "application/msword" => "doc",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.ms-powerpoint" => "ppt",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => "pptx",
        "text/plain" => "txt",
        "text/csv" => "csv",
        "text/vcard" | "text/x-vcard" => "vcf",
        "text/calendar" => "ics",
        _ => match media.kind() {
            MediaKind::Image => "jpg",
            MediaKind::Video | MediaKind::Gif | MediaKind::VideoNote => "mp4",
            MediaKind::Voice => "ogg",
            MediaKind::Sticker => "webp",
            MediaKind::Audio | MediaKind::Document | MediaKind::Unspecified => "bin",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(file_name: &str) -> String {
        let media = Media {
            file_name: file_name.to_owned(),
            mime_type: "application/pdf".to_owned(),
            kind: MediaKind::Document.into(),
            ..Media::default()
        };
        of(&media, 7)
    }

    #[test]
    fn a_senders_name_cannot_choose_a_directory_or_hide_a_file() {
        for (sent, name) in [
            ("Report 2026.pdf", "Report 2026.pdf"),
            ("Отчёт.pdf", "Отчёт.pdf"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("/etc/passwd", "_etc_passwd"),
            ("C:\\boot.ini", "C__boot.ini"),
            (".bashrc", "bashrc"),
            ("..", "document-7.pdf"),
            (" . ", "document-7.pdf"),
            ("", "document-7.pdf"),
            ("-rf", "rf"),
            ("a\u{202e}fdp.exe", "a_fdp.exe"),
            ("a\nb\x1b[2J\0.txt", "a_b_[2J_.txt"),
            ("trailing. ", "trailing"),
        ] {
            assert_eq!(named(sent), name, "{sent:?}");
        }
    }

    #[test]
    fn a_long_name_is_truncated_before_its_extension() {
        for letter in ["a", "я", "👩"] {
            let name = named(&format!("{}.pdf", letter.repeat(300)));
            assert!(
                name.len() <= MAX_NAME_BYTES && name.ends_with(".pdf"),
                "{name}"
            );
            assert!(name.len() > MAX_NAME_BYTES - 4, "{name}");
        }
        assert_eq!(
            named(&format!("a.{}", "b".repeat(300))).len(),
            MAX_NAME_BYTES
        );
    }

    #[test]
    fn without_a_name_the_extension_is_from_the_type() {
        for (kind, mime, name) in [
            (MediaKind::Image, "image/png", "image-7.png"),
            (MediaKind::Voice, "audio/ogg; codecs=opus", "voice-7.ogg"),
            (MediaKind::VideoNote, "", "video_note-7.mp4"),
            (MediaKind::Sticker, "image/webp", "sticker-7.webp"),
            (
                MediaKind::Document,
                "application/x-strange",
                "document-7.bin",
            ),
            (MediaKind::Unspecified, "text/plain", "file-7.txt"),
        ] {
            let media = Media {
                kind: kind.into(),
                mime_type: mime.to_owned(),
                ..Media::default()
            };
            assert_eq!(of(&media, 7), name);
        }
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number_before_its_extension() {
        let mut names = candidates(Path::new("d"), "a.tar.gz");
        assert_eq!(names.next(), Some(PathBuf::from("d/a.tar.gz")));
        assert_eq!(names.next(), Some(PathBuf::from("d/a.tar (2).gz")));
        let mut names = candidates(Path::new(""), "a");
        assert_eq!(names.next(), Some(PathBuf::from("a")));
        assert_eq!(names.next(), Some(PathBuf::from("a (2)")));
    }
}
