//! Whom a text names: in the file, in the environment, and when a person or a group is added. The parser is that of
//! every recipient.

use openclaw_types::{Recipient, RecipientError};

use crate::allow::policy::Who;

/// Why a text names no person.
#[derive(Debug, thiserror::Error)]
pub enum NoPerson {
    /// It names no one.
    #[error(transparent)]
    NoOne(#[from] RecipientError),
    /// It names a group.
    #[error("name a group under groups, not here")]
    Group,
}

/// Which person a text names, or that it is everyone.
///
/// # Errors
/// It names a group, or no one.
pub fn person(text: &str) -> Result<Who, NoPerson> {
    // Also when it is none: it says in which list it would belong.
    let group = |text: &str| text.trim_end().ends_with("@g.us");
    match named(text) {
        Ok(Who::Group(_)) => Err(NoPerson::Group),
        Err(_) if group(text) => Err(NoPerson::Group),
        named => Ok(named?),
    }
}

/// Which group a text names, or that it is every one.
#[must_use]
pub fn group(text: &str) -> Option<Who> {
    named(text)
        .ok()
        .filter(|who| matches!(who, Who::Group(_) | Who::Anyone))
}

/// Which person or group a text names.
///
/// # Errors
/// It names no one.
pub fn named(text: &str) -> Result<Who, RecipientError> {
    match text.trim() {
        "*" => Ok(Who::Anyone),
        text => text.parse().map(who),
    }
}

/// Whom a row names that this or an older version wrote down.
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
