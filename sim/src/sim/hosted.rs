//! Accounts that a business's provider can read as well.

use crate::rules::devices;
use crate::signal::adv::Signing;
use crate::sim::phone::Phone;

impl Phone {
    /// The account is hosted from now on, or no longer. A hosted one has a device 99, its provider's, in the list of its
    /// devices: it writes, and messages are not sealed for it.
    pub fn host(&self, signing: Signing) {
        devices::host(self.shared(), self.number(), signing);
    }
}
