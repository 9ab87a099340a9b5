//! The message that a content is about.

use serde::{Deserialize, Serialize};

use super::AuthorCheck;
use crate::Contact;
use crate::send::MessageId;
use crate::stored::lenient;

/// The message that a vote, a pin or the like is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Target {
    /// Its id.
    #[serde(rename = "i")]
    pub message: MessageId,
    /// Who had written it.
    #[serde(rename = "a")]
    pub author: Contact,
    /// Whether it could be checked that the message is of this chat, and who wrote it.
    #[serde(rename = "k")]
    pub check: AuthorCheck,
}

/// Versions before 0.1.0 wrote the id alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Id(MessageId),
    Whole {
        #[serde(rename = "i")]
        message: MessageId,
        #[serde(rename = "a", default)]
        author: Contact,
        #[serde(rename = "k", default, deserialize_with = "lenient")]
        check: AuthorCheck,
    },
}

impl Target {
    /// By its id alone.
    #[must_use]
    pub fn of_id(message: MessageId) -> Self {
        Self {
            message,
            author: Contact::default(),
            check: AuthorCheck::Unspecified,
        }
    }
}

impl From<Stored> for Target {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Id(message) => Self::of_id(message),
            Stored::Whole {
                message,
                author,
                check,
            } => Self {
                message,
                author,
                check,
            },
        }
    }
}
