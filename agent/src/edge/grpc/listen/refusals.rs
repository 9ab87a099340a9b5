//! The log of refused connections. Anyone can cause refusals, so they are logged at most once a minute, with a count
//! per cause.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// The shortest interval between two lines.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusalCause {
    /// The handshake failed: no TLS, another version, or an unknown key.
    Handshake,
    /// The handshake timed out.
    TooSlow,
    /// The handshake was aborted in favour of a newer one.
    Evicted,
    /// The client has too many connections, or all seats are taken.
    Full,
    /// The connection of a client was closed in favour of one with a higher role.
    SeatTaken,
    /// The client was revoked during its handshake.
    Revoked,
    /// The enrolment code is invalid, or its proof is.
    Code,
}

const KINDS: [(RefusalCause, &str); 7] = [
    (RefusalCause::Handshake, "no handshake"),
    (RefusalCause::TooSlow, "handshake timeout"),
    (RefusalCause::Evicted, "unfinished handshake evicted"),
    (RefusalCause::Full, "too many connections"),
    (RefusalCause::SeatTaken, "connection evicted"),
    (RefusalCause::Revoked, "revoked"),
    (RefusalCause::Code, "enrolment refused"),
];

/// Refusals since the last line.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: [u64; KINDS.len()],
    logged_at: Option<Instant>,
}

/// The content of one log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary([u64; KINDS.len()]);

impl Refusals {
    /// Counts a refusal. The first one after a quiet minute is logged at once.
    pub(super) fn count(&mut self, why: RefusalCause, now: Instant) -> Option<Summary> {
        let kind = KINDS.iter().position(|(kind, _)| *kind == why);
        if let Some(count) = kind.and_then(|kind| self.counts.get_mut(kind)) {
            *count += 1;
        }
        self.due(now)
    }

    /// The line to log now, if one is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<Summary> {
        let is_time = self
            .logged_at
            .is_none_or(|logged_at| now - logged_at >= LOG_INTERVAL);
        let any = self.counts.iter().any(|count| *count > 0);
        (is_time && any).then(|| {
            self.logged_at = Some(now);
            Summary(std::mem::take(&mut self.counts))
        })
    }
}

impl Summary {
    pub(super) fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for ((_, name), count) in KINDS.iter().zip(self.0).filter(|(_, count)| *count > 0) {
            write!(f, "{}{name}: {count}", if first { "" } else { ", " })?;
            first = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_logged_once_a_minute() {
        let mut refusals = Refusals::default();
        let start = Instant::now();
        let first = refusals.count(RefusalCause::Handshake, start).unwrap();
        assert_eq!(first.to_string(), "no handshake: 1");
        for second in 0..59 {
            let now = start + Duration::from_secs(second);
            assert_eq!(refusals.count(RefusalCause::TooSlow, now), None);
        }
        assert_eq!(
            refusals.count(RefusalCause::Code, start + Duration::from_secs(59)),
            None
        );
        let summary = refusals.due(start + LOG_INTERVAL).unwrap();
        assert_eq!(
            summary.to_string(),
            "handshake timeout: 59, enrolment refused: 1"
        );
        assert_eq!(summary.total(), 60);
        assert_eq!(refusals.due(start + 2 * LOG_INTERVAL), None);
    }
}
