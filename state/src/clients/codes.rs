//! The codes with which clients become known, as rows: each single-use and valid for 15 minutes, whatever happens to the process.
//!
//! A used code stays behind, with who used it: no one else is taken in with it, and that client gets the answer again,
//! as its answer may have been lost. One that came from the environment stays for good: the variable stays set.

use std::time::{Duration, SystemTime};

use openclaw_trust::enroll::Refusal;
use openclaw_trust::{Code, CodeId, Role};
use openclaw_vault::Key;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::member::{self, Row, time};
use super::{EnrollRequest, Enrolled, MAX_CLIENTS, SendTo};
use crate::clock;
use crate::vault::{Tables, Update, Vault, to_millis};

/// How long a code is good.
pub const CODE_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long a code that was used or has expired is remembered as such.
const FINISHED_CODE_AGE: Duration = Duration::from_secs(24 * 3600);
/// How many of the environment are remembered.
const MAX_ENVIRONMENT_CODES: usize = 64;
/// A code's bytes, in front of its row.
const SECRET_BYTES: usize = 18;

/// Where a code came from. A number keeps its meaning for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Shown in the log.
    Log,
    /// Given by the environment.
    Environment,
    /// Made for someone who asked for it.
    Invitation,
}

/// What is kept of a code in addition to its secret. Fields may be added, never renamed: volumes hold it.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(rename = "o")]
    origin: u8,
    #[serde(rename = "r")]
    role: u8,
    #[serde(rename = "n", default)]
    name: Option<String>,
    /// Milliseconds since 1970.
    #[serde(rename = "e")]
    expires_at: u64,
    /// The client's key.
    #[serde(rename = "u", default)]
    used_by: Option<[u8; 32]>,
    /// The recipients the client may send to; `None`: to everyone.
    #[serde(
        rename = "t",
        default,
        deserialize_with = "SendTo::read",
        skip_serializing_if = "Option::is_none"
    )]
    send_to: Option<SendTo>,
}

/// A code that is good, without the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// What the client will be called, if that is said.
    pub name: Option<String>,
    /// What it will be allowed to do.
    pub role: Role,
    /// Until when it is good.
    pub expires_at: SystemTime,
    /// The recipients it may send to; `None`: to everyone.
    pub send_to: Option<SendTo>,
}

/// With which code the first client may enroll.
#[derive(Debug)]
pub enum Opening {
    /// None: there are clients.
    None,
    /// This one, which no one knows yet.
    Made(Code),
    /// The one of the environment, for so much longer.
    Given(Duration),
    /// The one of the environment was used.
    Used,
    /// The one of the environment is over.
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

impl Kept {
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

    /// How much longer its time is. A clock that was put back does not give it more than it ever had.
    fn remaining(&self, now: SystemTime) -> Option<Duration> {
        let remaining = time(self.expires_at).duration_since(now).ok()?;
        (!remaining.is_zero() && remaining <= CODE_LIFETIME).then_some(remaining)
    }

    fn is_good(&self, now: SystemTime) -> bool {
        self.used_by.is_none() && self.remaining(now).is_some()
    }

    fn is_forgotten(&self, now: SystemTime) -> bool {
        let over = now.duration_since(time(self.expires_at));
        self.origin != Origin::Environment.to_byte()
            && over.is_ok_and(|over| over > FINISHED_CODE_AGE)
    }

    fn read(bytes: &[u8]) -> Option<(Code, Self)> {
        let (secret, row) = bytes.split_first_chunk::<SECRET_BYTES>()?;
        let kept: Self = ciborium::from_reader(row).ok()?;
        Some((Code::from_bytes(*secret), kept))
    }

    fn write(&self, secret: &[u8; SECRET_BYTES]) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(secret.to_vec());
        ciborium::into_writer(self, &mut *bytes).expect("text and numbers have an encoding");
        bytes
    }
}

/// Keeps a new code, and forgets those that are long over.
pub(super) fn keep(update: &mut Update<'_>, code: &Code, kept: &Kept, now: SystemTime) {
    for entry in update.scan(Tables::CODES, None) {
        let known = Kept::read(&entry.value);
        if known.is_none_or(|(_, kept)| kept.is_forgotten(now)) {
            let key = Key::new(Tables::CODES, "", &entry.id);
            update.batch().delete(key);
        }
    }
    put(update, code.id(), kept, &code.to_bytes());
}

/// Ends those that are good.
pub(super) fn expire_all(update: &mut Update<'_>, now: SystemTime) {
    for entry in update.scan(Tables::CODES, None) {
        let (Some((code, mut kept)), Ok(id)) = (Kept::read(&entry.value), entry.id.try_into())
        else {
            continue;
        };
        kept.expires_at = kept.expires_at.min(to_millis(now));
        put(update, CodeId(id), &kept, &code.to_bytes());
    }
}

