//! Files: with everything that it takes to download them, or, in a quote, without.

use openclaw_state::uploads::{Hosted, Upload};
use openclaw_types::{Media, MediaKind, MediaPointer, NewFile};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::{
    AudioMessage, DocumentMessage, FutureProofMessage, ImageMessage, StickerMessage, VideoMessage,
};

use super::non_empty;

/// The fields that every kind of file has.
macro_rules! with_file {
    ($message:ident, $media:ident, $pointer:ident, $hosted:ident) => {
        $message {
            url: Some($hosted.url.clone()),
            direct_path: Some($hosted.direct_path.clone()),
            mimetype: non_empty(&$media.mime_type),
            media_key: Some($pointer.key.clone()),
            media_key_timestamp: Some($pointer.key_made_at),
            file_sha256: Some($pointer.sha256.clone()),
            file_enc_sha256: Some($pointer.encrypted_sha256.clone()),
            file_length: Some($media.bytes),
            ..Default::default()
        }
    };
}

/// A message with a file that was uploaded.
pub(super) fn message(file: &NewFile, upload: &Upload, hosted: &Hosted) -> wa::Message {
    let Upload {
        media,
        encrypted_bytes: _,
        waveform,
        thumbnail,
        sidecar,
        animated,
        created_at: _,
    } = upload;
    let none = MediaPointer::default();
    let pointer = media.pointer.as_ref().unwrap_or(&none);
    let caption = non_empty(&file.caption);
    let view_once = file.view_once.then_some(true);
    let (width, height) = pixels(media);
    let seconds = (media.seconds > 0).then_some(media.seconds);
    let mut message = wa::Message::default();
    match media.kind {
        MediaKind::Image => {
            message.image_message = MessageField::some(ImageMessage {
                caption,
                width,
                height,
                view_once,
                jpeg_thumbnail: bytes(thumbnail),
                ..with_file!(ImageMessage, media, pointer, hosted)
            });
        }
        MediaKind::Video | MediaKind::Gif | MediaKind::VideoNote => {
            message.video_message = MessageField::some(VideoMessage {
                caption,
                width,
                height,
                seconds,
                view_once,
                gif_playback: (media.kind == MediaKind::Gif).then_some(true),
                jpeg_thumbnail: bytes(thumbnail),
                streaming_sidecar: bytes(sidecar),
                ..with_file!(VideoMessage, media, pointer, hosted)
            });
        }
        MediaKind::Audio | MediaKind::Voice => {
            message.audio_message = MessageField::some(AudioMessage {
                seconds,
                view_once,
                ptt: Some(media.kind == MediaKind::Voice),
                waveform: bytes(waveform),
                streaming_sidecar: bytes(sidecar),
                ..with_file!(AudioMessage, media, pointer, hosted)
            });
        }
        MediaKind::Sticker => {
            message.sticker_message = MessageField::some(StickerMessage {
                width,
                height,
                is_animated: Some(*animated),
                ..with_file!(StickerMessage, media, pointer, hosted)
            });
        }
        MediaKind::Document | MediaKind::Unknown => {
            message.document_message = MessageField::some(DocumentMessage {
                caption,
                file_name: non_empty(&media.file_name),
                title: non_empty(&media.file_name),
                jpeg_thumbnail: bytes(thumbnail),
                ..with_file!(DocumentMessage, media, pointer, hosted)
            });
        }
    }
    message
}

/// As WhatsApp's own clients send it: what can be viewed once, and a document with a caption, has an envelope. Without
/// it a phone shows a picture for good, and no caption.
pub(super) fn in_envelope(file: &NewFile, upload: &Upload, message: wa::Message) -> wa::Message {
    let kind = upload.media.kind;
    let has_envelope = file.view_once || (kind == MediaKind::Document && !file.caption.is_empty());
    if !has_envelope {
        return message;
    }
    let content = MessageField::some(FutureProofMessage {
        message: MessageField::some(message),
    });
    let mut envelope = wa::Message::default();
    match (kind, file.view_once) {
        (MediaKind::Audio | MediaKind::Voice, true) => {
            envelope.view_once_message_v2_extension = content;
        }
        (_, true) => envelope.view_once_message_v2 = content,
        (_, false) => envelope.document_with_caption_message = content,
    }
    envelope
}

const fn pixels(media: &Media) -> (Option<u32>, Option<u32>) {
    match media.pixels {
        (0, _) | (_, 0) => (None, None),
        (width, height) => (Some(width), Some(height)),
    }
}

fn bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    (!bytes.is_empty()).then(|| bytes.to_vec())
}

/// A file without what it takes to fetch it.
pub(super) fn quoted(kind: MediaKind, caption: &str, file_name: &str) -> wa::Message {
    let caption = non_empty(caption);
    let mut message = wa::Message::default();
    match kind {
        MediaKind::Video | MediaKind::Gif | MediaKind::VideoNote => {
            message.video_message = MessageField::some(VideoMessage {
                caption,
                gif_playback: Some(kind == MediaKind::Gif),
                ..Default::default()
            });
        }
        MediaKind::Audio | MediaKind::Voice => {
            message.audio_message = MessageField::some(AudioMessage {
                ptt: Some(kind == MediaKind::Voice),
                ..Default::default()
            });
        }
        MediaKind::Document => {
            message.document_message = MessageField::some(DocumentMessage {
                caption,
                file_name: non_empty(file_name),
                ..Default::default()
            });
        }
        MediaKind::Sticker => {
            message.sticker_message = MessageField::some(StickerMessage::default());
        }
        MediaKind::Image | MediaKind::Unknown => {
            message.image_message = MessageField::some(ImageMessage {
                caption,
                ..Default::default()
            });
        }
    }
    message
}
