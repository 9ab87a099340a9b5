//! Which error a message is answered with. `wacore` lists WhatsApp's numbers in `protocol/nack.rs`.

use crate::rules::messages::transit::Transit;
use crate::state::shared::Shared;
use crate::sync::lock;

/// `<ack error>`: the stanza broke a rule. WhatsApp's own number for it.
pub(super) const INVALID: u16 = 479;

/// The error that a fault wants for this message. What an account's own devices say to each other has none.
pub(super) fn on_command(shared: &Shared, transit: &Transit<'_>) -> Option<u16> {
    if transit.node.attrs.contains_key("category") {
        return None;
    }
    let mut state = lock(&shared.state);
    let own = state.user(&transit.from.0).faults.nack();
    own.or_else(|| state.faults.nack())
}
