//! How fast messages may go out: a burst, then a steady rate, for the account and for each recipient. Pure: time is an
//! argument. WhatsApp bans accounts that write faster than people do, and it does not warn.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use openclaw_types::Recipient;

/// To one recipient: so many at once, and then one a second.
const RECIPIENT: Rate = Rate {
    interval: Duration::from_secs(1),
    burst: 5,
};

/// The account's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// Messages a minute in the long run; 0 turns pacing off, for recipients too.
    pub per_minute: u32,
    /// Messages at once after a rest.
    pub burst: u32,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            per_minute: 30,
            burst: 30,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    interval: Duration,
    burst: u32,
}

/// A token bucket, known by when it is full again.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    full_at: SystemTime,
}

impl Bucket {
    const FULL: Self = Self {
        full_at: SystemTime::UNIX_EPOCH,
    };

    /// When it holds more than `reserve` tokens.
    fn ready_at(self, rate: Rate, reserve: u32, now: SystemTime) -> SystemTime {
        let spare = rate.burst.saturating_sub(1 + reserve);
        let full_at = self.full_at.min(now + rate.interval * rate.burst);
        full_at
            .checked_sub(rate.interval * spare)
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn take(&mut self, rate: Rate, now: SystemTime) {
        // It is never emptier than empty, not even when the clock was put back.
        let empty = now + rate.interval * rate.burst;
        self.full_at = (self.full_at.max(now) + rate.interval).min(empty);
    }
}

/// What has gone out lately, as far as it counts.
#[derive(Debug)]
pub(super) struct Pace {
    account: Option<Rate>,
    bucket: Bucket,
    recipients: HashMap<Recipient, Bucket>,
}

impl Pace {
    pub(super) fn new(pacing: Pacing) -> Self {
        let Pacing { per_minute, burst } = pacing;
        let rate = |per_minute| Rate {
            interval: Duration::from_secs(60) / per_minute,
            burst: burst.max(1),
        };
        Self {
            account: (per_minute > 0).then(|| rate(per_minute)),
            bucket: Bucket::FULL,
            recipients: HashMap::new(),
        }
    }

    /// When a message to this recipient may go out: now, if that is not later than `now`. One that can wait (`patient`)
    /// leaves the last token of the account to one that cannot.
    pub(super) fn ready_at(&self, to: &Recipient, patient: bool, now: SystemTime) -> SystemTime {
        let Some(rate) = self.account else {
            return now;
        };
        let reserve = u32::from(patient && rate.burst > 1);
        let account = self.bucket.ready_at(rate, reserve, now);
        let bucket = self.recipients.get(to);
        let recipient = bucket.map(|bucket| bucket.ready_at(RECIPIENT, 0, now));
        recipient.map_or(account, |recipient| recipient.max(account))
    }

    /// A message goes out.
    pub(super) fn take(&mut self, to: &Recipient, now: SystemTime) {
        let Some(rate) = self.account else {
            return;
        };
        self.bucket.take(rate, now);
        // A full bucket is as good as none, so that only those of the last seconds are kept.
        self.recipients.retain(|_, bucket| bucket.full_at > now);
        let bucket = self.recipients.entry(to.clone()).or_insert(Bucket::FULL);
        bucket.take(RECIPIENT, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000) + Duration::from_millis(millis)
    }

    fn person(n: u32) -> Recipient {
        format!("+1555010{n:04}").parse().unwrap()
    }

    fn pace(per_minute: u32, burst: u32) -> Pace {
        Pace::new(Pacing { per_minute, burst })
    }

    /// Sends if that is allowed; else says when it is.
    fn send(pace: &mut Pace, to: u32, now: SystemTime) -> Result<(), SystemTime> {
        match pace.ready_at(&person(to), false, now) {
            ready if ready <= now => {
                pace.take(&person(to), now);
                Ok(())
            }
            ready => Err(ready),
        }
    }

    #[test]
    fn a_burst_goes_at_once_and_then_one_by_one() {
        let mut pace = pace(60, 3);
        for n in 0..3 {
            assert_eq!(send(&mut pace, n, at(0)), Ok(()));
        }
        assert_eq!(send(&mut pace, 3, at(0)), Err(at(1000)));
        assert_eq!(send(&mut pace, 3, at(999)), Err(at(1000)));
        assert_eq!(send(&mut pace, 3, at(1000)), Ok(()));
        assert_eq!(send(&mut pace, 4, at(1000)), Err(at(2000)));
    }

    #[test]
    fn a_rest_fills_the_burst_and_no_more() {
        let mut pace = pace(60, 3);
        for n in 0..3 {
            send(&mut pace, n, at(0)).unwrap();
        }
        for n in 3..6 {
            assert_eq!(send(&mut pace, n, at(3_600_000)), Ok(()));
        }
        assert!(send(&mut pace, 6, at(3_600_000)).is_err());
    }

    #[test]
    fn one_recipient_is_not_flooded_and_others_do_not_wait_for_it() {
        let mut pace = pace(6000, 1000);
        for _ in 0..RECIPIENT.burst {
            assert_eq!(send(&mut pace, 1, at(0)), Ok(()));
        }
        assert_eq!(send(&mut pace, 1, at(0)), Err(at(1000)));
        assert_eq!(send(&mut pace, 2, at(0)), Ok(()));
        assert_eq!(send(&mut pace, 1, at(1000)), Ok(()));
    }

    #[test]
    fn the_long_run_is_the_rate() {
        let mut pace = pace(30, 10);
        let minute = (0..60_000).step_by(100);
        let sent = minute.filter(|ms| send(&mut pace, *ms as u32 % 9999, at(*ms)).is_ok());
        assert_eq!(sent.count(), 10 + 29, "the burst, and one each two seconds");
    }

    #[test]
    fn queued_messages_leave_a_token_to_direct_ones() {
        let mut pace = pace(60, 3);
        for n in 0..2 {
            assert!(pace.ready_at(&person(n), true, at(0)) <= at(0));
            pace.take(&person(n), at(0));
        }
        assert_eq!(pace.ready_at(&person(3), true, at(0)), at(1000));
        assert_eq!(send(&mut pace, 3, at(0)), Ok(()));
    }

    #[test]
    fn a_clock_set_back_delays_no_send_for_long() {
        let mut pace = pace(60, 3);
        for n in 0..3 {
            send(&mut pace, n, at(86_400_000)).unwrap();
        }
        let ready = send(&mut pace, 4, at(0)).unwrap_err();
        assert_eq!(ready, at(1000));
        pace.take(&person(4), at(0));
        assert!(pace.bucket.full_at <= at(3000));
    }

    #[test]
    fn without_a_rate_everything_goes() {
        let mut pace = pace(0, 1);
        for _ in 0..1000 {
            assert_eq!(send(&mut pace, 1, at(0)), Ok(()));
        }
        assert!(pace.recipients.is_empty());
    }

    #[test]
    fn only_recipients_of_the_last_seconds_are_remembered() {
        let mut pace = pace(6000, 1000);
        for n in 0..5000 {
            send(&mut pace, n, at(u64::from(n) * 10)).unwrap();
        }
        assert!(pace.recipients.len() <= 101, "{}", pace.recipients.len());
    }
}
