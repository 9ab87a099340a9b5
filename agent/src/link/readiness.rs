//! Whether the link is ready for use: connected, and for as long as `--ready-after` asks. Pure.

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
    /// How long it has not been connected, if it is not: over all states and attempts.
    pub disconnected: Option<Duration>,
    /// When it is ready at the earliest; `None` when it is, or when nothing says when it will be.
    pub ready_in: Option<Duration>,
}

impl Status {
    /// When the link is ready for use, if it is up and stays so.
    #[must_use]
    pub fn ready_at(&self) -> Option<SystemTime> {
        let up = self.link.state == LinkState::Connected;
        up.then(|| self.link.since + self.ready_after)
    }

    /// How ready the link is.
    #[must_use]
    pub fn readiness(&self, now: SystemTime) -> Readiness {
        let since = |at: SystemTime| now.duration_since(at).unwrap_or_default();
        let connected = self.is_connected(now).then(|| since(self.link.since));
        let Some(connected) = connected else {
            return Readiness {
                ready: false,
                connected: None,
                disconnected: Some(match self.link.state {
                    // Silent: not connected since the last frame.
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
