//! A client whose position in the event stream is stored.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use heapless::String;

use crate::event::Seq;

/// The maximum length of a name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// The name of a consumer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerName(String<MAX_NAME_BYTES>);

/// The text is not a valid consumer name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a consumer's name has 1 to {MAX_NAME_BYTES} letters, digits, dots, dashes and underscores"
)]
pub struct ConsumerNameError;

impl ConsumerName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConsumerName {
    type Err = ConsumerNameError;

    fn from_str(text: &str) -> Result<Self, ConsumerNameError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if text.is_empty() || !text.bytes().all(fits) {
            return Err(ConsumerNameError);
        }
        String::try_from(text)
            .map(Self)
            .map_err(|_| ConsumerNameError)
    }
}

impl fmt::Debug for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A consumer and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// The consumer's name.
    pub name: ConsumerName,
    /// The last event that the consumer has acknowledged.
    pub seq: Seq,
    /// When it acknowledged that event.
    pub acked_at: SystemTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "billing.v2", "A-b_9", &"x".repeat(MAX_NAME_BYTES)] {
            assert_eq!(good.parse::<ConsumerName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            " ",
            "a b",
            "a/b",
            "é",
            "a\n",
            &"x".repeat(MAX_NAME_BYTES + 1),
        ] {
            assert!(bad.parse::<ConsumerName>().is_err(), "{bad:?}");
        }
    }
}
