//! The JSON shape of what holds sends.

use openclaw_proto::v1 as pb;
use serde::Serialize;

use super::time;

#[derive(Serialize)]
pub(crate) struct Hold {
    since: Option<String>,
    /// The generation that a client has seen.
    seen_generation: u64,
    /// The store's own when that was reported.
    generation: u64,
    queued: u32,
    hint: String,
}

impl From<pb::SendHold> for Hold {
    fn from(hold: pb::SendHold) -> Self {
        let pb::SendHold {
            since,
            seen,
            generation,
            queued,
            hint,
        } = hold;
        let seen = seen.unwrap_or_default();
        Self {
            since: time(since),
            seen_generation: seen.generation,
            generation,
            queued,
            hint,
        }
    }
}
