//! Signal, and the signatures and keys of linking. Pure: nothing here knows a stanza or who else is there.

pub mod adv;
pub mod link_code;
pub mod party;
pub mod shortcake;
pub mod webauthn;

use wacore_libsignal::protocol::ProtocolAddress;

use crate::number::DeviceId;

/// The name of a device among parties. Always by LID: how a stanza is addressed does not change whose device it is.
pub(crate) fn address((number, device): &DeviceId) -> ProtocolAddress {
    ProtocolAddress::new(&number.lid_user(), u32::from(*device).into())
}
