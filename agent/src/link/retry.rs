//! The retry rules: whether and when to reconnect after the end of a connection, or to wait for a person. Pure.

use std::time::{Duration, SystemTime};

use openclaw_types::{LinkState, Reason};
use openclaw_whatsapp::session::Loss;

/// A connection that lasted this long was stable: the delays restart from the first.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// The longest delay between two attempts.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(300);
/// The delay after a refusal of unknown meaning starts at this step, so that the server is not contacted too often.
const MIN_STEP_AFTER_REFUSAL: u32 = 9;

/// The attempts in a row, and their results.
#[derive(Debug, Default)]
pub(super) struct Retry {
    attempt: u32,
    /// The index of the last delay: that of `attempt`, or a later one.
    step: u32,
    /// The current attempt was requested by a person.
    is_resumed: bool,
    connected_at: Option<SystemTime>,
    restarted_at: Option<SystemTime>,
}

/// The next action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Connect at once.
    Now(Reason),
    /// Connect at `until`.
    Wait {
        attempt: u32,
        until: SystemTime,
        reason: Reason,
    },
    /// WhatsApp has ended the link: never retried without a person, since that gets accounts locked.
    Rest(LinkState, Reason),
}

impl Retry {
    /// A person requests an attempt: if it connects, the earlier failures no longer count.
    pub(super) fn resumed(&mut self) {
        self.is_resumed = true;
    }

    pub(super) fn connected(&mut self, now: SystemTime) {
        self.connected_at = Some(now);
        if std::mem::take(&mut self.is_resumed) {
            (self.attempt, self.step) = (0, 0);
        }
    }

    /// `jitter` is in -1.0..=1.0 and changes the delay by up to a tenth.
    pub(super) fn on(&mut self, loss: Loss, now: SystemTime, jitter: f64) -> Next {
        let stable = self
            .connected_at
            .take()
            .is_some_and(|at| elapsed(at, now) >= STABLE_AFTER);
        self.is_resumed = false;
        if stable {
            (self.attempt, self.step) = (0, 0);
        }
        let reason = match loss {
            Loss::LoggedOut(_) => return Next::Rest(LinkState::LoggedOut, Reason::LoggedOut),
            Loss::Replaced => return Next::Rest(LinkState::Replaced, Reason::Replaced),
            Loss::Outdated(_) => return Next::Rest(LinkState::Outdated, Reason::Outdated),
            Loss::Banned { lasts, .. } => {
                let until = lasts.and_then(|lasts| now.checked_add(lasts));
                return Next::Rest(LinkState::Banned { until }, Reason::Banned);
            }
            Loss::Restart if !self.restarted_recently(now) => {
                self.restarted_at = Some(now);
                return Next::Now(Reason::Restart);
            }
            Loss::Refused(code) => {
                if !matches!(code, 500 | 503) {
                    self.step = self.step.max(MIN_STEP_AFTER_REFUSAL);
                }
                Reason::Refused(code)
            }
            Loss::Unreachable => Reason::Unreachable,
            // Each attempt announces another version, until all that are known are refused.
            Loss::Superseded => Reason::Outdated,
            Loss::Restart | Loss::Connection | Loss::CodesExhausted => Reason::ConnectionLost,
        };
        self.attempt += 1;
        self.step += 1;
        let until = now + delay(self.step).mul_f64(1.0 + jitter / 10.0);
        Next::Wait {
            attempt: self.attempt,
            until,
            reason,
        }
    }

    /// Two server restarts in a row are treated as a loop: the second one is not followed at once.
    fn restarted_recently(&self, now: SystemTime) -> bool {
        self.restarted_at
            .is_some_and(|at| elapsed(at, now) < Duration::from_secs(5))
    }
}

