//! Counters since the process started, for Status and metrics. They contain nothing personal.

use std::sync::atomic::{AtomicU64, Ordering};

use openclaw_types::{Link, LinkState, Reason};

/// Why a link went down, for [`Counts::drops`]: a fixed set, whatever codes WhatsApp sends.
pub const DROPS: [&str; 10] = [
    "connection_lost",
    "restart",
    "unreachable",
    "refused",
    "logged_out",
    "replaced",
    "banned",
    "outdated",
    "unpaired",
    "stopping",
];

/// The counters.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
    undecryptable: AtomicU64,
    resends_requested: AtomicU64,
    dropped: AtomicU64,
    connects: AtomicU64,
    failed_attempts: AtomicU64,
    drops: [AtomicU64; DROPS.len()],
}

/// A snapshot of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages received.
    pub received: u64,
    /// Messages that WhatsApp's server acknowledged.
    pub sent: u64,
    /// Messages that could not be decrypted when they arrived.
    pub undecryptable: u64,
    /// Requests from recipients' devices to resend a message that they could not decrypt.
    pub resends_requested: u64,
    /// Messages from senders who are not allowed.
    pub dropped: u64,
    /// How often the link came up.
    pub connects: u64,
    /// Attempts to connect that failed.
    pub failed_attempts: u64,
    /// How often the link went down, or WhatsApp ended it, for each of [`DROPS`].
    pub drops: [u64; DROPS.len()],
}

impl Traffic {
    /// Counts a received message.
    pub fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a message that the server acknowledged.
    pub fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a message that could not be decrypted.
    pub fn count_undecryptable(&self) {
        self.undecryptable.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request to resend a message.
    pub fn count_resend_requested(&self) {
        self.resends_requested.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a message whose sender is not allowed.
    pub fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a change of the link's state.
    pub fn count_link(&self, before: &Link, link: &Link) {
        let was_up = before.state == LinkState::Connected;
        match link.state {
            LinkState::Connected if !was_up => {
                self.connects.fetch_add(1, Ordering::Relaxed);
            }
            LinkState::BackingOff { .. } if !was_up => {
                self.failed_attempts.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        if has_ended(before.state, link.state)
            && let Some(reason) = &link.reason
        {
            self.drops[place(reason)].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A snapshot of the counters.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            undecryptable: self.undecryptable.load(Ordering::Relaxed),
            resends_requested: self.resends_requested.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            connects: self.connects.load(Ordering::Relaxed),
            failed_attempts: self.failed_attempts.load(Ordering::Relaxed),
            drops: std::array::from_fn(|at| self.drops[at].load(Ordering::Relaxed)),
        }
    }
}

/// True if the link has ended: it was connected before, or WhatsApp rejected an attempt with a verdict. A verdict
/// that was loaded from an earlier process does not count again.
const fn has_ended(before: LinkState, state: LinkState) -> bool {
    match before {
        LinkState::Connected => !matches!(state, LinkState::Connected),
        LinkState::Connecting | LinkState::BackingOff { .. } => state.needs_person(),
        _ => false,
    }
}

/// The index in [`DROPS`].
const fn place(reason: &Reason) -> usize {
    match reason {
        Reason::ConnectionLost => 0,
        Reason::Restart => 1,
        Reason::Unreachable => 2,
        Reason::Refused(_) => 3,
        Reason::LoggedOut => 4,
        Reason::Replaced => 5,
        Reason::Banned => 6,
        Reason::Outdated => 7,
        Reason::Unpaired => 8,
        Reason::Stopping => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(state: LinkState, reason: Option<Reason>) -> Link {
        Link {
            state,
            since: std::time::SystemTime::UNIX_EPOCH,
            account: None,
            reason,
            code: None,
            expires_at: None,
            restriction: None,
        }
    }

    /// The counters after a link passes through these states.
    fn counted(states: &[(LinkState, Option<Reason>)]) -> [u64; DROPS.len()] {
        let traffic = Traffic::default();
        for pair in states.windows(2) {
            let of = |(state, reason): &(LinkState, Option<Reason>)| link(*state, reason.clone());
            traffic.count_link(&of(&pair[0]), &of(&pair[1]));
        }
        traffic.counts().drops
    }

    const VERDICTS: [(LinkState, Reason); 4] = [
        (LinkState::LoggedOut, Reason::LoggedOut),
        (LinkState::Replaced, Reason::Replaced),
        (LinkState::Banned { until: None }, Reason::Banned),
        (LinkState::Outdated, Reason::Outdated),
    ];

    #[test]
    fn every_verdict_is_counted_once_whether_the_link_was_up_or_not() {
        let lost = Some(Reason::ConnectionLost);
        let backing_off = LinkState::BackingOff {
            attempt: 1,
            until: std::time::SystemTime::UNIX_EPOCH,
        };
        let (up, connecting) = ((LinkState::Connected, None), (LinkState::Connecting, None));
        for (state, reason) in VERDICTS {
            let end = (state, Some(reason.clone()));
            for way in [
                vec![up.clone(), end.clone()],
                vec![connecting.clone(), end.clone()],
                vec![
                    up.clone(),
                    (backing_off, lost.clone()),
                    (LinkState::Connecting, lost.clone()),
                    end.clone(),
                ],
            ] {
                let drops = counted(&way);
                assert_eq!(drops[place(&reason)], 1, "{reason} after {}", way.len());
                let lost = u64::from(way.len() == 4);
                assert_eq!(drops.iter().sum::<u64>(), 1 + lost, "{reason}");
            }
        }
    }

    #[test]
    fn a_verdict_of_an_earlier_process_is_not_counted_again() {
        for (state, reason) in VERDICTS {
            let kept = [(LinkState::Unlinked, None), (state, Some(reason))];
            assert_eq!(counted(&kept).iter().sum::<u64>(), 0);
        }
    }

    #[test]
    fn every_reason_has_its_index() {
        for reason in [
            Reason::ConnectionLost,
            Reason::Restart,
            Reason::Unreachable,
            Reason::Refused(503),
            Reason::LoggedOut,
            Reason::Replaced,
            Reason::Banned,
            Reason::Outdated,
            Reason::Unpaired,
            Reason::Stopping,
        ] {
            assert!(
                reason.to_string().starts_with(DROPS[place(&reason)]),
                "{reason}"
            );
        }
    }
}
