//! Files: their description and location.

use openclaw_types::{Media, MediaKind, MediaPointer};
use whatsapp_rust::waproto::whatsapp as wa;

use super::{MAX_NAME_BYTES, name};

/// The file of a message, with its caption.
pub(super) fn media(message: &wa::Message, caption: &str) -> Option<Media> {
    macro_rules! media {
        ($kind:expr, $file:ident) => {
            Media {
                kind: $kind,
                mime_type: name($file.mimetype.as_deref()),
                file_name: String::new(),
                bytes: $file.file_length.unwrap_or_default(),
                seconds: 0,
                pixels: (0, 0),
                caption: caption.to_owned(),
                pointer: pointer(Found {
                    direct_path: $file.direct_path.as_deref(),
                    key: $file.media_key.as_deref(),
                    sha256: $file.file_sha256.as_deref(),
                    encrypted_sha256: $file.file_enc_sha256.as_deref(),
                    key_made_at: $file.media_key_timestamp,
                }),
            }
        };
    }
    macro_rules! pixels {
        ($file:ident) => {
            (
                $file.width.unwrap_or_default(),
                $file.height.unwrap_or_default(),
            )
        };
    }
    if let Some(file) = message.image_message.as_option() {
        return Some(Media {
            pixels: pixels!(file),
            ..media!(MediaKind::Image, file)
        });
    }
    if let Some(file) = message.video_message.as_option() {
        let is_gif = file.gif_playback == Some(true);
        let kind = if is_gif {
            MediaKind::Gif
        } else {
            MediaKind::Video
        };
        return Some(Media {
            seconds: file.seconds.unwrap_or_default(),
            pixels: pixels!(file),
            ..media!(kind, file)
        });
    }
    if let Some(file) = message.ptv_message.as_option() {
        return Some(Media {
            seconds: file.seconds.unwrap_or_default(),
            pixels: pixels!(file),
            ..media!(MediaKind::VideoNote, file)
        });
    }
    if let Some(file) = message.audio_message.as_option() {
        let is_voice = file.ptt == Some(true);
        let kind = if is_voice {
            MediaKind::Voice
        } else {
            MediaKind::Audio
        };
        return Some(Media {
            seconds: file.seconds.unwrap_or_default(),
            ..media!(kind, file)
        });
    }
    if let Some(file) = message.sticker_message.as_option() {
        return Some(Media {
            pixels: pixels!(file),
            ..media!(MediaKind::Sticker, file)
        });
    }
    let file = message.document_message.as_option()?;
    Some(Media {
        file_name: name(file.file_name.as_deref().or(file.title.as_deref())),
        ..media!(MediaKind::Document, file)
    })
}

/// The location and keys of a file, as a message contains them.
#[derive(Clone, Copy)]
struct Found<'a> {
    direct_path: Option<&'a str>,
    key: Option<&'a [u8]>,
    sha256: Option<&'a [u8]>,
    encrypted_sha256: Option<&'a [u8]>,
    key_made_at: Option<i64>,
}

/// `None` unless the file can be fetched and verified with it.
fn pointer(found: Found<'_>) -> Option<MediaPointer> {
    let hash = |hash: Option<&[u8]>| hash.filter(|hash| hash.len() == 32).map(<[u8]>::to_vec);
    let direct_path = found
        .direct_path
        .filter(|path| (1..=MAX_NAME_BYTES).contains(&path.len()))?;
    Some(MediaPointer {
        direct_path: direct_path.to_owned(),
        key: hash(found.key)?,
        sha256: hash(found.sha256)?,
        encrypted_sha256: hash(found.encrypted_sha256)?,
        key_made_at: found.key_made_at.unwrap_or_default(),
    })
}
