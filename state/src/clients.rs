//! The clients of the network API: enrolled keys, each with a name and a role, and the codes that enroll further
//! keys.
//!
//! ```text
//! code ──(single-use, 15 minutes)── enroll ──> client ──> connections, each with a Pass ── revoke ──> all cut at once
//! ```
//!
//! Everything it reports is durable first. Time is an argument, and it knows neither TLS nor gRPC; the agent's `grpc`
//! listener calls it.

mod codes;
mod member;
mod pinned;
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
use crate::send_to::SendTo;
use crate::vault::Vault;
pub use codes::{CODE_LIFETIME, Invitation, Opening};
use codes::{Origin, StoredCode};
pub use member::{Client, Pass, Severed};
use member::{Member, Row};
pub use pinned::{BadPinnedKey, Pinned, PinnedKey};

/// The maximum number of clients.
pub const MAX_CLIENTS: usize = 64;
/// The maximum number of open codes.
pub const MAX_OPEN_CODES: usize = 16;
/// The maximum number of connections per client, so that one client cannot use all of them.
const MAX_CONNECTIONS_PER_CLIENT: usize = 16;
/// How often the last-seen time is saved. A killed process loses at most this much of it.
const LAST_SEEN_SAVE_INTERVAL: Duration = Duration::from_secs(300);

/// The clients of an agent. Clones share their state.
#[derive(Clone)]
pub struct Clients {
    shared: Arc<Shared>,
}

struct Shared {
    vault: Vault,
    /// A copy of the durable rows in the vault.
    members: Mutex<HashMap<Fingerprint, Member>>,
}

/// A request to enroll.
#[derive(Clone, Copy, Debug)]
pub struct EnrollRequest<'a> {
    /// The id of the code.
    pub code: CodeId,
    /// The client's key.
    pub client: Fingerprint,
    /// The requested name.
    pub name: &'a str,
}

/// The result of an enrolment.
#[derive(Debug)]
pub struct Enrolled {
    /// The code, which is now used.
    pub code: Code,
    /// The client's name.
    pub name: String,
    /// The client's role.
    pub role: Role,
    /// True if the client was enrolled with this code before and gets the same answer again.
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

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAuthorized {
    /// The key is not enrolled, or was revoked.
    Unknown,
    /// The client has the maximum number of connections.
    TooMany,
}

/// Why a request about clients is refused.
#[derive(Debug, thiserror::Error)]
pub enum ClientDenied {
    /// The limit for clients.
    #[error("there are {MAX_CLIENTS} clients already")]
    Full,
    /// The limit for codes.
    #[error("{MAX_OPEN_CODES} codes are open already")]
    TooManyCodes,
    /// Another client has the name.
    #[error("another client has this name")]
    NameTaken,
    /// No client has this name or fingerprint.
    #[error("there is no such client")]
    Unknown,
    /// Afterwards no one could enroll other clients.
    #[error("this is the last admin")]
    LastAdmin,
    /// The operating system returned no random bytes.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

impl Clients {
    /// Loads the clients from `vault`.
    #[must_use]
    pub fn open(vault: Vault) -> Self {
        let members = Mutex::new(member::load_all(&vault));
        let shared = Arc::new(Shared { vault, members });
        Self { shared }
    }

    /// Authorizes a client's connection after its TLS handshake. The pass is valid until the connection ends.
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

    /// All clients, by name.
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

    /// The open codes, the next to expire first.
    #[must_use]
    pub fn invitations(&self, now: SystemTime) -> Vec<Invitation> {
        codes::open(&self.shared.vault, now)
    }

    /// True if a client could enroll now, or have its answer repeated.
    #[must_use]
    pub fn has_open_code(&self, now: SystemTime) -> bool {
        codes::any_in_time(&self.shared.vault, now)
    }

    /// Creates a code. Durable on return.
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
        let stored = StoredCode::new(Origin::Invitation, role, name, now).limited(send_to);
        let invitation = stored.invitation();
        let vault = &self.shared.vault;
        vault
            .update_durably(|update| codes::keep(update, &code, &stored, now))
            .await;
        Ok((code, invitation))
    }

    /// The code for the first client at the start of the agent: `given` by the environment, otherwise a new one if
    /// there is no client. A code that was given at an earlier start does not get more time or another use. Durable
    /// on return.
    ///
    /// # Errors
    /// The operating system returned no random bytes.
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
        let stored = StoredCode::new(Origin::Log, Role::Admin, None, now);
        vault
            .update_durably(|update| {
                codes::withdraw(update, None);
                codes::keep(update, &code, &stored, now);
            })
            .await;
        Ok(Opening::Made(code))
    }

    /// Expires all open codes, because the time that has passed since they were created is unknown.
    pub fn expire_codes(&self, now: SystemTime) {
        self.shared
            .vault
            .update(|update| codes::expire_all(update, now));
    }

    /// Enrolls a client if `proves` confirms that it has the secret of the code. The client and the use of the code
    /// are durable on return. If two clients use one code, one is enrolled. A client that repeats its request gets
    /// the same answer.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn enroll(
        &self,
        request: EnrollRequest<'_>,
        proves: impl FnOnce(&Code) -> bool,
        now: SystemTime,
    ) -> Result<Enrolled, Refusal> {
        let vault = &self.shared.vault;
        let (enrolled, row) = {
            let mut members = self.members();
            let decided = vault.update(|update| codes::enroll(update, request, proves, now))?;
            if !decided.0.again {
                // The client may have had another role: connections with the old role are cut.
                members.remove(&request.client);
            }
            decided
        };
        vault.flush().await;
        failpoint::pass(Failpoint::Enrolled);
        let mut members = self.members();
        // Unless it was revoked in the meantime.
        if !enrolled.again && vault.contains(member::key(&request.client)) {
            members.insert(request.client, Member::new(row));
        }
        Ok(enrolled)
    }

    /// Revokes a client: its key is unknown from this call on, and its connections are cut once the second result is
    /// dropped. Durable on return.
    ///
    /// # Errors
    /// There is no such client, or it is the last admin revoking itself.
    pub async fn revoke(
        &self,
        client: &str,
        caller: Option<Fingerprint>,
    ) -> Result<(Client, Severed), ClientDenied> {
        let revoked = {
            let mut members = self.members();
            let fingerprint = find(&members, client).ok_or(ClientDenied::Unknown)?;
            let admins = members.values().filter(|it| it.row.role() == Role::Admin);
            if caller == Some(fingerprint) && admins.count() == 1 {
                return Err(ClientDenied::LastAdmin);
            }
            let member = members.remove(&fingerprint).ok_or(ClientDenied::Unknown)?;
            // While the lock is held, so that no one enrolls in between.
            self.shared.vault.update(|update| {
                update.batch().delete(member::key(&fingerprint));
            });
            (member.describe(fingerprint), member.sever())
        };
        self.shared.vault.flush().await;
        Ok(revoked)
    }

    /// Saves outdated last-seen times. Call it periodically.
    pub fn keep_seen(&self, now: SystemTime) {
        let mut members = self.members();
        let mut stale = Vec::new();
        for (fingerprint, member) in members.iter_mut() {
            if member.connections() > 0 {
                member.row.see(now);
            }
            if let Some(bytes) = member.outdated_row(LAST_SEEN_SAVE_INTERVAL) {
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

    /// Records the end of a connection.
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

/// Contains keys and the names of people's machines, so nothing is shown.
impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

/// Fingerprint before name, so that a name that looks like a fingerprint cannot shadow one.
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
