//! Enrolment codes and their stored rows. A code is single-use and valid for 15 minutes, also across restarts.
//!
//! A used code is stored with the client that used it: no one else can use it, and that client gets the same answer
//! again, because the first answer may have been lost. A code from the environment is stored permanently, because the
//! variable stays set.

use std::time::{Duration, SystemTime};

use openclaw_trust::enroll::Refusal;
use openclaw_trust::{Code, CodeId, Role};
use openclaw_vault::Key;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::member::{self, Row, time};
use super::{EnrollRequest, Enrolled, MAX_CLIENTS};
use crate::clock;
use crate::send_to::SendTo;
use crate::vault::{Tables, Update, Vault, to_millis};

/// How long a code is valid.
pub const CODE_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long a used or expired code is stored.
const FINISHED_CODE_AGE: Duration = Duration::from_secs(24 * 3600);
/// The maximum number of codes from the environment that are stored.
const MAX_ENVIRONMENT_CODES: usize = 64;
/// The length of a code's secret, which precedes its row.
const SECRET_BYTES: usize = 18;

/// The origin of a code. The numbers are stored and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Printed in the log.
    Log,
    /// Given by the environment.
    Environment,
    /// Created on request.
    Invitation,
}

/// The stored part of a code, apart from its secret. Fields may be added, never renamed: volumes hold it.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredCode {
    #[serde(rename = "o")]
    origin: u8,
    #[serde(rename = "r")]
    role: u8,
    #[serde(rename = "n", default)]
    name: Option<String>,
    /// Milliseconds since 1970.
    #[serde(rename = "e")]
    expires_at: u64,
    /// The key of the client that used it.
    #[serde(rename = "u", default)]
    used_by: Option<[u8; 32]>,
    /// The recipients that the client may send to; `None` for everyone.
    #[serde(
        rename = "t",
        default,
        deserialize_with = "SendTo::read",
        skip_serializing_if = "Option::is_none"
    )]
    send_to: Option<SendTo>,
}

/// An open code, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The name that the client will get, if it is set.
    pub name: Option<String>,
    /// The role that the client will get.
    pub role: Role,
    /// When the code expires.
    pub expires_at: SystemTime,
    /// The recipients that the client may send to; `None` for everyone.
    pub send_to: Option<SendTo>,
}

/// The code with which the first client can enroll.
#[derive(Debug)]
pub enum Opening {
    /// No code: there are clients.
    None,
    /// A new code, to be shown to the operator.
    Made(Code),
    /// The code of the environment, with its remaining time.
    Given(Duration),
    /// The code of the environment has been used.
    Used,
    /// The code of the environment has expired.
    Expired,
}

impl Origin {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Environment => 2,
            Self::Invitation => 3,
        }
    }
}

impl StoredCode {
    pub(super) fn new(origin: Origin, role: Role, name: Option<String>, now: SystemTime) -> Self {
        Self {
            origin: origin.to_byte(),
            role: role.to_byte(),
            name,
            expires_at: to_millis(now + CODE_LIFETIME),
            used_by: None,
            send_to: None,
        }
    }

    pub(super) fn limited(self, send_to: Option<SendTo>) -> Self {
        Self { send_to, ..self }
    }

    pub(super) fn invitation(&self) -> Invitation {
        Invitation {
            name: self.name.clone(),
            role: Role::from_byte(self.role).unwrap_or(Role::Reader),
            expires_at: time(self.expires_at),
            send_to: self.send_to.clone(),
        }
    }

    /// The remaining time. A clock that was set back does not extend it beyond the lifetime.
    fn remaining(&self, now: SystemTime) -> Option<Duration> {
        let remaining = time(self.expires_at).duration_since(now).ok()?;
        (!remaining.is_zero() && remaining <= CODE_LIFETIME).then_some(remaining)
    }

    fn is_open(&self, now: SystemTime) -> bool {
        self.used_by.is_none() && self.remaining(now).is_some()
    }

    fn is_obsolete(&self, now: SystemTime) -> bool {
        let over = now.duration_since(time(self.expires_at));
        self.origin != Origin::Environment.to_byte()
            && over.is_ok_and(|over| over > FINISHED_CODE_AGE)
    }

    fn read(bytes: &[u8]) -> Option<(Code, Self)> {
        let (secret, row) = bytes.split_first_chunk::<SECRET_BYTES>()?;
        let stored: Self = ciborium::from_reader(row).ok()?;
        Some((Code::from_bytes(*secret), stored))
    }

    fn write(&self, secret: &[u8; SECRET_BYTES]) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(secret.to_vec());
        ciborium::into_writer(self, &mut *bytes).expect("text and numbers can be encoded");
        bytes
    }
}

/// Stores a new code, and deletes old finished ones.
pub(super) fn keep(update: &mut Update<'_>, code: &Code, stored: &StoredCode, now: SystemTime) {
    for entry in update.scan(Tables::CODES, None) {
        let known = StoredCode::read(&entry.value);
        if known.is_none_or(|(_, stored)| stored.is_obsolete(now)) {
            let key = Key::new(Tables::CODES, "", &entry.id);
            update.batch().delete(key);
        }
    }
    put(update, code.id(), stored, &code.to_bytes());
}

/// Expires all open codes.
pub(super) fn expire_all(update: &mut Update<'_>, now: SystemTime) {
    for entry in update.scan(Tables::CODES, None) {
        let (Some((code, mut stored)), Ok(id)) =
            (StoredCode::read(&entry.value), entry.id.try_into())
        else {
            continue;
        };
        stored.expires_at = stored.expires_at.min(to_millis(now));
        put(update, CodeId(id), &stored, &code.to_bytes());
    }
}

