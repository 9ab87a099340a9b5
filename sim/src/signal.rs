//! Signal, and the signatures and keys of linking. Pure: no stanzas, no state of other devices.

pub mod adv;
pub mod link_code;
pub mod party;
pub mod shortcake;
pub mod webauthn;

use wacore_libsignal::protocol::ProtocolAddress;

use crate::number::DeviceId;

/// A device's address in Signal sessions. Always its LID: the addressing of a stanza does not change the device's
/// identity.
pub(crate) fn address((number, device): &DeviceId) -> ProtocolAddress {
    ProtocolAddress::new(&number.lid_user(), u32::from(*device).into())
}
