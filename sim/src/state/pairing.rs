//! Sockets that wait to be linked, and their progress.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::number::Number;
use crate::state::companion::{About, Keys};
use crate::state::error::Error;
use crate::state::link::Link;
use crate::state::passkey::Ceremony;

/// The number of refs in one `pair-device`.
pub(crate) const REFS: u32 = 6;
/// How long a companion shows the first ref, and each later one.
const FIRST_SHOWN: Duration = Duration::from_secs(60);
const NEXT_SHOWN: Duration = Duration::from_secs(20);
/// Extra time: a phone may scan just before the code changes.
const SCAN_MARGIN: Duration = Duration::from_secs(10);

/// A socket that waits to be linked.
pub(crate) struct Pairing {
    pub(crate) link: Arc<Link>,
    pub(crate) refs: Vec<String>,
    pub(crate) offered: Instant,
    pub(crate) noise: [u8; 32],
    pub(crate) keys: Keys,
    pub(crate) about: About,
    pub(crate) awaiting: Option<Awaiting>,
    pub(crate) code: Option<CodeRequest>,
    /// The ceremony, if the account requires a passkey.
    pub(crate) passkey: Option<Ceremony>,
}

/// A `pair-success` that the companion has not signed yet.
pub(crate) struct Awaiting {
    pub(crate) iq: String,
    pub(crate) account: Number,
    pub(crate) device: u16,
    pub(crate) key_index: u32,
    pub(crate) done: oneshot::Sender<Result<Linked, Error>>,
}

/// A newly linked companion.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Linked {
    /// The account's number.
    pub account: String,
    /// The companion's phone number JID.
    pub jid: String,
    /// The companion's LID JID.
    pub lid: String,
}

impl Pairing {
    /// Whether the companion may still show this ref.
    pub(crate) fn shows(&self, reference: &str) -> bool {
        let shown = self.refs.iter().zip(1..).find(|(own, _)| *own == reference);
        shown.is_some_and(|(_, place)| self.offered.elapsed() <= shown_until(place) + SCAN_MARGIN)
    }
}

/// When the ref at this position, counted from 1, is replaced by the next one.
fn shown_until(place: u32) -> Duration {
    FIRST_SHOWN + NEXT_SHOWN * place.saturating_sub(1)
}

/// A companion's `companion_hello`: it shows a code and waits for the phone of `account`.
pub(crate) struct CodeRequest {
    pub(crate) account: Number,
    pub(crate) reference: Vec<u8>,
    pub(crate) wrapped_ephemeral: Vec<u8>,
    /// The phone has answered, and waits for `companion_finish`.
    pub(crate) finish: Option<oneshot::Sender<Finish>>,
}

/// A companion's `companion_finish`.
pub(crate) struct Finish {
    pub(crate) identity: [u8; 32],
    pub(crate) wrapped_bundle: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_refs_last_for_160_seconds() {
        assert_eq!(shown_until(1), Duration::from_secs(60));
        assert_eq!(shown_until(REFS), Duration::from_secs(160));
    }
}
