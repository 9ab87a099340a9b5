//! The role of a socket.

use crate::number::DeviceId;

/// What the socket may do.
pub(crate) enum Role {
    /// Waits to be linked.
    Pairing,
    /// Belongs to this linked companion.
    Companion(DeviceId),
    /// Was refused; its stanzas are ignored.
    Refused,
}
