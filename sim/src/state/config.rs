//! How a simulator is set up.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::state::limits::Limits;

/// How a simulator is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Port 0 is any free port.
    pub listen: SocketAddr,
    /// Where the media host listens, over plain HTTP. Port 0 is any free port.
    pub media_listen: SocketAddr,
    /// What the files of the media host may take in memory, in bytes. Files by `fill` take none.
    pub media_limit: usize,
    /// What `pair-success` says of the account: true makes companions address chats by LID.
    pub lid_migrated: bool,
    /// Whether the phone sends history to a newly linked companion, beside its keys.
    pub history: bool,
    /// Turns Noise IK down, so that every reconnect goes through XXfallback.
    pub refuse_ik: bool,
    /// How long a scan or a code waits for the companion.
    pub patience: Duration,
    /// How often the server pings a companion, and for how long it waits for the answer before it cuts the socket.
    pub ping_interval: Duration,
    /// A stanza that was delivered and not acked for so long recycles the stream.
    pub recycle_after: Duration,
    /// Frames of at least so many bytes are compressed.
    pub compress_from: usize,
    /// The oldest version of WhatsApp Web that may log in, as the third part of `2.3000.N`.
    pub oldest_version: u32,
    /// How much a companion may send and ask before the server refuses it.
    pub limits: Limits,
    /// Where the simulator is kinder than WhatsApp's server. Empty by default.
    pub lenient: BTreeSet<Leniency>,
}

/// A rule of WhatsApp's server that the simulator can be asked not to hold clients to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Leniency {
    /// What waited is sent unasked, and its end is announced before it is acked.
    Backlog,
    /// An ack or a receipt of any kind settles every stanza with its id.
    Acks,
    /// A stream ends with a WebSocket close right behind the stream error.
    Endings,
    /// An iq that is not known is answered with an empty result.
    Iqs,
    /// The first message to a person needs no privacy token.
    Tokens,
    /// The client's description of itself is not looked at, at a login and for a link code.
    Logins,
}

impl Config {
    /// Whether clients are held to this rule.
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
            patience: Duration::from_secs(20),
            ping_interval: Duration::from_secs(20),
            recycle_after: Duration::from_secs(50 * 60),
            compress_from: 2 * 1024,
            oldest_version: 1_000_000_000,
            limits: Limits::default(),
            lenient: BTreeSet::new(),
        }
    }
}
