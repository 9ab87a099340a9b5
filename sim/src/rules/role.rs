//! What a socket may do.

use crate::number::DeviceId;

/// What the socket may do from now on.
pub(crate) enum Role {
    /// Waits to be linked.
    Pairing,
    /// Speaks for this companion.
    Companion(DeviceId),
    /// Was told off; nothing it says counts.
    Refused,
}
