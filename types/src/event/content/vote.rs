//! Votes in polls.

use serde::{Deserialize, Serialize};

use super::body::{Kind, texts_bytes};
use crate::event::Target;
#[cfg(any(test, feature = "samples"))]
use crate::event::samples;

/// A vote in a poll.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredVote")]
pub struct Vote {
    /// The message with the poll.
    #[serde(rename = "t")]
    pub target: Target,
    /// The selected options; `None` if the vote could not be decrypted.
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<String>>,
}

/// Versions before 0.1.0 wrote only the message id.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredVote {
    Vote {
        #[serde(rename = "t")]
        target: Target,
        #[serde(rename = "o", default)]
        options: Option<Vec<String>>,
    },
    Before(Target),
}

impl From<StoredVote> for Vote {
    fn from(stored: StoredVote) -> Self {
        match stored {
            StoredVote::Vote { target, options } => Self { target, options },
            StoredVote::Before(target) => Self::sealed(target),
        }
    }
}

impl Vote {
    /// A vote that could not be decrypted.
    #[must_use]
    pub const fn sealed(target: Target) -> Self {
        Self {
            target,
            options: None,
        }
    }
}

impl Kind for Box<Vote> {
    fn target(&self) -> Option<&Target> {
        Some(&self.target)
    }

    fn target_mut(&mut self) -> Option<&mut Target> {
        Some(&mut self.target)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Vote>() + self.options.as_deref().map_or(0, texts_bytes)
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        let options = [None, Some(Vec::new()), Some(vec!["swordfish".into()])];
        let vote = |options| Vote {
            target: *samples::target(),
            options,
        };
        options.map(vote).map(Box::new).into()
    }
}
