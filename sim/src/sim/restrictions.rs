//! Restrictions that WhatsApp imposes on an account.

use crate::clock::unix_now;
use crate::phones::restrictions;
use crate::sim::phone::Phone;
use crate::state::restrictions::Timelock;

impl Phone {
    /// For this many seconds, messages to people with whom the account has no chat get 463. `kind` is WhatsApp's name
    /// of the restriction, such as `DEFAULT`. 0 ends the restriction.
    pub fn lock_reachouts(&self, seconds: u64, kind: &str) {
        let timelock = Timelock {
            ends: unix_now().saturating_add(seconds),
            kind: kind.to_owned(),
        };
        let timelock = Some(timelock).filter(|_| seconds > 0);
        restrictions::set_timelock(self.shared(), self.number(), timelock);
    }

    /// WhatsApp announces, now and at every login, that the version of the account's clients expires at this time, in
    /// seconds since 1970; after that, logins fail with 405. `None`: they do not expire.
    pub fn expire_clients(&self, at: Option<u64>) {
        restrictions::set_expiration(self.shared(), self.number(), at);
    }
}
