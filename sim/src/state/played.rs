//! A contact's device that the simulator itself runs, without a client or a socket.

use std::sync::{Arc, Mutex};

use crate::signal::party::Party;

/// An additional device of a contact, linked to its phone like any other.
pub(crate) struct Played {
    pub(crate) party: Arc<Mutex<Party>>,
    pub(crate) identity: [u8; 32],
    pub(crate) key_index: u32,
    /// Its `ADVSignedDeviceIdentity`, with both signatures.
    pub(crate) device_identity: Vec<u8>,
}
