//! The only place that reads the system's clocks. All other code takes time as an argument, or calls this module.
//!
//! ```text
//! now()       agent time, for timers, deadlines and ages. Never stepped, even if the system clock is
//! wall()      the system clock: for people and for other machines
//! protocol()  the time for the connection to WhatsApp: set from the system clock before a connection, never during one
//! ```
//!
//! All three are a [`SystemTime`], and are equal until the system clock is stepped. Agent time is based on the
//! kernel's time since boot (`CLOCK_BOOTTIME`, which includes suspend); a [`Mark`] carries it over a restart.
//! [`shown`] converts agent time to wall-clock time. `docs/time.md` lists what each is used for.

mod scales;
#[cfg(feature = "sim")]
mod shift;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use rustix::time::{ClockId, clock_gettime};

pub use scales::{Mark, Resumed, Step, Steps};
use scales::{Reading, Scales};

/// The maximum single sleep: timers do not count the time that a machine is suspended, so a long wait is re-checked.
const MAX_SLEEP: Duration = Duration::from_secs(60);

static SCALES: Mutex<Scales> = Mutex::new(Scales::new());

/// Now, in agent time.
#[must_use]
pub fn now() -> SystemTime {
    scales().now(read())
}

/// The time until `at`, in agent time; zero if it has passed.
#[must_use]
pub fn until(at: SystemTime) -> Duration {
    at.duration_since(now()).unwrap_or_default()
}

/// Sleeps until `at`, in agent time. If the machine was suspended past that time, returns soon after it resumes.
pub async fn sleep_until(at: SystemTime) {
    loop {
        let left = until(at);
        tokio::time::sleep(left.min(MAX_SLEEP)).await;
        if left <= MAX_SLEEP {
            return;
        }
    }
}

/// The system clock. Also detects steps of it.
#[must_use]
pub fn wall() -> SystemTime {
    let reading = read();
    notice(reading);
    reading.wall()
}

/// Converts agent time to wall-clock time.
#[must_use]
pub fn shown(at: SystemTime) -> SystemTime {
    notice(read());
    scales().shown(at)
}

/// Checks for a step of the system clock, and returns all known ones.
pub fn steps() -> Steps {
    notice(read());
    scales().steps()
}

/// Now, in connection time.
#[must_use]
pub fn protocol() -> SystemTime {
    scales().protocol(read())
}

/// Converts connection time to agent time.
#[must_use]
pub fn from_protocol(at: SystemTime) -> SystemTime {
    scales().agent_time_of(at)
}

/// Sets connection time from the system clock, unless the clock was stepped recently. Call it before connecting, when
/// no interval is being measured in connection time.
pub fn set_protocol() {
    let reading = read();
    notice(reading);
    scales().set_protocol(reading);
}

/// The state of agent time, to be stored for the next start.
#[must_use]
pub fn mark(boot: &str) -> Mark {
    scales().mark(read(), boot)
}

/// Continues from the mark of an earlier process. Call it once, before any interval is measured.
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

#[expect(
    clippy::disallowed_methods,
    reason = "the only place that reads clocks"
)]
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

/// The format for people and logs: `2026-11-22 11:12:08 UTC`.
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
    fn times_are_formatted_for_people() {
        let at = |seconds| utc(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(at(1_735_689_599), "2024-12-31 23:59:59 UTC");
        assert_eq!(at(1_795_345_928), "2026-11-22 11:12:08 UTC");
    }
}
