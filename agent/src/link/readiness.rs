//! Readiness of the link: connected for at least `--ready-after`. Pure.

use std::time::{Duration, SystemTime};

use openclaw_types::LinkState;

use super::Status;

/// The answer of `/health/ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Connected for long enough.
    pub ready: bool,
    /// How long it has been connected, if it is.
    pub connected: Option<Duration>,
    /// How long it has been disconnected, if it is: over all states and attempts.
    pub disconnected: Option<Duration>,
    /// The time until it can be ready; `None` if it is ready, or if that is unknown.
    pub ready_in: Option<Duration>,
}

impl Status {
    /// When the link is ready for use, if it stays up; `None` while it is down.
    #[must_use]
    pub fn ready_at(&self) -> Option<SystemTime> {
        let up = self.link.state == LinkState::Connected;
        up.then(|| self.link.since + self.ready_after)
    }

    /// The link's readiness.
    #[must_use]
    pub fn readiness(&self, now: SystemTime) -> Readiness {
        let since = |at: SystemTime| now.duration_since(at).unwrap_or_default();
        let connected = self.is_connected(now).then(|| since(self.link.since));
        let Some(connected) = connected else {
            return Readiness {
                ready: false,
                connected: None,
                disconnected: Some(match self.link.state {
                    // No recent frame: disconnected since the last one.
                    LinkState::Connected => self.last_frame.map_or_else(Duration::default, since),
                    _ => since(self.disconnected_at),
                }),
                ready_in: match self.link.state {
                    LinkState::BackingOff { until, .. } => {
                        let wait = until.duration_since(now).unwrap_or_default();
                        Some(wait + self.ready_after)
                    }
                    LinkState::Connecting => Some(self.ready_after),
                    _ => None,
                },
            };
        };
        let missing = self.ready_after.saturating_sub(connected);
        Readiness {
            ready: missing.is_zero(),
            connected: Some(connected),
            disconnected: None,
            ready_in: (!missing.is_zero()).then_some(missing),
        }
    }
}