fn elapsed(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

/// Fibonacci delays in seconds, as WhatsApp Web uses: 1, 1, 2, 3, 5, 8, ...
fn delay(attempt: u32) -> Duration {
    let (mut previous, mut this) = (0_u64, 1_u64);
    for _ in 1..attempt.min(20) {
        (previous, this) = (this, previous + this);
    }
    Duration::from_secs(this).min(MAX_RETRY_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn banned(lasts: Option<Duration>) -> Loss {
        Loss::Banned { lasts, code: 402 }
    }

    fn wait(next: Next) -> (u32, SystemTime) {
        match next {
            Next::Wait { attempt, until, .. } => (attempt, until),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn delays_grow_to_a_limit() {
        let mut retry = Retry::default();
        let delays: Vec<u64> = (0..16)
            .map(|_| {
                wait(retry.on(Loss::Unreachable, at(0), 0.0))
                    .1
                    .duration_since(at(0))
                    .unwrap()
                    .as_secs()
            })
            .collect();
        assert_eq!(delays[..8], [1, 1, 2, 3, 5, 8, 13, 21]);
        assert_eq!(delays.last(), Some(&300));
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        let (_, until) = wait(Retry::default().on(Loss::Connection, at(10), 1.0));
        assert_eq!(until, at(10) + Duration::from_millis(1100));
    }

    #[test]
    fn only_a_stable_connection_restarts_the_delays() {
        let mut retry = Retry::default();
        for _ in 0..5 {
            retry.on(Loss::Connection, at(0), 0.0);
        }
        retry.connected(at(100));
        assert_eq!(wait(retry.on(Loss::Connection, at(101), 0.0)).0, 6);
        retry.connected(at(200));
        assert_eq!(wait(retry.on(Loss::Connection, at(230), 0.0)).0, 1);
    }

    #[test]
    fn only_a_resume_that_connects_restarts_the_delays() {
        let mut retry = Retry::default();
        let fail = |retry: &mut Retry| wait(retry.on(Loss::Refused(418), at(0), 0.0)).0;
        assert_eq!([1, 2].map(|_| fail(&mut retry)), [1, 2]);
        retry.resumed();
        assert_eq!(fail(&mut retry), 3);
        retry.resumed();
        retry.connected(at(100));
        let (attempt, until) = wait(retry.on(Loss::Connection, at(101), 0.0));
        assert_eq!((attempt, until), (1, at(102)));
    }

    #[test]
    fn dead_credentials_are_never_retried() {
        for loss in [
            Loss::LoggedOut(None),
            Loss::LoggedOut(Some(406)),
            Loss::Replaced,
            Loss::Outdated(405),
            banned(None),
        ] {
            let next = Retry::default().on(loss, at(0), 0.0);
            assert!(
                matches!(next, Next::Rest(state, _) if state.needs_person()),
                "{next:?}"
            );
        }
    }

    #[test]
    fn an_implausible_end_of_a_ban_is_dropped() {
        let next = Retry::default().on(banned(Some(Duration::MAX)), at(0), 0.0);
        assert_eq!(
            next,
            Next::Rest(LinkState::Banned { until: None }, Reason::Banned)
        );
    }

    #[test]
    fn a_restart_is_immediate_but_not_a_loop() {
        let mut retry = Retry::default();
        assert_eq!(
            retry.on(Loss::Restart, at(0), 0.0),
            Next::Now(Reason::Restart)
        );
        wait(retry.on(Loss::Restart, at(1), 0.0));
        assert_eq!(
            retry.on(Loss::Restart, at(60), 0.0),
            Next::Now(Reason::Restart)
        );
    }

    #[test]
    fn an_unknown_refusal_is_retried_slowly() {
        let mut retry = Retry::default();
        for count in 1..=3 {
            let (attempt, until) = wait(retry.on(Loss::Refused(418), at(0), 0.0));
            assert!(until >= at(30));
            assert_eq!(attempt, count, "the count is of attempts, not of steps");
        }
        let (_, until) = wait(Retry::default().on(Loss::Refused(503), at(0), 0.0));
        assert!(until <= at(2));
    }
}
