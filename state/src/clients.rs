//! Who may call over the network: keys that are known, each with a name and a role, and codes with which others become so.
//!
//! ```text
//! code ──(single-use, 15 minutes)── enroll ──> client ──> connections, each with a Pass ── revoke ──> all cut at once
//! ```
//!
//! What it reports is durable first. It decides by the time that it is given, and knows nothing of TLS or gRPC: the
//! door of `grpc` asks it.

mod codes;
mod member;
mod send_to;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use openclaw_trust::enroll::Refusal;
use openclaw_trust::tls::Known;
use openclaw_trust::{Code, CodeId, Fingerprint, NoRandom, Role};

use crate::clock;
use crate::failpoint::{self, Failpoint};
use crate::vault::{Tables, Vault};
pub use codes::{CODE_LIFETIME, Invitation, Opening};
use codes::{Kept, Origin};
pub use member::{Client, Pass, Severed};
use member::{Member, Row};
pub use send_to::{MAX_RECIPIENTS, SendTo};

/// The most clients.
pub const MAX_CLIENTS: usize = 64;
/// The most codes that are good at the same time.
pub const MAX_OPEN_CODES: usize = 16;
/// The most connections of one client: no one takes every seat.
const MAX_CONNECTIONS_PER_CLIENT: usize = 16;
/// How much of when a client was last seen may be lost with the process.
const LAST_SEEN_SAVE_INTERVAL: Duration = Duration::from_secs(300);

/// The clients of an agent. Cloned handles are the same.
#[derive(Clone)]
pub struct Clients {
    shared: Arc<Shared>,
}

struct Shared {
    vault: Vault,
    /// As in the vault, where it is durable.
    members: Mutex<HashMap<Fingerprint, Member>>,
}

/// A client asks to be enrolled.
#[derive(Clone, Copy, Debug)]
pub struct EnrollRequest<'a> {
    /// The code that it names.
    pub code: CodeId,
    /// Its key.
    pub client: Fingerprint,
    /// What it wants to be called.
    pub name: &'a str,
}

/// A client that was taken in.
#[derive(Debug)]
pub struct Enrolled {
    /// With this code, which is used up.
    pub code: Code,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// It was before, and gets the answer once more.
    pub again: bool,
}

impl Enrolled {
    fn again(code: Code, row: &Row) -> Self {
        Self {
            code,
            name: row.name.clone(),
            role: row.role(),
            again: true,
        }
    }
}

/// Why a connection is not a client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAuthorized {
    /// The key is not known, or no longer.
    Unknown,
    /// The client has as many connections as one may have.
    TooMany,
}

/// Why something about clients is not done.
#[derive(Debug, thiserror::Error)]
pub enum ClientDenied {
    /// As many clients as there may be.
    #[error("there are {MAX_CLIENTS} clients already")]
    Full,
    /// As many codes as may be open.
    #[error("{MAX_OPEN_CODES} codes are open already")]
    TooManyCodes,
    /// The name is someone else's.
    #[error("another client has this name")]
    NameTaken,
    /// There is none of that name or fingerprint.
    #[error("there is no such client")]
    Unknown,
    /// No one would be left who could let others in.
    #[error("this is the last admin")]
    LastAdmin,
    /// The system has no random numbers.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

impl Clients {
    /// Those in `vault`.
    #[must_use]
    pub fn open(vault: Vault) -> Self {
        let rows = vault.scan(Tables::CLIENTS, None);
        let members = rows.iter().filter_map(|entry| {
            let fingerprint = Fingerprint::from_bytes(entry.id.as_slice().try_into().ok()?);
            Some((fingerprint, Member::new(Row::read(&entry.value)?)))
        });
        let members = Mutex::new(members.collect());
        let shared = Arc::new(Shared { vault, members });
        Self { shared }
    }

    /// A client's connection, from when its handshake is done until it ends.
    ///
    /// # Errors
    /// See [`NotAuthorized`].
    pub fn authorize(&self, client: Fingerprint, now: SystemTime) -> Result<Pass, NotAuthorized> {
        let mut members = self.members();
        let member = members.get_mut(&client).ok_or(NotAuthorized::Unknown)?;
        if member.connections() >= MAX_CONNECTIONS_PER_CLIENT {
            return Err(NotAuthorized::TooMany);
        }
        member.row.see(now);
        Ok(member.pass(client, self.clone()))
    }

