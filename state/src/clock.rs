//! The one place that reads the system's clocks. Everything else takes time as an argument, or asks here.
//!
//! ```text
//! now()       the agent's time: waits, deadlines and ages. It never steps, whatever is done to the system's clock
//! wall()      what the system's clock shows: for people, and for other machines
//! protocol()  what the connection to WhatsApp is given: set by the system's clock before a connection, never during one
//! ```
//!
//! All three are a [`SystemTime`], and agree until the system's clock is stepped. The agent's time is counted by the
//! kernel's time since boot (`CLOCK_BOOTTIME`, which counts suspend as well); [`Mark`] carries it over a restart.
//! [`shown`] turns a time of the agent's into the one that a person reads. `docs/time.md` has what each is used for.

mod scales;
#[cfg(feature = "sim")]
mod shift;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use rustix::time::{ClockId, clock_gettime};

pub use scales::{Mark, Resumed, Step, Steps};
use scales::{Reading, Scales};

/// A wait looks again this often: timers do not count the time that a machine is suspended.
const MAX_SLEEP: Duration = Duration::from_secs(60);

static SCALES: Mutex<Scales> = Mutex::new(Scales::new());

/// Now, in the agent's time.
#[must_use]
pub fn now() -> SystemTime {
    scales().now(read())
}

/// How long until `at`, a time of the agent's; zero when it has passed.
#[must_use]
pub fn until(at: SystemTime) -> Duration {
    at.duration_since(now()).unwrap_or_default()
}

/// Returns at `at`, a time of the agent's, or soon after the machine was resumed behind it.
pub async fn sleep_until(at: SystemTime) {
    loop {
        let left = until(at);
        tokio::time::sleep(left.min(MAX_SLEEP)).await;
        if left <= MAX_SLEEP {
            return;
        }
    }
}

/// What the system's clock shows. A step of it is noticed here.
#[must_use]
pub fn wall() -> SystemTime {
    let reading = read();
    notice(reading);
    reading.wall()
}

/// A time of the agent's as the system's clock has it now.
#[must_use]
pub fn shown(at: SystemTime) -> SystemTime {
    notice(read());
    scales().shown(at)
}

/// Looks whether the system's clock was stepped, and what is known of that.
pub fn steps() -> Steps {
    notice(read());
    scales().steps()
}

/// Now, for the connection to WhatsApp.
#[must_use]
pub fn protocol() -> SystemTime {
    scales().protocol(read())
}

/// A time of the connection's in the agent's time.
#[must_use]
pub fn from_protocol(at: SystemTime) -> SystemTime {
    scales().agent_time_of(at)
}

/// Sets the connection's time by the system's clock, unless that was stepped a short while ago. To be called before a
/// connection is made, when nothing is measured in it.
pub fn set_protocol() {
    let reading = read();
    notice(reading);
    scales().set_protocol(reading);
}

/// Where the agent's time is, to be kept for the next start.
#[must_use]
pub fn mark(boot: &str) -> Mark {
    scales().mark(read(), boot)
}

/// Continues from what an earlier process kept. To be called once, before anything is measured.
pub fn resume(mark: &Mark, boot: &str) -> Resumed {
    scales().resume(mark, read(), boot)
}

fn notice(reading: Reading) {
    let step = scales().notice(reading);
    if let Some(step) = step {
        tracing::warn!(
            step_seconds = step.seconds(),
            "system clock stepped; timers and retention are not affected"
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place")]
fn read() -> Reading {
    let boot = clock_gettime(ClockId::Boottime);
    let wall = SystemTime::now();
    #[cfg(feature = "sim")]
    let wall = shift::of(wall);
    Reading::new(boot.tv_sec, boot.tv_nsec, wall)
}

fn scales() -> MutexGuard<'static, Scales> {
    SCALES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As people and logs write it: `2026-11-22 11:12:08 UTC`.
#[must_use]
pub fn utc(at: SystemTime) -> String {
    let seconds = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    DateTime::from_timestamp(seconds, 0)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_write_them() {
        let at = |seconds| utc(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(at(1_735_689_599), "2024-12-31 23:59:59 UTC");
        assert_eq!(at(1_795_345_928), "2026-11-22 11:12:08 UTC");
    }
}
