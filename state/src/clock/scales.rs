//! Converts between the time scales. Pure: clock readings are arguments.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A difference of this much from the expected time is a step of the system clock. Slewing affects the time since
/// boot equally, so it causes no difference.
const MIN_STEP_NANOS: i64 = 1_000_000_000;
/// A stepped clock is used for the connection once it has run steadily for this long.
const SETTLE_NANOS: i64 = 600 * 1_000_000_000;
/// The maximum time counted between two processes if the machine was rebooted in between, when only the system clock
/// shows how long that was.
const MAX_AWAY_NANOS: i64 = 86_400 * 1_000_000_000;
/// 2026-01-01: before this program existed, so any earlier time is wrong.
const MIN_PLAUSIBLE_NANOS: i64 = 1_767_225_600 * 1_000_000_000;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// Simultaneous readings of the clocks, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Time since boot.
    boot: i64,
    /// The system clock, since 1970.
    wall: i64,
}

/// The offsets between the scales, in nanoseconds.
#[derive(Debug)]
pub(super) struct Scales {
    /// Agent time minus time since boot.
    agent: Option<i64>,
    /// System clock minus agent time, as of the last detected step.
    wall: i64,
    /// Connection time minus agent time.
    protocol: i64,
    steps: Steps,
}

/// Steps of the system clock since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// The number of steps.
    pub count: u64,
    /// The last step.
    pub last: Option<Step>,
}

/// A step of the system clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it was detected, in agent time.
    pub at: SystemTime,
    /// The size in milliseconds; negative if the clock was set back.
    pub by: i64,
}

impl Step {
    /// The size in seconds, rounded.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        (self.by + self.by.signum() * 500) / 1000
    }
}

/// Agent time at some moment. Fields may be added, never renamed: volumes hold it. Milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    #[serde(rename = "a")]
    agent: i64,
    /// The system clock at that moment.
    #[serde(rename = "w")]
    wall: i64,
    /// The time since boot at that moment.
    #[serde(rename = "b")]
    boot: i64,
    /// The kernel's boot id: identifies the machine and its boot.
    #[serde(rename = "i")]
    boot_id: String,
}

/// What is known about the time between two processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// The time that has passed according to the system clock but was not counted.
    pub uncounted: Duration,
    /// True if the length is unknown: the system clock was set back, or was not counted in full.
    pub uncertain: bool,
}

impl Reading {
    pub(super) fn new(boot_seconds: i64, boot_nanos: i64, wall: SystemTime) -> Self {
        let boot = boot_seconds
            .saturating_mul(1_000 * NANOS_PER_MILLI)
            .saturating_add(boot_nanos);
        Self {
            boot,
            wall: nanos(wall),
        }
    }

    pub(super) fn wall(self) -> SystemTime {
        time(self.wall)
    }
}

impl Scales {
    pub(super) const fn new() -> Self {
        Self {
            agent: None,
            wall: 0,
            protocol: 0,
            steps: Steps {
                count: 0,
                last: None,
            },
        }
    }

    pub(super) fn now(&mut self, reading: Reading) -> SystemTime {
        time(self.agent(reading))
    }

    fn agent(&mut self, Reading { boot, wall }: Reading) -> i64 {
        // Without a mark, agent time starts at the system clock.
        let agent = *self.agent.get_or_insert(wall.saturating_sub(boot));
        boot.saturating_add(agent)
    }

    /// Detects a new step.
    pub(super) fn notice(&mut self, reading: Reading) -> Option<Step> {
        let now = self.agent(reading);
        let moved = reading.wall.saturating_sub(now).saturating_sub(self.wall);
        if moved.saturating_abs() < MIN_STEP_NANOS {
            return None;
        }
        self.wall = self.wall.saturating_add(moved);
        let step = Step {
            at: time(now),
            by: moved / NANOS_PER_MILLI,
        };
        self.steps.count += 1;
        self.steps.last = Some(step);
        Some(step)
    }

    pub(super) fn shown(&self, at: SystemTime) -> SystemTime {
        moved(at, self.wall)
    }

    pub(super) const fn steps(&self) -> Steps {
        self.steps
    }

    pub(super) fn protocol(&mut self, reading: Reading) -> SystemTime {
        moved(self.now(reading), self.protocol)
    }

    pub(super) fn agent_time_of(&self, at: SystemTime) -> SystemTime {
        moved(at, self.protocol.saturating_neg())
    }

    pub(super) fn set_protocol(&mut self, reading: Reading) {
        let now = self.agent(reading);
        let stepped = self.steps.last.map_or(i64::MIN, |step| nanos(step.at));
        let has_held = now.saturating_sub(stepped) >= SETTLE_NANOS;
        if has_held || now.saturating_add(self.protocol) < MIN_PLAUSIBLE_NANOS {
            self.protocol = self.wall;
        }
    }

    pub(super) fn mark(&mut self, reading: Reading, boot_id: &str) -> Mark {
        Mark {
            agent: self.agent(reading) / NANOS_PER_MILLI,
            wall: reading.wall / NANOS_PER_MILLI,
            boot: reading.boot / NANOS_PER_MILLI,
            boot_id: boot_id.to_owned(),
        }
    }

    /// If the machine was not rebooted, the time since boot gives the length. Otherwise the system clock does, which
    /// may have been set in the meantime: the counted time is limited, so that a wrong clock does not expire
    /// anything.
    pub(super) fn resume(&mut self, mark: &Mark, reading: Reading, boot_id: &str) -> Resumed {
        let nanos = |millis: i64| millis.saturating_mul(NANOS_PER_MILLI);
        let same =
            !boot_id.is_empty() && mark.boot_id == boot_id && nanos(mark.boot) <= reading.boot;
        let by_wall = reading.wall.saturating_sub(nanos(mark.wall));
        let (counted, resumed) = if same {
            (reading.boot - nanos(mark.boot), Resumed::default())
        } else {
            let counted = by_wall.clamp(0, MAX_AWAY_NANOS);
            let resumed = Resumed {
                uncounted: span(by_wall.saturating_sub(counted).max(0)),
                uncertain: counted != by_wall,
            };
            (counted, resumed)
        };
        let now = nanos(mark.agent).saturating_add(counted);
        self.agent = Some(now.saturating_sub(reading.boot));
        self.wall = reading.wall.saturating_sub(now);
        if self.wall.saturating_abs() < MIN_STEP_NANOS {
            self.wall = 0;
        }
        self.protocol = self.wall;
        resumed
    }
}

fn nanos(at: SystemTime) -> i64 {
    let whole = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => whole(since),
        Err(before) => -whole(before.duration()),
    }
}

fn time(nanos: i64) -> SystemTime {
    moved(SystemTime::UNIX_EPOCH, nanos)
}

/// A time that cannot be represented becomes 1970.
fn moved(at: SystemTime, by: i64) -> SystemTime {
    let span = Duration::from_nanos(by.unsigned_abs());
    let moved = if by < 0 {
        at.checked_sub(span)
    } else {
        at.checked_add(span)
    };
    moved.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn span(nanos: i64) -> Duration {
    Duration::from_nanos(nanos.unsigned_abs())
}

#[cfg(test)]
mod tests;
