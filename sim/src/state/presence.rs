//! Presence and typing, as reported to the server.

use std::collections::BTreeSet;

use crate::number::DeviceId;

/// The presence of one user.
#[derive(Default)]
pub(crate) struct Presence {
    /// The phone, or one of the companions, is in use.
    pub(crate) available: bool,
    /// When it was last in use, in seconds since 1970.
    pub(crate) last_seen: Option<u64>,
    /// Companions that have subscribed, and whether by LID.
    pub(crate) subscribers: BTreeSet<(DeviceId, bool)>,
    /// Typing notifications from companions to this user.
    pub(crate) typing: Vec<Typing>,
}

/// A user types, records, or has stopped.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Typing {
    /// The number.
    pub from: String,
    /// `composing`, `recording` or `paused`.
    pub state: String,
}
