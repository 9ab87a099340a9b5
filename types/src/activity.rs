//! What people do in chats right now. It is never recorded.

use std::time::SystemTime;

use crate::{ChatId, Contact};

/// Someone is online, types, or no longer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The chat, as the wire named it.
    pub chat: ChatId,
    /// Who.
    pub who: Contact,
    /// What.
    pub what: Doing,
}

/// What someone does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Uses WhatsApp.
    Online,
    /// No longer does.
    Offline {
        /// Since when, unless they hide it.
        last_seen: Option<SystemTime>,
    },
    /// Types a message.
    Typing,
    /// Records a voice message.
    Recording,
    /// Has stopped typing or recording.
    Stopped,
}
