//! Restrictions that WhatsApp imposes on an account.

use crate::clock::unix_now;

/// The reach-out time-lock: until it ends, an account may not write to people with whom it has no chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Timelock {
    /// Seconds since 1970.
    pub(crate) ends: u64,
    /// WhatsApp's name for it, as in `DEFAULT`.
    pub(crate) kind: String,
}

/// The restrictions of one account.
#[derive(Default)]
pub(crate) struct Restrictions {
    timelock: Option<Timelock>,
    /// When the version of its clients expires; announced at every login.
    pub(crate) expiration: Option<u64>,
}

impl Restrictions {
    /// Sets the time-lock, or ends it.
    pub(crate) fn lock(&mut self, timelock: Option<Timelock>) {
        self.timelock = timelock;
    }

    /// The time-lock, unless it has ended.
    pub(crate) fn timelock(&self) -> Option<&Timelock> {
        let now = unix_now();
        self.timelock.as_ref().filter(|lock| lock.ends > now)
    }

    /// Whether the clients have expired.
    pub(crate) fn is_expired(&self) -> bool {
        self.expiration.is_some_and(|at| at <= unix_now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timelock_and_a_version_expire() {
        let mut restrictions = Restrictions::default();
        assert!(restrictions.timelock().is_none() && !restrictions.is_expired());
        for (seconds, lasts) in [(60, true), (0, false)] {
            restrictions.lock(Some(Timelock {
                ends: unix_now() + seconds,
                kind: "DEFAULT".to_owned(),
            }));
            restrictions.expiration = Some(unix_now() + seconds);
            assert_eq!(restrictions.timelock().is_some(), lasts);
            assert_eq!(restrictions.is_expired(), !lasts);
        }
    }
}
