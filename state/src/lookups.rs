//! Lookups of numbers: cached answers, and the limit on further lookups. Pure, and in memory only.
//!
//! WhatsApp restricts accounts that look up many numbers. A restart forgets the answers and the count.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use openclaw_types::{Lid, Phone};

use crate::hourly::{HOUR, Hourly};

/// How many numbers may be looked up in any hour.
pub const MAX_LOOKUPS: usize = 100;

const MAX_CACHED: usize = 1_024;
const KEEP_FOUND: Duration = Duration::from_secs(24 * 3600);
/// Shorter, because the number may be registered at any time.
const KEEP_ABSENT: Duration = Duration::from_secs(3600);

/// WhatsApp's answer about a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who it is; `None` if the number is not on WhatsApp.
    pub person: Option<Person>,
    /// When WhatsApp answered.
    pub at: SystemTime,
}

/// Someone on WhatsApp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The number as WhatsApp spells it.
    pub phone: Phone,
    /// The LID, if there is one.
    pub lid: Option<Lid>,
    /// Whether it is a business account.
    pub business: bool,
}

/// The answers and the limit.
#[derive(Debug)]
pub struct Lookups {
    answers: HashMap<Phone, Found>,
    asked: Hourly,
    /// Set after WhatsApp has refused a lookup as too many.
    blocked_until: Option<SystemTime>,
}

impl Default for Lookups {
    fn default() -> Self {
        Self {
            answers: HashMap::new(),
            asked: Hourly::new(MAX_LOOKUPS),
            blocked_until: None,
        }
    }
}

impl Lookups {
    /// The cached answer about a number, if it has not expired.
    #[must_use]
    pub fn answer(&self, phone: &Phone, now: SystemTime) -> Option<&Found> {
        self.answers.get(phone).filter(|found| found.is_good(now))
    }

    /// Counts numbers that are about to be looked up. They count even if WhatsApp does not answer.
    ///
    /// # Errors
    /// They would exceed the limit: the time from which they would not. Nothing is counted then.
    pub fn take(&mut self, count: usize, now: SystemTime) -> Result<(), SystemTime> {
        if let Some(until) = self.blocked_until.filter(|until| *until > now) {
            return Err(until);
        }
        self.asked.take(count, now)
    }

    /// Blocks lookups after WhatsApp has refused one as too many. Returns the end.
    pub fn block(&mut self, now: SystemTime) -> SystemTime {
        let until = now + HOUR;
        self.blocked_until = Some(until);
        until
    }

    /// Caches an answer.
    pub fn learn(&mut self, phone: Phone, found: Found) {
        if self.answers.len() >= MAX_CACHED {
            self.answers.retain(|_, kept| kept.is_good(found.at));
        }
        if self.answers.len() >= MAX_CACHED {
            self.answers.clear();
        }
        self.answers.insert(phone, found);
    }
}

impl Found {
    fn is_good(&self, now: SystemTime) -> bool {
        let keep = match self.person {
            Some(_) => KEEP_FOUND,
            None => KEEP_ABSENT,
        };
        now.duration_since(self.at).is_ok_and(|age| age < keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn phone(n: usize) -> Phone {
        format!("+1555010{n:04}").parse().unwrap()
    }

    fn absent(at: SystemTime) -> Found {
        Found { person: None, at }
    }

    #[test]
    fn a_hundred_numbers_an_hour_and_the_time_of_the_next_one() {
        let mut lookups = Lookups::default();
        for minute in 0..5 {
            lookups.take(20, at(minute * 60)).unwrap();
        }
        let hour = HOUR.as_secs();
        assert_eq!(lookups.take(1, at(300)), Err(at(hour)));
        assert_eq!(lookups.take(20, at(300)), Err(at(hour)));
        assert_eq!(lookups.take(21, at(300)), Err(at(hour + 60)));
        assert_eq!(lookups.take(20, at(hour)), Ok(()));
        assert_eq!(lookups.take(1, at(hour)), Err(at(hour + 60)));
        assert_eq!(lookups.take(0, at(hour)), Ok(()), "cached numbers are free");
    }

    #[test]
    fn whatsapps_own_refusal_ends_lookups_for_an_hour() {
        let mut lookups = Lookups::default();
        assert_eq!(lookups.block(at(0)), at(3600));
        assert_eq!(lookups.take(1, at(3599)), Err(at(3600)));
        assert_eq!(lookups.take(1, at(3600)), Ok(()));
    }

    #[test]
    fn an_answer_is_kept_for_a_day_and_that_there_is_no_one_for_an_hour() {
        let mut lookups = Lookups::default();
        let person = Person {
            phone: phone(1),
            lid: None,
            business: false,
        };
        let found = Found {
            person: Some(person),
            at: at(0),
        };
        lookups.learn(phone(1), found);
        lookups.learn(phone(2), absent(at(0)));
        let known = |lookups: &Lookups, seconds| {
            [1, 2].map(|n| lookups.answer(&phone(n), at(seconds)).is_some())
        };
        assert_eq!(known(&lookups, 3599), [true, true]);
        assert_eq!(known(&lookups, 3600), [true, false]);
        assert_eq!(known(&lookups, 86_400), [false, false]);
    }

    #[test]
    fn answers_are_bounded() {
        let mut lookups = Lookups::default();
        for n in 0..=MAX_CACHED {
            lookups.learn(phone(n), absent(at(0)));
        }
        assert!(lookups.answers.len() <= MAX_CACHED);
        assert!(lookups.answer(&phone(MAX_CACHED), at(0)).is_some());
    }
}
