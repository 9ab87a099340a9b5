//! The message that a content refers to.

use serde::{Deserialize, Serialize};

use super::AuthorCheck;
use crate::Contact;
use crate::send::MessageId;
use crate::stored::lenient;

/// The message that a vote, a pin or similar content refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Target {
    /// Its id.
    #[serde(rename = "i")]
    pub message: MessageId,
    /// The author of the message.
    #[serde(rename = "a")]
    pub author: Contact,
    /// Whether the agent could check the message's chat and author.
    #[serde(rename = "k")]
    pub check: AuthorCheck,
}

/// Versions before 0.1.0 wrote only the id.
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
    /// With an id and nothing else.
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