/// Forgets the codes that were shown in the log: there is a new one, or none is needed any more. One that was used stays:
/// the answer may have been lost together with the process.
pub(super) fn withdraw(update: &mut Update<'_>, but: Option<CodeId>) {
    for entry in update.scan(Tables::CODES, None) {
        let known = Kept::read(&entry.value);
        let is_told = known.is_some_and(|(_, kept)| {
            kept.origin == Origin::Log.to_byte() && kept.used_by.is_none()
        });
        if is_told && but.is_none_or(|but| entry.id != but.0) {
            let key = Key::new(Tables::CODES, "", &entry.id);
            update.batch().delete(key);
        }
    }
}

/// The code of the environment: new today, or known from an earlier start.
pub(super) fn given(update: &mut Update<'_>, code: &Code, now: SystemTime) -> Opening {
    withdraw(update, None);
    if let Some(bytes) = update.load(key(&code.id())) {
        return match Kept::read(&bytes) {
            Some((_, kept)) if kept.used_by.is_some() => Opening::Used,
            Some((_, kept)) => kept.remaining(now).map_or(Opening::Expired, Opening::Given),
            None => Opening::Expired,
        };
    }
    forget_oldest_given(update);
    let kept = Kept::new(Origin::Environment, Role::Admin, None, now);
    keep(update, code, &kept, now);
    Opening::Given(CODE_LIFETIME)
}

/// No one sets a variable to a code of so long ago.
fn forget_oldest_given(update: &mut Update<'_>) {
    let entries = update.scan(Tables::CODES, None).into_iter();
    let mut given: Vec<_> = entries
        .filter_map(|entry| {
            let (_, kept) = Kept::read(&entry.value)?;
            let is_given = kept.origin == Origin::Environment.to_byte();
            is_given.then_some((kept.expires_at, entry.id))
        })
        .collect();
    given.sort();
    let surplus = (given.len() + 1).saturating_sub(MAX_ENVIRONMENT_CODES);
    for (_, id) in &given[..surplus.min(given.len())] {
        update.batch().delete(Key::new(Tables::CODES, "", id));
    }
}

/// The codes that are good, the next to end first.
pub(super) fn open(vault: &Vault, now: SystemTime) -> Vec<Invitation> {
    let entries = vault.scan(Tables::CODES, None).into_iter();
    let mut open: Vec<_> = entries
        .filter_map(|entry| Kept::read(&entry.value))
        .filter(|(_, kept)| kept.is_good(now))
        .map(|(_, kept)| kept.invitation())
        .collect();
    open.sort_by_key(|invitation| invitation.expires_at);
    open
}

/// Whether the time of any code is not over: who used it may need the answer again.
pub(super) fn any_in_time(vault: &Vault, now: SystemTime) -> bool {
    let entries = vault.scan(Tables::CODES, None).into_iter();
    let mut kept = entries.filter_map(|entry| Kept::read(&entry.value));
    kept.any(|(_, kept)| kept.remaining(now).is_some())
}

/// Decides whether a client is taken in, and writes both: that it is known, and that the code is used.
pub(super) fn enroll(
    update: &mut Update<'_>,
    asking: EnrollRequest<'_>,
    proves: impl FnOnce(&Code) -> bool,
    now: SystemTime,
) -> Result<(Enrolled, Row), Refusal> {
    let EnrollRequest {
        code: id,
        client,
        name,
    } = asking;
    let known = update.load(key(&id)).and_then(|bytes| Kept::read(&bytes));
    let (code, mut kept) = known.ok_or(Refusal::Unknown)?;
    let in_time = kept.remaining(now).is_some();
    if let Some(by) = kept.used_by {
        let known = update.load(member::key(&client));
        let row = known.and_then(|bytes| Row::read(&bytes));
        // Its answer was lost, and it was not revoked since.
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
    let role = Role::from_byte(kept.role).ok_or(Refusal::Unknown)?;
    let name = kept.name.clone().unwrap_or_else(|| name.to_owned());
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
    let row = Row::new(name.clone(), role, kept.send_to.clone(), clock::shown(now));
    update.batch().put(member::key(&client), &row.write());
    kept.used_by = Some(*client.as_bytes());
    put(update, id, &kept, &code.to_bytes());
    // Someone is here: what the log showed lets no one else in.
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

fn put(update: &mut Update<'_>, id: CodeId, kept: &Kept, secret: &[u8; SECRET_BYTES]) {
    update.batch().put(key(&id), &kept.write(secret));
}

fn key(id: &CodeId) -> Key<'_> {
    Key::new(Tables::CODES, "", &id.0)
}
