//! Images, videos, audio, documents, stickers: the metadata of a file, and its location.

use buffa::MessageField;
use serde::{Deserialize, Serialize, Serializer};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::{
    AudioMessage, DocumentMessage, ImageMessage, StickerMessage, VideoMessage,
};

use super::binary::Base64;

/// The location and the keys of a file. Fields are sent unchanged; for a file that the simulator makes, missing ones
/// are filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// The URL, including the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The path on any media host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_path: Option<String>,
    /// The media key, from which the keys are derived: 32 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_key: Option<Base64>,
    /// SHA-256 of the plaintext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Base64>,
    /// SHA-256 of the encrypted file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enc_sha256: Option<Base64>,
    /// The size of the plaintext, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The result of decrypting a file that a client sent: `true`, or the error.
    #[serde(
        skip_deserializing,
        skip_serializing_if = "Option::is_none",
        serialize_with = "true_or_why"
    )]
    pub opened: Option<Result<(), String>>,
}

fn true_or_why<S: Serializer>(
    opened: &Option<Result<(), String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match opened {
        Some(Err(reason)) => serializer.serialize_str(reason),
        _ => serializer.serialize_bool(true),
    }
}

/// A file with its metadata. A field that its kind does not have is omitted from the message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// The caption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Its MIME type; by default the usual one of its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// A document's file name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The duration in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// A video that plays automatically, without sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gif: Option<bool>,
    /// A voice message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice: Option<bool>,
    /// An animated sticker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub animated: Option<bool>,
    /// A document's pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// View once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view_once: Option<bool>,
    /// The volume of a voice message over time: 64 numbers from 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waveform: Option<Base64>,
    /// A small JPEG (PNG for a sticker) in the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Base64>,
    /// The content of the file: the simulator encrypts it and uploads it to the media host.
    #[serde(skip_serializing)]
    pub bytes: Option<Base64>,
    /// Like `bytes`: a generated file of this size.
    #[serde(skip_serializing)]
    pub fill: Option<u64>,
    /// Its location.
    #[serde(skip_serializing_if = "is_nowhere")]
    pub file: File,
}

fn is_nowhere(file: &File) -> bool {
    *file == File::default()
}

fn bytes(field: &Option<Base64>) -> Option<Vec<u8>> {
    field.as_ref().map(|bytes| bytes.0.clone())
}

fn base64(field: &Option<Vec<u8>>) -> Option<Base64> {
    field.clone().map(Base64)
}

/// The fields that every kind of file message has.
macro_rules! with_file {
    ($message:ident, $media:ident, $mime:literal) => {
        $message {
            mimetype: $media.mime.clone().or(Some($mime.to_owned())),
            url: $media.file.url.clone(),
            direct_path: $media.file.direct_path.clone(),
            media_key: bytes(&$media.file.media_key),
            file_sha256: bytes(&$media.file.sha256),
            file_enc_sha256: bytes(&$media.file.enc_sha256),
            file_length: $media.file.size,
            ..Default::default()
        }
    };
}

/// [`with_file`], for reading.
macro_rules! file_of {
    ($message:ident) => {
        Media {
            mime: $message.mimetype.clone(),
            file: File {
                url: $message.url.clone(),
                direct_path: $message.direct_path.clone(),
                media_key: base64(&$message.media_key),
                sha256: base64(&$message.file_sha256),
                enc_sha256: base64(&$message.file_enc_sha256),
                size: $message.file_length,
                opened: None,
            },
            ..Media::default()
        }
    };
}

impl Media {
    pub(crate) fn image(&self) -> wa::Message {
        let image = ImageMessage {
            caption: self.caption.clone(),
            width: self.width,
            height: self.height,
            view_once: self.view_once,
            jpeg_thumbnail: bytes(&self.thumbnail),
            ..with_file!(ImageMessage, self, "image/jpeg")
        };
        wa::Message {
            image_message: MessageField::some(image),
            ..Default::default()
        }
    }

    pub(crate) fn of_image(image: &ImageMessage) -> Self {
        Self {
            caption: image.caption.clone(),
            width: image.width,
            height: image.height,
            view_once: image.view_once,
            thumbnail: base64(&image.jpeg_thumbnail),
            ..file_of!(image)
        }
    }

    pub(crate) fn video(&self) -> VideoMessage {
        VideoMessage {
            caption: self.caption.clone(),
            width: self.width,
            height: self.height,
            seconds: self.seconds,
            gif_playback: self.gif,
            view_once: self.view_once,
            jpeg_thumbnail: bytes(&self.thumbnail),
            ..with_file!(VideoMessage, self, "video/mp4")
        }
    }

    pub(crate) fn of_video(video: &VideoMessage) -> Self {
        Self {
            caption: video.caption.clone(),
            width: video.width,
            height: video.height,
            seconds: video.seconds,
            gif: video.gif_playback,
            view_once: video.view_once,
            thumbnail: base64(&video.jpeg_thumbnail),
            ..file_of!(video)
        }
    }

    pub(crate) fn audio(&self) -> wa::Message {
        let audio = AudioMessage {
            seconds: self.seconds,
            ptt: self.voice,
            view_once: self.view_once,
            waveform: bytes(&self.waveform),
            ..with_file!(AudioMessage, self, "audio/ogg; codecs=opus")
        };
        wa::Message {
            audio_message: MessageField::some(audio),
            ..Default::default()
        }
    }

    pub(crate) fn of_audio(audio: &AudioMessage) -> Self {
        Self {
            seconds: audio.seconds,
            voice: audio.ptt,
            view_once: audio.view_once,
            waveform: base64(&audio.waveform),
            ..file_of!(audio)
        }
    }

    pub(crate) fn document(&self) -> wa::Message {
        let document = DocumentMessage {
            caption: self.caption.clone(),
            file_name: self.name.clone(),
            page_count: self.pages,
            jpeg_thumbnail: bytes(&self.thumbnail),
            ..with_file!(DocumentMessage, self, "application/octet-stream")
        };
        wa::Message {
            document_message: MessageField::some(document),
            ..Default::default()
        }
    }

    pub(crate) fn of_document(document: &DocumentMessage) -> Self {
        Self {
            caption: document.caption.clone(),
            name: document.file_name.clone(),
            pages: document.page_count,
            thumbnail: base64(&document.jpeg_thumbnail),
            ..file_of!(document)
        }
    }

    pub(crate) fn sticker(&self) -> wa::Message {
        let sticker = StickerMessage {
            width: self.width,
            height: self.height,
            is_animated: self.animated,
            png_thumbnail: bytes(&self.thumbnail),
            ..with_file!(StickerMessage, self, "image/webp")
        };
        wa::Message {
            sticker_message: MessageField::some(sticker),
            ..Default::default()
        }
    }

    pub(crate) fn of_sticker(sticker: &StickerMessage) -> Self {
        Self {
            width: sticker.width,
            height: sticker.height,
            animated: sticker.is_animated,
            thumbnail: base64(&sticker.png_thumbnail),
            ..file_of!(sticker)
        }
    }
}
