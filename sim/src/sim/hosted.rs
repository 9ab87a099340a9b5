//! Hosted business accounts, whose messages the provider can read, too.

use crate::rules::devices;
use crate::signal::adv::Signing;
use crate::sim::phone::Phone;

impl Phone {
    /// Makes the account hosted, or no longer hosted. The device list of a hosted account contains its provider's
    /// device 99, which sends messages, and for which messages are not encrypted.
    pub fn host(&self, signing: Signing) {
        devices::host(self.shared(), self.number(), signing);
    }
}
