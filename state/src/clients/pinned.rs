//! Clients whose keys the agent's settings name, so that a fleet needs no code for each agent.
//!
//! ```text
//! named ──(start)──> enrolled ──(no longer named)──> removed
//!                       └── revoked ──(named at the next start, too)──> still revoked
//! ```
//!
//! A mark is stored for each key that was applied. A revoked key has a mark and no client, and is not enrolled again: a restart
//! must not undo a revocation.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use openclaw_trust::enroll::check_name;
use openclaw_trust::{Fingerprint, Role};
use openclaw_vault::Key;

use super::member::{self, Row};
use super::{Clients, MAX_CLIENTS};
use crate::clock;
use crate::vault::{Tables, Update};

/// A client in the settings: `NAME:ROLE:SHA256:…`. Not secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedKey {
    /// The client's name.
    pub name: String,
    /// The client's role.
    pub role: Role,
    /// The fingerprint of its key.
    pub fingerprint: Fingerprint,
}

/// The text is not a pinned key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPinnedKey {
    /// It has another form.
    #[error(
        "a client's key is NAME:ROLE:SHA256:…, for example ops:admin:SHA256:… with the fingerprint of `openclawctl clients list`"
    )]
    Form,
    /// The name is not a client's.
    #[error("a client's name has 1 to 64 letters, digits, dots, dashes and underscores")]
    Name,
    /// The role is none.
    #[error(transparent)]
    Role(#[from] openclaw_trust::BadRole),
    /// The fingerprint is none.
    #[error(transparent)]
    Fingerprint(#[from] openclaw_trust::BadFingerprint),
    /// Two keys have one name, or one key has two.
    #[error("two of them have the same name, or the same key")]
    Twice,
    /// More than an agent has clients.
    #[error("an agent has at most {MAX_CLIENTS} clients")]
    TooMany,
}

/// What the start did with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinned {
    /// It is enrolled now.
    Enrolled,
    /// It was enrolled before.
    Known,
    /// It was revoked, and stays so.
    Revoked,
    /// Another client has the name.
    NameTaken,
    /// The limit for clients.
    Full,
}

impl FromStr for PinnedKey {
    type Err = BadPinnedKey;

    fn from_str(text: &str) -> Result<Self, BadPinnedKey> {
        let mut parts = text.trim().splitn(3, ':');
        let mut part = || parts.next().ok_or(BadPinnedKey::Form);
        let (name, role, fingerprint) = (part()?, part()?, part()?);
        let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !name.chars().all(is_fine) || check_name(name).is_err() {
            return Err(BadPinnedKey::Name);
        }
        Ok(Self {
            name: name.to_owned(),
            role: role.parse()?,
            fingerprint: fingerprint.parse()?,
        })
    }
}

impl fmt::Display for PinnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.name, self.role, self.fingerprint)
    }
}

impl PinnedKey {
    /// Several of them, separated by commas.
    ///
    /// # Errors
    /// One of them is invalid, or they contradict each other.
    pub fn list(text: &str) -> Result<Vec<Self>, BadPinnedKey> {
        let parts = text.split(',').filter(|part| !part.trim().is_empty());
        let keys: Vec<Self> = parts.map(str::parse).collect::<Result<_, _>>()?;
        let is_twice = |at: usize, key: &Self| {
            let mut earlier = keys[..at].iter();
            earlier.any(|it| it.name == key.name || it.fingerprint == key.fingerprint)
        };
        if keys.iter().enumerate().any(|(at, key)| is_twice(at, key)) {
            return Err(BadPinnedKey::Twice);
        }
        if keys.len() > MAX_CLIENTS {
            return Err(BadPinnedKey::TooMany);
        }
        Ok(keys)
    }
}

impl Clients {
    /// Applies the keys of the settings: call it at the start, before there are connections. Clients that an earlier start
    /// enrolled and that are no longer named are removed. Durable on return.
    pub async fn pin(&self, keys: &[PinnedKey], now: SystemTime) -> Vec<Pinned> {
        let vault = &self.shared.vault;
        // One after the other: an update does not see its own changes, and a new key may take the name of a removed one.
        vault.update(|update| forget_others(update, keys));
        let apply = |key| vault.update(|update| apply(update, key, now));
        let applied = keys.iter().map(apply).collect();
        vault.flush().await;
        *self.members() = member::load_all(vault);
        applied
    }
}

/// Removes the marks of keys that are no longer named, and their clients.
fn forget_others(update: &mut Update<'_>, keys: &[PinnedKey]) {
    for entry in update.scan(Tables::PINNED_KEYS, None) {
        let Ok(id) = <[u8; 32]>::try_from(entry.id.as_slice()) else {
            continue;
        };
        let fingerprint = Fingerprint::from_bytes(id);
        if keys.iter().any(|key| key.fingerprint == fingerprint) {
            continue;
        }
        update.batch().delete(mark(&fingerprint));
        if row_of(update, &fingerprint).is_some_and(|row| row.is_pinned()) {
            update.batch().delete(member::key(&fingerprint));
        }
    }
}

/// Enrolls a key that was not applied before; gives a known one its name and role.
fn apply(update: &mut Update<'_>, key: &PinnedKey, now: SystemTime) -> Pinned {
    let marked = update.contains(mark(&key.fingerprint));
    let kept = row_of(update, &key.fingerprint);
    let done = match &kept {
        None if marked => return Pinned::Revoked,
        // Enrolled with a code: the settings do not own it. The mark is for a later revocation.
        Some(row) if !row.is_pinned() => {
            update.batch().put(mark(&key.fingerprint), &[]);
            return Pinned::Known;
        }
        Some(row) if row.name == key.name && row.role() == key.role => return Pinned::Known,
        Some(_) => Pinned::Known,
        None => Pinned::Enrolled,
    };
    if let Some(obstacle) = obstacle(update, key) {
        return obstacle;
    }
    let name = key.name.clone();
    let row = Row::new(name, key.role, None, clock::shown(now)).pinned();
    let client = member::key(&key.fingerprint);
    update.batch().put(client, &row.write());
    update.batch().put(mark(&key.fingerprint), &[]);
    done
}

/// Why the key cannot be enrolled under its name.
fn obstacle(update: &Update<'_>, key: &PinnedKey) -> Option<Pinned> {
    let clients = update.scan(Tables::CLIENTS, None).into_iter();
    let others = clients.filter(|entry| entry.id != key.fingerprint.as_bytes());
    let names: Vec<_> = others
        .map(|entry| Row::read(&entry.value).map(|row| row.name))
        .collect();
    if names.iter().flatten().any(|name| *name == key.name) {
        return Some(Pinned::NameTaken);
    }
    (names.len() >= MAX_CLIENTS).then_some(Pinned::Full)
}

fn row_of(update: &Update<'_>, client: &Fingerprint) -> Option<Row> {
    Row::read(&update.load(member::key(client))?)
}

fn mark(client: &Fingerprint) -> Key<'_> {
    Key::new(Tables::PINNED_KEYS, "", client.as_bytes())
}
