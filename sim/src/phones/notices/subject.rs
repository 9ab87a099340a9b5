//! Whom a notice is for, and what it is about.

use crate::number::Number;

/// What a notice is about. Every kind has a default for what it needs.
#[derive(Debug, Clone, Default)]
pub struct NoticeAbout {
    /// A contact.
    pub contact: Option<Number>,
    /// A word: a name, a type, an id, as the kind has it.
    pub text: Option<String>,
    /// Seconds: a time since 1970, or a length.
    pub seconds: Option<u64>,
    /// The stanza's id; one of its own without it.
    pub id: Option<String>,
}

/// The account that is told, and what about.
pub(super) struct Subject<'a> {
    pub(super) account: &'a Number,
    pub(super) contact: Number,
    pub(super) about: &'a NoticeAbout,
}

impl Subject<'_> {
    pub(super) fn text<'a>(&'a self, default: &'a str) -> &'a str {
        self.about.text.as_deref().unwrap_or(default)
    }

    pub(super) fn seconds(&self, default: u64) -> u64 {
        self.about.seconds.unwrap_or(default)
    }
}
