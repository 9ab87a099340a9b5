//! A file to send. A client uploads it to the agent first, and names it in the message by its [`MediaId`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `m-`, 128 bits and 64 bits in hexadecimal.
const MEDIA_ID_BYTES: usize = 50;
const PREFIX: &str = "m-";

/// The agent's name for a file that a client has uploaded: what the file is, and which upload of it. Not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MediaId {
    /// The same for the same file.
    content: u128,
    /// Another one for each upload.
    upload: u64,
}

/// Why a text is no media id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a media id: use the one that the upload returned")]
pub struct MediaIdError;

impl MediaId {
    /// A new one. `content` is a part of a hash of the file, `upload` is random.
    #[must_use]
    pub const fn new(content: u128, upload: u64) -> Self {
        Self { content, upload }
    }

    /// Which upload it is.
    #[must_use]
    pub const fn upload(self) -> u64 {
        self.upload
    }

    /// The same for every upload of the file: a client that uploads a file again, because it does not know whether its
    /// message was sent, means the same message.
    #[must_use]
    pub const fn of_any_upload(self) -> Self {
        Self { upload: 0, ..self }
    }
}

impl FromStr for MediaId {
    type Err = MediaIdError;

    /// Only the spelling that `Display` has.
    fn from_str(text: &str) -> Result<Self, MediaIdError> {
        let digits = text.strip_prefix(PREFIX).ok_or(MediaIdError)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != MEDIA_ID_BYTES || !digits.bytes().all(is_digit) {
            return Err(MediaIdError);
        }
        let (content, upload) = digits.split_at(32);
        Ok(Self {
            content: u128::from_str_radix(content, 16).map_err(|_| MediaIdError)?,
            upload: u64::from_str_radix(upload, 16).map_err(|_| MediaIdError)?,
        })
    }
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { content, upload } = self;
        write!(f, "{PREFIX}{content:032x}{upload:016x}")
    }
}

impl TryFrom<String> for MediaId {
    type Error = MediaIdError;

    fn try_from(text: String) -> Result<Self, MediaIdError> {
        text.parse()
    }
}

impl From<MediaId> for String {
    fn from(id: MediaId) -> Self {
        id.to_string()
    }
}

impl fmt::Debug for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A file in a message to send. Its properties were given when it was uploaded.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFile {
    /// The uploaded file.
    #[serde(rename = "i")]
    pub media: MediaId,
    /// The text below it; empty for none.
    #[serde(rename = "c", default, skip_serializing_if = "String::is_empty")]
    pub caption: String,
    /// Its recipients can view it once.
    #[serde(rename = "v", default, skip_serializing_if = "std::ops::Not::not")]
    pub view_once: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_id_has_one_spelling() {
        let id = MediaId::new(0xabc, 0xd);
        let text = format!("m-{}abc{}d", "0".repeat(29), "0".repeat(15));
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        let upper = text.to_uppercase();
        for bad in ["", "m-", "m-abc", "../../etc/passwd", upper.as_str()] {
            assert_eq!(bad.parse::<MediaId>(), Err(MediaIdError), "{bad}");
        }
    }
}