/// Deletes the codes that were printed in the log, because there is a new one or none is needed. A used code stays:
/// its client may not have received the answer before the process ended.
pub(super) fn withdraw(update: &mut Update<'_>, but: Option<CodeId>) {
    for entry in update.scan(Tables::CODES, None) {
        let known = StoredCode::read(&entry.value);
        let is_logged = known.is_some_and(|(_, stored)| {
            stored.origin == Origin::Log.to_byte() && stored.used_by.is_none()
        });
        if is_logged && but.is_none_or(|but| entry.id != but.0) {
            let key = Key::new(Tables::CODES, "", &entry.id);
            update.batch().delete(key);
        }
    }
}

/// Looks up the code of the environment: new, or known from an earlier start.
pub(super) fn given(update: &mut Update<'_>, code: &Code, now: SystemTime) -> Opening {
    withdraw(update, None);
    if let Some(bytes) = update.load(key(&code.id())) {
        return match StoredCode::read(&bytes) {
            Some((_, stored)) if stored.used_by.is_some() => Opening::Used,
            Some((_, stored)) => stored
                .remaining(now)
                .map_or(Opening::Expired, Opening::Given),
            None => Opening::Expired,
        };
    }
    forget_oldest_given(update);
    let stored = StoredCode::new(Origin::Environment, Role::Admin, None, now);
    keep(update, code, &stored, now);
    Opening::Given(CODE_LIFETIME)
}

/// By now the variable is certainly not set to such an old code.
fn forget_oldest_given(update: &mut Update<'_>) {
    let entries = update.scan(Tables::CODES, None).into_iter();
    let mut given: Vec<_> = entries
        .filter_map(|entry| {
            let (_, stored) = StoredCode::read(&entry.value)?;
            let is_given = stored.origin == Origin::Environment.to_byte();
            is_given.then_some((stored.expires_at, entry.id))
        })
        .collect();
    given.sort();
    let surplus = (given.len() + 1).saturating_sub(MAX_ENVIRONMENT_CODES);
    for (_, id) in &given[..surplus.min(given.len())] {
        update.batch().delete(Key::new(Tables::CODES, "", id));
    }
}

/// The open codes, the next to expire first.
pub(super) fn open(vault: &Vault, now: SystemTime) -> Vec<Invitation> {
    let entries = vault.scan(Tables::CODES, None).into_iter();
    let mut open: Vec<_> = entries
        .filter_map(|entry| StoredCode::read(&entry.value))
        .filter(|(_, stored)| stored.is_open(now))
        .map(|(_, stored)| stored.invitation())
        .collect();
    open.sort_by_key(|invitation| invitation.expires_at);
    open
}

/// True if a code is within its lifetime, used or not: the client that used it may need the answer again.
pub(super) fn any_in_time(vault: &Vault, now: SystemTime) -> bool {
    let entries = vault.scan(Tables::CODES, None).into_iter();
    let mut stored = entries.filter_map(|entry| StoredCode::read(&entry.value));
    stored.any(|(_, stored)| stored.remaining(now).is_some())
}

/// Decides whether a client is enrolled, and stores the client and the use of the code in one batch.
pub(super) fn enroll(
    update: &mut Update<'_>,
    request: EnrollRequest<'_>,
    proves: impl FnOnce(&Code) -> bool,
    now: SystemTime,
) -> Result<(Enrolled, Row), Refusal> {
    let EnrollRequest {
        code: id,
        client,
        name,
    } = request;
    let known = update
        .load(key(&id))
        .and_then(|bytes| StoredCode::read(&bytes));
    let (code, mut stored) = known.ok_or(Refusal::Unknown)?;
    let in_time = stored.remaining(now).is_some();
    if let Some(by) = stored.used_by {
        let known = update.load(member::key(&client));
        let row = known.and_then(|bytes| Row::read(&bytes));
        // The client's first answer was lost, and it was not revoked since.
        return match row.filter(|_| in_time && by == *client.as_bytes()) {
            Some(row) if proves(&code) => Ok((Enrolled::again(code, &row), row)),
            _ => Err(Refusal::Used),
        };
    }
    if !in_time {
        return Err(Refusal::Expired);
    }
    if !proves(&code) {
        return Err(Refusal::Unknown);
    }
    let role = Role::from_byte(stored.role).ok_or(Refusal::Unknown)?;
    let name = stored.name.clone().unwrap_or_else(|| name.to_owned());
    let mut others = 0;
    for entry in update.scan(Tables::CLIENTS, None) {
        if entry.id == client.as_bytes() {
            continue;
        }
        others += 1;
        if Row::read(&entry.value).is_some_and(|row| row.name == name) {
            return Err(Refusal::NameTaken);
        }
    }
    if others >= MAX_CLIENTS {
        return Err(Refusal::Full);
    }
    let row = Row::new(
        name.clone(),
        role,
        stored.send_to.clone(),
        clock::shown(now),
    );
    update.batch().put(member::key(&client), &row.write());
    stored.used_by = Some(*client.as_bytes());
    put(update, id, &stored, &code.to_bytes());
    // A client is enrolled, so the code in the log is not needed any more.
    withdraw(update, Some(id));
    let again = false;
    Ok((
        Enrolled {
            code,
            name,
            role,
            again,
        },
        row,
    ))
}

fn put(update: &mut Update<'_>, id: CodeId, stored: &StoredCode, secret: &[u8; SECRET_BYTES]) {
    update.batch().put(key(&id), &stored.write(secret));
}

fn key(id: &CodeId) -> Key<'_> {
    Key::new(Tables::CODES, "", &id.0)
}
