//! Who is there and who is typing, as far as the server has been told.

use std::collections::BTreeSet;

use crate::number::DeviceId;

/// What the server knows of one user.
#[derive(Default)]
pub(crate) struct Presence {
    /// The phone, or one of the companions, is in use.
    pub(crate) available: bool,
    /// Seconds since 1970, when it ceased to be.
    pub(crate) last_seen: Option<u64>,
    /// Companions that asked to be told, and whether by LID.
    pub(crate) subscribers: BTreeSet<(DeviceId, bool)>,
    /// What companions of others have said of their typing to this user.
    pub(crate) typing: Vec<Typing>,
}

/// Somebody types, records, or has stopped.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Typing {
    /// The number.
    pub from: String,
    /// `composing`, `recording` or `paused`.
    pub state: String,
}
