//! What is read from a file while it arrives: whether it is of the declared kind, its playing time, its size in pixels.

use openclaw_types::MediaKind;

use super::opus::{NotVoice, OpusReader, Voice};
use super::picture::{MAX_HEAD_BYTES, Picture, picture};

/// Why a file cannot be sent as the declared kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is no voice message.
    #[error(transparent)]
    Voice(#[from] NotVoice),
    /// It is no sticker.
    #[error("the file is not a WebP picture")]
    Sticker,
    /// It is no picture.
    #[error("the file is not a JPEG, PNG, WebP or GIF picture")]
    Picture,
    /// It has no bytes, so it cannot be sent as any kind.
    #[error("the file is empty")]
    Empty,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) voice: Option<Voice>,
    pub(super) picture: Option<Picture>,
}

/// Reads a file as it arrives, with the state that its kind needs.
#[derive(Debug)]
pub(super) enum Inspection {
    Voice(Box<OpusReader>),
    Picture { head: Vec<u8>, is_sticker: bool },
    Other,
}

impl Inspection {
    pub(super) fn of(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Voice => Self::Voice(Box::default()),
            MediaKind::Image | MediaKind::Sticker => Self::Picture {
                head: Vec::new(),
                is_sticker: kind == MediaKind::Sticker,
            },
            _ => Self::Other,
        }
    }

    /// The next bytes. Fails as soon as the file is known to be of another kind.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        match self {
            Self::Voice(reader) => reader.read(bytes)?,
            Self::Picture { head, .. } => {
                let wanted = MAX_HEAD_BYTES.saturating_sub(head.len()).min(bytes.len());
                head.extend_from_slice(&bytes[..wanted]);
            }
            Self::Other => {}
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Findings, FormatError> {
        let mut findings = Findings::default();
        match self {
            Self::Voice(reader) => findings.voice = Some(reader.finish()?),
            Self::Picture { head, is_sticker } => {
                findings.picture = picture(&head);
                let is_webp = |found: Picture| found.mime_type == "image/webp";
                if is_sticker && !findings.picture.is_some_and(is_webp) {
                    return Err(FormatError::Sticker);
                }
                if findings.picture.is_none() {
                    return Err(FormatError::Picture);
                }
            }
            Self::Other => {}
        }
        Ok(findings)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{opus, picture};
    use super::*;

    fn inspect(kind: MediaKind, file: &[u8]) -> Result<Findings, FormatError> {
        let mut inspection = Inspection::of(kind);
        for piece in file.chunks(7) {
            inspection.read(piece)?;
        }
        inspection.finish()
    }

    #[test]
    fn only_voice_messages_stickers_and_pictures_must_be_of_a_format() {
        let (voice, sticker) = (opus::tests::voice(3), picture::tests::STICKER);
        let seconds = inspect(MediaKind::Voice, &voice).unwrap().voice.unwrap();
        assert_eq!(seconds.seconds, 3);
        assert!(inspect(MediaKind::Sticker, sticker).is_ok());
        let refused = inspect(MediaKind::Sticker, &voice);
        assert_eq!(refused, Err(FormatError::Sticker));
        let refused = inspect(MediaKind::Voice, sticker);
        assert_eq!(refused, Err(FormatError::Voice(NotVoice::NotOgg)));
        assert!(inspect(MediaKind::Image, sticker).is_ok());
        let refused = inspect(MediaKind::Image, b"anything");
        assert_eq!(refused, Err(FormatError::Picture));
        for kind in [MediaKind::Video, MediaKind::Audio, MediaKind::Document] {
            assert!(inspect(kind, b"anything").is_ok());
        }
    }
}
