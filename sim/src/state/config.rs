//! How a simulator is set up.

use std::net::SocketAddr;
use std::time::Duration;

/// How a simulator is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Port 0 is any free port.
    pub listen: SocketAddr,
    /// What `pair-success` says of the account: true makes companions address chats by LID.
    pub lid_migrated: bool,
    /// Whether the phone sends history to a newly linked companion, beside its keys.
    pub history: bool,
    /// Turns Noise IK down, so that every reconnect goes through XXfallback.
    pub refuse_ik: bool,
    /// How long a scan or a code waits for the companion.
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            lid_migrated: true,
            history: true,
            refuse_ik: false,
            patience: Duration::from_secs(20),
        }
    }
}
