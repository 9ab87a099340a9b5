//! The configuration of a simulator.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::state::limits::Limits;

/// The configuration of a simulator.
#[derive(Debug, Clone)]
pub struct Config {
    /// The listen address. Port 0 picks a free port.
    pub listen: SocketAddr,
    /// The listen address of the media host, over plain HTTP. Port 0 picks a free port.
    pub media_listen: SocketAddr,
    /// The maximum memory for the files of the media host, in bytes. Files made with `fill` use none.
    pub media_limit: usize,
    /// The account's LID migration in `pair-success`: true makes companions address chats by LID.
    pub lid_migrated: bool,
    /// Whether the phone sends history to a newly linked companion, in addition to its keys.
    pub history: bool,
    /// Rejects Noise IK, so that every reconnect uses XXfallback.
    pub refuse_ik: bool,
    /// How long a scan or a code waits for the companion.
    pub timeout: Duration,
    /// How often the server pings a companion, and how long it waits for the answer before it closes the socket.
    pub ping_interval: Duration,
    /// How long a delivered stanza may stay unacked before the server closes the stream.
    pub recycle_after: Duration,
    /// Frames of at least this many bytes are compressed.
    pub compress_from: usize,
    /// The oldest version of WhatsApp Web that may log in, as the third part of `2.3000.N`.
    pub oldest_version: u32,
    /// How many messages and iqs a companion may send before the server refuses more.
    pub limits: Limits,
    /// The rules of WhatsApp's server that are not enforced. Empty by default.
    pub lenient: BTreeSet<Leniency>,
}

/// A rule of WhatsApp's server that the simulator can relax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Leniency {
    /// The backlog is sent unprompted, and its end is announced before it is acked.
    Backlog,
    /// An ack or a receipt of any kind acknowledges every stanza with its id.
    Acks,
    /// A stream ends with a WebSocket close frame immediately after the stream error.
    Endings,
    /// An unknown iq gets an empty result.
    Iqs,
    /// The first message to a person needs no privacy token.
    Tokens,
    /// The client's version, platform and display name are not checked, neither at a login nor for a link code.
    Logins,
    /// A client need not answer the server's pings. Baileys does not.
    Pings,
}

impl Config {
    /// Whether this rule is enforced.
    pub(crate) fn is_strict(&self, rule: Leniency) -> bool {
        !self.lenient.contains(&rule)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            media_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            media_limit: 256 * 1024 * 1024,
            lid_migrated: true,
            history: true,
            refuse_ik: false,
            timeout: Duration::from_secs(20),
            ping_interval: Duration::from_secs(20),
            recycle_after: Duration::from_secs(50 * 60),
            compress_from: 2 * 1024,
            oldest_version: 1_000_000_000,
            limits: Limits::default(),
            lenient: BTreeSet::new(),
        }
    }
}
