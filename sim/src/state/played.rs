//! A device of somebody's that the simulator plays itself: no client, and no socket, is behind it.

use std::sync::{Arc, Mutex};

use crate::signal::party::Party;

/// A further device of a contact's, linked to its phone as any other.
pub(crate) struct Played {
    pub(crate) party: Arc<Mutex<Party>>,
    pub(crate) identity: [u8; 32],
    pub(crate) key_index: u32,
    /// Its `ADVSignedDeviceIdentity`, with both signatures.
    pub(crate) device_identity: Vec<u8>,
}
