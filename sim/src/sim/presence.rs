//! What people show of themselves, and stanzas of any kind.

use wacore_binary::Node;

use crate::number::Number;
use crate::phones::{presence, raw};
use crate::sim::Sim;
use crate::sim::peer::Peer;
use crate::state::error::Error;
use crate::state::presence::Typing;
use crate::sync::lock;

impl Sim {
    /// Sends any stanza to all companions of an account. A message, a receipt, a notification or a call waits until it is
    /// acked; another reaches only companions that are connected. Returns its id.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn send_stanza(&self, account: &str, stanza: &Node) -> Result<String, Error> {
        let account: Number = account.parse()?;
        Ok(raw::send(self.shared(), &account, stanza))
    }
}

impl Peer {
    /// The contact comes online, or goes: companions that have subscribed are told.
    pub fn set_available(&self, available: bool) {
        presence::set(self.shared(), self.number(), available);
    }

    /// The contact types to an account (`composing`), records (`recording`), or stops (`paused`).
    ///
    /// # Errors
    /// The number is malformed.
    pub fn show_typing(&self, to: &str, state: &str) -> Result<(), Error> {
        presence::types(self.shared(), self.number(), &to.parse()?, state, true);
        Ok(())
    }

    /// What others have shown of their typing to the contact, in order.
    pub fn typing(&self) -> Vec<Typing> {
        let mut state = lock(&self.shared().state);
        state.user(self.number()).presence.typing.clone()
    }
}
