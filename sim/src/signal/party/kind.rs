//! The kinds of ciphertext there are.

use std::str::FromStr;

/// The `type` of an `<enc>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncKind {
    /// Opens a session and carries the first message.
    Pkmsg,
    /// Within a session.
    Msg,
    /// To a group, under the sender's key.
    Skmsg,
}

impl EncKind {
    /// The attribute's value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pkmsg => "pkmsg",
            Self::Msg => "msg",
            Self::Skmsg => "skmsg",
        }
    }
}

/// An `<enc>` whose `type` is none of the three.
#[derive(Debug, thiserror::Error)]
#[error("unknown enc type {0:?}")]
pub struct UnknownKind(String);

impl FromStr for EncKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        match text {
            "pkmsg" => Ok(Self::Pkmsg),
            "msg" => Ok(Self::Msg),
            "skmsg" => Ok(Self::Skmsg),
            other => Err(UnknownKind(other.into())),
        }
    }
}
