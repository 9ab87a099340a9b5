//! The types of ciphertexts.

use std::str::FromStr;

/// The `type` of an `<enc>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncKind {
    /// Starts a session and carries the first message.
    Pkmsg,
    /// A message in an existing session.
    Msg,
    /// A group message, encrypted with the sender key.
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

/// An `<enc>` with an unknown `type`.
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