    /// All of them, by name.
    #[must_use]
    pub fn list(&self, now: SystemTime) -> Vec<Client> {
        let members = self.members();
        let mut all: Vec<_> = members
            .iter()
            .map(|(fingerprint, member)| {
                let mut client = member.describe(*fingerprint);
                if client.connections > 0 {
                    client.last_seen = Some(clock::shown(now));
                }
                client
            })
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The codes that are good, the next to end first.
    #[must_use]
    pub fn invitations(&self, now: SystemTime) -> Vec<Invitation> {
        codes::open(&self.shared.vault, now)
    }

    /// Whether a client could enroll now, or have its answer repeated.
    #[must_use]
    pub fn has_open_code(&self, now: SystemTime) -> bool {
        codes::any_in_time(&self.shared.vault, now)
    }

    /// Makes a code, and returns once it is durable.
    ///
    /// # Errors
    /// See [`ClientDenied`].
    pub async fn invite(
        &self,
        role: Role,
        name: Option<String>,
        send_to: Option<SendTo>,
        now: SystemTime,
    ) -> Result<(Code, Invitation), ClientDenied> {
        if self.members().len() >= MAX_CLIENTS {
            return Err(ClientDenied::Full);
        }
        if let Some(name) = &name
            && self
                .members()
                .values()
                .any(|member| member.row.name == *name)
        {
            return Err(ClientDenied::NameTaken);
        }
        if self.invitations(now).len() >= MAX_OPEN_CODES {
            return Err(ClientDenied::TooManyCodes);
        }
        let code = Code::generate()?;
        let kept = Kept::new(Origin::Invitation, role, name, now).limited(send_to);
        let invitation = kept.invitation();
        let vault = &self.shared.vault;
        vault
            .update_durably(|update| codes::keep(update, &code, &kept, now))
            .await;
        Ok((code, invitation))
    }

    /// The code of a start, for the first client: `given` by the environment, else a new one while there is no client.
    /// One that was given before is not good for longer, nor again. Durable when it returns.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub async fn opening(
        &self,
        given: Option<&Code>,
        now: SystemTime,
    ) -> Result<Opening, NoRandom> {
        let vault = &self.shared.vault;
        if let Some(code) = given {
            return Ok(vault
                .update_durably(|update| codes::given(update, code, now))
                .await);
        }
        if !self.members().is_empty() {
            vault.update(|update| codes::withdraw(update, None));
            return Ok(Opening::None);
        }
        let code = Code::generate()?;
        let kept = Kept::new(Origin::Log, Role::Admin, None, now);
        vault
            .update_durably(|update| {
                codes::withdraw(update, None);
                codes::keep(update, &code, &kept, now);
            })
            .await;
        Ok(Opening::Made(code))
    }

    /// Ends every code that is open: how long it has been good is not known.
    pub fn expire_codes(&self, now: SystemTime) {
        self.shared
            .vault
            .update(|update| codes::expire_all(update, now));
    }

    /// Takes a client in, if `proves` says that it has the code that it names. Durable when it returns, as is that the
    /// code is used; of two that ask with one code, one is taken in. A client that asks again gets the answer again.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn enroll(
        &self,
        asking: EnrollRequest<'_>,
        proves: impl FnOnce(&Code) -> bool,
        now: SystemTime,
    ) -> Result<Enrolled, Refusal> {
        let vault = &self.shared.vault;
        let (enrolled, row) = {
            let mut members = self.members();
            let decided = vault.update(|update| codes::enroll(update, asking, proves, now))?;
            if !decided.0.again {
                // It may have been known with another role: its connections have that one, and are cut.
                members.remove(&asking.client);
            }
            decided
        };
        vault.flush().await;
        failpoint::pass(Failpoint::Enrolled);
        let mut members = self.members();
        // Unless it was revoked in between.
        if !enrolled.again && vault.contains(member::key(&asking.client)) {
            members.insert(asking.client, Member::new(row));
        }
        Ok(enrolled)
    }

    /// Takes a client's access back: from this call on it is unknown, and its connections are cut once the second result
    /// is dropped. Durable when it returns.
    ///
    /// # Errors
    /// There is none, or it is the last admin that takes it from itself.
    pub async fn revoke(
        &self,
        client: &str,
        caller: Option<Fingerprint>,
    ) -> Result<(Client, Severed), ClientDenied> {
        let gone = {
            let mut members = self.members();
            let fingerprint = find(&members, client).ok_or(ClientDenied::Unknown)?;
            let admins = members.values().filter(|it| it.row.role() == Role::Admin);
            if caller == Some(fingerprint) && admins.count() == 1 {
                return Err(ClientDenied::LastAdmin);
            }
            let member = members.remove(&fingerprint).ok_or(ClientDenied::Unknown)?;
            // With the lock held: no one enrolls in between.
            self.shared.vault.update(|update| {
                update.batch().delete(member::key(&fingerprint));
            });
            (member.describe(fingerprint), member.sever())
        };
        self.shared.vault.flush().await;
        Ok(gone)
    }

    /// Writes down when clients were last seen, where that is long out of date. Call it now and then.
    pub fn keep_seen(&self, now: SystemTime) {
        let mut members = self.members();
        let mut stale = Vec::new();
        for (fingerprint, member) in members.iter_mut() {
            if member.connections() > 0 {
                member.row.see(now);
            }
            if let Some(bytes) = member.unkept(LAST_SEEN_SAVE_INTERVAL) {
                stale.push((*fingerprint, bytes));
            }
        }
        if !stale.is_empty() {
            self.shared.vault.update(|update| {
                for (fingerprint, bytes) in &stale {
                    update.batch().put(member::key(fingerprint), bytes);
                }
            });
        }
    }

    /// A connection has ended.
    fn seen(&self, client: &Fingerprint, now: SystemTime) {
        if let Some(member) = self.members().get_mut(client) {
            member.row.see(now);
        }
    }

    fn members(&self) -> MutexGuard<'_, HashMap<Fingerprint, Member>> {
        let members = self.shared.members.lock();
        members.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known for Clients {
    fn is_known(&self, client: &Fingerprint) -> bool {
        self.members().contains_key(client)
    }
}

/// Keys and names of people's machines are inside.
impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

/// By fingerprint before name: no one hides behind a name that looks like one.
fn find(members: &HashMap<Fingerprint, Member>, client: &str) -> Option<Fingerprint> {
    if let Ok(fingerprint) = client.parse()
        && members.contains_key(&fingerprint)
    {
        return Some(fingerprint);
    }
    let mut named = members
        .iter()
        .filter(|(_, member)| member.row.name == client);
    named.next().map(|(fingerprint, _)| *fingerprint)
}
