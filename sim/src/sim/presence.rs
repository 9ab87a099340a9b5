//! Presence and typing, and stanzas of any kind.

use wacore_binary::Node;

use crate::number::Number;
use crate::phones::{presence, raw};
use crate::sim::Sim;
use crate::sim::peer::Peer;
use crate::state::error::Error;
use crate::state::presence::Typing;
use crate::sync::lock;

impl Sim {
    /// Sends any stanza to all companions of an account. A message, a receipt, a notification or a call is queued
    /// until it is acked; any other stanza is sent only to connected companions. Returns its id.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn send_stanza(&self, account: &str, stanza: &Node) -> Result<String, Error> {
        let account: Number = account.parse()?;
        Ok(raw::send(self.shared(), &account, stanza))
    }
}

impl Peer {
    /// Sets the contact online or offline: companions that have subscribed are notified.
    pub fn set_available(&self, available: bool) {
        presence::set(self.shared(), self.number(), available);
    }

    /// Shows an account that the contact types (`composing`), records (`recording`), or stops (`paused`).
    ///
    /// # Errors
    /// The number is malformed.
    pub fn show_typing(&self, to: &str, state: &str) -> Result<(), Error> {
        presence::types(self.shared(), self.number(), &to.parse()?, state, true);
        Ok(())
    }

    /// The typing notifications that the contact received, in order.
    pub fn typing(&self) -> Vec<Typing> {
        let mut state = lock(&self.shared().state);
        state.user(self.number()).presence.typing.clone()
    }
}
