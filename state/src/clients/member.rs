//! A client: its stored row and its open connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use openclaw_trust::{Fingerprint, Role};
use openclaw_vault::Key;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Clients;
use crate::clock;
use crate::send_to::SendTo;
use crate::vault::{Tables, Vault, from_millis, span_millis, to_millis};

/// The stored row. Fields may be added, never renamed: volumes hold it.
#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    #[serde(rename = "n")]
    pub(super) name: String,
    #[serde(rename = "r")]
    role: u8,
    /// Milliseconds since 1970, like all times here.
    #[serde(rename = "e")]
    enrolled_at: u64,
    #[serde(rename = "s", default)]
    seen_at: Option<u64>,
    /// The recipients that the client may send to; `None` for everyone.
    #[serde(
        rename = "t",
        default,
        deserialize_with = "SendTo::read",
        skip_serializing_if = "Option::is_none"
    )]
    send_to: Option<SendTo>,
    /// The settings name it.
    #[serde(rename = "p", default, skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
}

/// A client, for listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its name.
    pub name: String,
    /// The fingerprint of its key.
    pub fingerprint: Fingerprint,
    /// Its role.
    pub role: Role,
    /// When it enrolled.
    pub enrolled_at: SystemTime,
    /// When it was last connected.
    pub last_seen: Option<SystemTime>,
    /// The number of open connections.
    pub connections: usize,
    /// The recipients that the client may send to; `None` for everyone.
    pub send_to: Option<SendTo>,
}

/// An enrolled client, with handles that cut its connections when dropped.
pub(super) struct Member {
    pub(super) row: Row,
    /// The last-seen time that is stored in the vault.
    kept: Option<u64>,
    cord: watch::Sender<()>,
}

/// Handles of a client's connections, which are cut on drop.
#[must_use = "dropping it cuts the connections"]
pub struct Severed {
    _cord: watch::Sender<()>,
}

/// A connection of an enrolled client. Drop it when the connection ends.
pub struct Pass {
    /// The fingerprint of the client's key.
    pub client: Fingerprint,
    /// The client's name when it connected.
    pub name: Arc<str>,
    /// The client's role.
    pub role: Role,
    /// The recipients that the client may send to; `None` for everyone.
    pub send_to: Option<Arc<SendTo>>,
    cord: Option<watch::Receiver<()>>,
    clients: Clients,
}

impl Row {
    pub(super) fn new(name: String, role: Role, send_to: Option<SendTo>, now: SystemTime) -> Self {
        Self {
            name,
            role: role.to_byte(),
            enrolled_at: to_millis(now),
            seen_at: None,
            send_to,
            pinned: false,
        }
    }

    pub(super) fn pinned(self) -> Self {
        Self {
            pinned: true,
            ..self
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let row: Self = ciborium::from_reader(bytes).ok()?;
        Role::from_byte(row.role).map(|_| row)
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(self, &mut bytes).expect("text and numbers can be encoded");
        bytes
    }

    pub(super) const fn is_pinned(&self) -> bool {
        self.pinned
    }

    pub(super) fn role(&self) -> Role {
        Role::from_byte(self.role).unwrap_or(Role::Reader)
    }

    /// Stored as wall-clock time, because people read it.
    pub(super) fn see(&mut self, now: SystemTime) {
        self.seen_at = Some(to_millis(clock::shown(now)));
    }
}

impl Member {
    pub(super) fn new(row: Row) -> Self {
        let (cord, _) = watch::channel(());
        let kept = row.seen_at;
        Self { row, kept, cord }
    }

    pub(super) fn connections(&self) -> usize {
        self.cord.receiver_count()
    }

    pub(super) fn pass(&self, client: Fingerprint, clients: Clients) -> Pass {
        Pass {
            client,
            name: self.row.name.as_str().into(),
            role: self.row.role(),
            send_to: self.row.send_to.clone().map(Arc::new),
            cord: Some(self.cord.subscribe()),
            clients,
        }
    }

    pub(super) fn sever(self) -> Severed {
        Severed { _cord: self.cord }
    }

    pub(super) fn describe(&self, fingerprint: Fingerprint) -> Client {
        Client {
            name: self.row.name.clone(),
            fingerprint,
            role: self.row.role(),
            enrolled_at: time(self.row.enrolled_at),
            last_seen: self.row.seen_at.map(time),
            connections: self.connections(),
            send_to: self.row.send_to.clone(),
        }
    }

    /// The row to store, if the stored last-seen time is older than `limit`.
    pub(super) fn outdated_row(&mut self, limit: Duration) -> Option<Vec<u8>> {
        let seen = self.row.seen_at?;
        let limit = span_millis(limit);
        let stale = self.kept.is_none_or(|kept| seen.abs_diff(kept) >= limit);
        stale.then(|| {
            self.kept = Some(seen);
            self.row.write()
        })
    }
}

impl Pass {
    /// Resolves when the client is revoked. Call it once and keep the future as long as the connection: connections
    /// are counted by it.
    pub fn severed(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let cord = self.cord.take();
        async move {
            match cord {
                // Nothing is ever sent: the channel closes when its sender is dropped.
                Some(mut cord) => drop(cord.changed().await),
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.clients.seen(&self.client, clock::now());
    }
}

/// The stored clients.
pub(super) fn load_all(vault: &Vault) -> HashMap<Fingerprint, Member> {
    let rows = vault.scan(Tables::CLIENTS, None).into_iter();
    let members = rows.filter_map(|entry| {
        let fingerprint = Fingerprint::from_bytes(entry.id.as_slice().try_into().ok()?);
        Some((fingerprint, Member::new(Row::read(&entry.value)?)))
    });
    members.collect()
}

pub(super) fn key(client: &Fingerprint) -> Key<'_> {
    Key::new(Tables::CLIENTS, "", client.as_bytes())
}

/// Clamped to the end of the year 9999: the API cannot represent later times.
pub(super) fn time(millis: u64) -> SystemTime {
    from_millis(millis.min(253_402_300_799_000))
}
