//! A file of a message.

use openclaw_types::{Media, MediaKind};

use super::{seconds, seconds_from};
use crate::v1;

/// A file, without its location and key: those never leave the agent.
#[must_use]
pub fn media(media: Media) -> v1::Media {
    let Media {
        kind,
        mime_type,
        file_name,
        bytes,
        seconds: plays,
        pixels: (width, height),
        caption,
        pointer,
    } = media;
    v1::Media {
        kind: media_kind(kind).into(),
        mime_type,
        file_name,
        size_bytes: bytes,
        duration: seconds(plays),
        width,
        height,
        caption,
        downloadable: pointer.is_some(),
        media_id: String::new(),
        view_once: false,
    }
}

/// Without the pointer, which never leaves the agent.
pub(super) fn media_from(media: v1::Media) -> Media {
    let kind = media.kind();
    let v1::Media {
        kind: _,
        mime_type,
        file_name,
        size_bytes,
        duration,
        width,
        height,
        caption,
        downloadable: _,
        media_id: _,
        view_once: _,
    } = media;
    Media {
        kind: match kind {
            v1::MediaKind::Image => MediaKind::Image,
            v1::MediaKind::Video => MediaKind::Video,
            v1::MediaKind::Audio => MediaKind::Audio,
            v1::MediaKind::Voice => MediaKind::Voice,
            v1::MediaKind::Sticker => MediaKind::Sticker,
            v1::MediaKind::Gif => MediaKind::Gif,
            v1::MediaKind::VideoNote => MediaKind::VideoNote,
            v1::MediaKind::Document => MediaKind::Document,
            v1::MediaKind::Unspecified => MediaKind::Unknown,
        },
        mime_type,
        file_name,
        bytes: size_bytes,
        seconds: seconds_from(duration),
        pixels: (width, height),
        caption,
        pointer: None,
    }
}

/// The kind of a file.
#[must_use]
pub const fn media_kind(kind: MediaKind) -> v1::MediaKind {
    match kind {
        MediaKind::Image => v1::MediaKind::Image,
        MediaKind::Video => v1::MediaKind::Video,
        MediaKind::Audio => v1::MediaKind::Audio,
        MediaKind::Voice => v1::MediaKind::Voice,
        MediaKind::Document => v1::MediaKind::Document,
        MediaKind::Sticker => v1::MediaKind::Sticker,
        MediaKind::Gif => v1::MediaKind::Gif,
        MediaKind::VideoNote => v1::MediaKind::VideoNote,
        MediaKind::Unknown => v1::MediaKind::Unspecified,
    }
}
