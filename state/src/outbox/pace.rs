//! The rate limit for sends: a burst, then a steady rate, for the account and for each recipient. Pure: time is an
//! argument. WhatsApp bans accounts that write faster than people do, without a warning.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use openclaw_types::Recipient;

/// The rate for one recipient: a burst, then one message a second.
const RECIPIENT: Rate = Rate {
    interval: Duration::from_secs(1),
    burst: 5,
};

/// The rate for the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// The sustained rate in messages a minute; 0 disables the rate limit, also for recipients.
    pub per_minute: u32,
    /// The number of messages that can be sent at once after a pause.
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

/// A token bucket, represented by the time at which it is full again.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    full_at: SystemTime,
}

impl Bucket {
    const FULL: Self = Self {
        full_at: SystemTime::UNIX_EPOCH,
    };

    /// The time at which it holds more than `reserve` tokens.
    fn ready_at(self, rate: Rate, reserve: u32, now: SystemTime) -> SystemTime {
        let spare = rate.burst.saturating_sub(1 + reserve);
        let full_at = self.full_at.min(now + rate.interval * rate.burst);
        full_at
            .checked_sub(rate.interval * spare)
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn give_back(&mut self, rate: Rate) {
        self.full_at -= rate.interval;
    }

    fn take(&mut self, rate: Rate, now: SystemTime) {
        // Clamped to an empty bucket, even if the clock was set back.
        let empty = now + rate.interval * rate.burst;
        self.full_at = (self.full_at.max(now) + rate.interval).min(empty);
    }
}

/// The state of the rate limit.
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

    /// The time at which a message to this recipient can be sent; it can be sent now if that is not after `now`. A
    /// queued message (`patient`) leaves the last token of the account to direct messages.
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

    /// Takes the tokens for a message.
    pub(super) fn take(&mut self, to: &Recipient, now: SystemTime) {
        let Some(rate) = self.account else {
            return;
        };
        self.bucket.take(rate, now);
        // A full bucket has no effect, so only recipients of the last seconds are stored.
        self.recipients.retain(|_, bucket| bucket.full_at > now);
        let bucket = self.recipients.entry(to.clone()).or_insert(Bucket::FULL);
        bucket.take(RECIPIENT, now);
    }

    /// Returns the tokens of a message that was not sent.
    pub(super) fn give_back(&mut self, to: &Recipient) {
        let Some(rate) = self.account else {
            return;
        };
        self.bucket.give_back(rate);
        if let Some(bucket) = self.recipients.get_mut(to) {
            bucket.give_back(RECIPIENT);
        }
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

    /// Sends if the rate limit allows it; otherwise returns the time at which it does.
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
    fn a_burst_is_sent_at_once_then_messages_follow_at_the_rate() {
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
    fn a_pause_refills_the_burst_and_no_more() {
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
    fn the_rate_of_one_recipient_does_not_delay_others() {
        let mut pace = pace(6000, 1000);
        for _ in 0..RECIPIENT.burst {
            assert_eq!(send(&mut pace, 1, at(0)), Ok(()));
        }
        assert_eq!(send(&mut pace, 1, at(0)), Err(at(1000)));
        assert_eq!(send(&mut pace, 2, at(0)), Ok(()));
        assert_eq!(send(&mut pace, 1, at(1000)), Ok(()));
    }

    #[test]
    fn the_sustained_rate_is_the_configured_one() {
        let mut pace = pace(30, 10);
        let minute = (0..60_000).step_by(100);
        let sent = minute.filter(|ms| send(&mut pace, *ms as u32 % 9999, at(*ms)).is_ok());
        assert_eq!(sent.count(), 10 + 29, "the burst, and one each two seconds");
    }

    #[test]
    fn queued_messages_leave_a_token_for_direct_ones() {
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
    fn without_a_rate_nothing_is_limited() {
        let mut pace = pace(0, 1);
        for _ in 0..1000 {
            assert_eq!(send(&mut pace, 1, at(0)), Ok(()));
        }
        assert!(pace.recipients.is_empty());
    }

    #[test]
    fn only_recipients_of_the_last_seconds_are_stored() {
        let mut pace = pace(6000, 1000);
        for n in 0..5000 {
            send(&mut pace, n, at(u64::from(n) * 10)).unwrap();
        }
        assert!(pace.recipients.len() <= 101, "{}", pace.recipients.len());
    }
}
