//! LIDs: WhatsApp's identifiers for people, which contain no phone number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A person's LID: digits only, without server and device.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lid(String);

/// The text is not a LID. The error does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a LID is 1 to 20 digits before @lid")]
pub struct LidError;

impl TryFrom<String> for Lid {
    type Error = LidError;

    fn try_from(user: String) -> Result<Self, LidError> {
        Self::new(&user).ok_or(LidError)
    }
}

impl From<Lid> for String {
    fn from(lid: Lid) -> Self {
        lid.0
    }
}

impl Lid {
    /// From the user part of a JID on the `lid` server. `None` if it contains anything but digits.
    #[must_use]
    pub fn new(user: &str) -> Option<Self> {
        let valid = (1..=20).contains(&user.len()) && user.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| Self(user.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.0
    }

    /// `123456@lid`.
    #[must_use]
    pub fn jid(&self) -> String {
        format!("{}@lid", self.0)
    }
}

impl fmt::Debug for Lid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lid")
    }
}
