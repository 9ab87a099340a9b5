//! Parses persons and groups: in the file, in the environment, and for `allow add`. Uses the same parser as
//! recipients.

use openclaw_types::{Recipient, RecipientError};

use crate::allow::policy::Who;

/// Why a text is not a person.
#[derive(Debug, thiserror::Error)]
pub enum NoPerson {
    /// It is not a valid address.
    #[error(transparent)]
    NoOne(#[from] RecipientError),
    /// It is a group.
    #[error("name a group under groups, not here")]
    Group,
}

/// Parses a person, or `*` for everyone.
///
/// # Errors
/// The text is a group, or not a valid address.
pub fn person(text: &str) -> Result<Who, NoPerson> {
    // Checked for malformed JIDs too, so that the error names the list in which it belongs.
    let group = |text: &str| text.trim_end().ends_with("@g.us");
    match named(text) {
        Ok(Who::Group(_)) => Err(NoPerson::Group),
        Err(_) if group(text) => Err(NoPerson::Group),
        named => Ok(named?),
    }
}

/// Parses a group, or `*` for every group.
#[must_use]
pub fn group(text: &str) -> Option<Who> {
    named(text)
        .ok()
        .filter(|who| matches!(who, Who::Group(_) | Who::Anyone))
}

/// Parses a person or a group.
///
/// # Errors
/// The text is not a valid address.
pub fn named(text: &str) -> Result<Who, RecipientError> {
    match text.trim() {
        "*" => Ok(Who::Anyone),
        text => text.parse().map(who),
    }
}

/// Parses the address in a row that this or an older version wrote.
#[must_use]
pub fn kept(address: &str) -> Option<Who> {
    Recipient::of_address(address).map(who)
}

fn who(recipient: Recipient) -> Who {
    match recipient {
        Recipient::Phone(phone) => Who::Phone(phone),
        Recipient::Lid(lid) => Who::Lid(lid),
        Recipient::Group(_) => Who::Group(recipient.address()),
    }
}
