//! Outgoing messages: their content and their state.

mod file;
mod outgoing;

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use heapless::String as Bounded;
use serde::{Deserialize, Serialize};

use crate::ChatId;
use crate::nack::Nack;
use crate::stored::maybe_time;
use crate::words::SendReason;

pub use file::{MediaId, MediaIdError, NewFile};
pub use outgoing::{
    Card, Draft, MessageRef, NewContent, NewMessage, Outgoing, Payload, Place, Referred, Subject,
};

/// The maximum length of a client token, in bytes.
const MAX_TOKEN_BYTES: usize = 128;
/// The maximum length of a message id, in bytes: WhatsApp's own have up to 32 characters.
const MAX_ID_BYTES: usize = 64;

/// WhatsApp's id of a message, unique within (chat, sender).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct MessageId(Bounded<MAX_ID_BYTES>);

impl MessageId {
    /// Truncates to the maximum length: a longer id is not one of WhatsApp's, and nothing is looked up by it.
    #[must_use]
    pub fn new(id: &str) -> Self {
        let mut bounded = Bounded::new();
        for c in id.chars() {
            if bounded.push(c).is_err() {
                break;
            }
        }
        Self(bounded)
    }

    /// The id as on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for MessageId {
    fn from(id: String) -> Self {
        Self::new(&id)
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The caller's idempotency token: the same token is the same message.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(Bounded<MAX_TOKEN_BYTES>);

/// The text is not a valid token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token has 1 to {MAX_TOKEN_BYTES} printable ASCII characters and no space")]
pub struct TokenError;

impl Token {
    /// The token as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(TokenError);
        }
        Bounded::try_from(text).map(Self).map_err(|_| TokenError)
    }
}

impl TryFrom<String> for Token {
    type Error = TokenError;

    fn try_from(text: String) -> Result<Self, TokenError> {
        text.parse()
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.as_str().to_owned()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The state of an outgoing message. Each state implies those before it, except `Failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SendState {
    /// The agent has accepted the message.
    #[serde(rename = "accepted")]
    Accepted,
    /// WhatsApp's server has acknowledged it.
    #[serde(rename = "ack")]
    ServerAck,
    /// A device of the recipient has received it.
    #[serde(rename = "delivered")]
    Delivered,
    /// The recipient has read it.
    #[serde(rename = "read")]
    Read,
    /// It was refused, and is not retried.
    #[serde(rename = "failed")]
    Failed,
}

/// The current state of an outgoing message: the response to Send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// WhatsApp's id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// The caller's token.
    #[serde(rename = "k")]
    pub token: Token,
    /// The furthest state reached.
    #[serde(rename = "s")]
    pub state: SendState,
    /// When the server acknowledged the message.
    #[serde(rename = "a", with = "maybe_time", default)]
    pub server_ack_at: Option<SystemTime>,
    /// Why it failed.
    #[serde(rename = "f", default)]
    pub failure: Option<SendReason>,
    /// The code of the last refusal by WhatsApp's server, unless it has accepted the message since.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub nack: Option<Nack>,
}

/// An outgoing message changed its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendOutcome {
    /// The message.
    #[serde(rename = "m")]
    pub sent: Sent,
    /// Its chat.
    #[serde(rename = "c")]
    pub chat: ChatId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_bounded() {
        for bad in ["", "a b", "é", "a\n"] {
            assert!(bad.parse::<Token>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(MAX_TOKEN_BYTES + 1).parse::<Token>().is_err());
    }

    #[test]
    fn a_huge_id_is_truncated() {
        assert_eq!(
            MessageId::new(&"é".repeat(1000)).as_str().chars().count(),
            32
        );
    }
}
