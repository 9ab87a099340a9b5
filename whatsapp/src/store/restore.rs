//! Which records of a backup a restore keeps. It keeps the identity and what is known about others, but not the
//! sending ratchets: the account may have been used since the backup was made, and their keys would then be used
//! twice.
//!
//! ```text
//! dropped         sessions; own sender keys, and which devices have them; base keys that detect collisions;
//!                 messages stored for a retry, or for a redelivery in a dropped session; events and consumers' cursors,
//!                 which are of another journal; the other agent's TLS key, clients and alerts: this agent keeps its own
//! fetched again   devices of users, metadata of groups: they may have changed
//! changed         the device: it uploads new prekeys, with ids far above any that may have been used
//! kept            everything else; for outgoing messages see `outbox::Carried`
//! ```
//!
//! A handover is not a copy: nothing else has used its keys since, or will. So sessions, sender keys, the devices
//! that have them, and the device are kept unchanged.

use std::collections::HashSet;

use openclaw_state::vault::{Tables, Vault};
use openclaw_vault::{Error, Key, Op, Table};
use whatsapp_rust::wacore::store::Device;
use zeroize::Zeroizing;

use super::device;
use super::records::{encode, user_of};

/// Prekey ids have 24 bits.
const END_OF_PREKEY_IDS: u32 = 1 << 24;
/// More than the prekeys that an account can create between a backup and its restore.
const MIN_PREKEY_ID_GAP: u32 = 1 << 20;
/// Ids that are reserved for the next uploads, below the end of the id space.
const UPLOAD_ROOM: u32 = 1 << 16;

/// Writes a record that is kept.
type Write<'a> = dyn FnMut(Op<'_>) -> Result<(), Error> + 'a;

/// Filters the changes of a backup.
#[derive(Default)]
pub struct Sieve {
    is_handover: bool,
    device: Option<Zeroizing<Vec<u8>>>,
    sender_keys: HashSet<(Vec<u8>, Vec<u8>)>,
    dropped: DroppedKeys,
    own_sender_keys: u64,
}

/// The keys of dropped records.
#[derive(Default)]
struct DroppedKeys {
    sessions: HashSet<Vec<u8>>,
    others: HashSet<(Table, Vec<u8>, Vec<u8>)>,
}

/// The numbers of dropped records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DroppedRecords {
    /// Sessions with contacts.
    pub sessions: u64,
    /// Own sender keys of groups.
    pub sender_keys: u64,
    /// All other records.
    pub others: u64,
}

/// What a restore does with a table's records.
enum TableRule {
    Keep,
    Session,
    SenderKey,
    Device,
    Drop,
}

fn rule_for(table: Table) -> TableRule {
    match table {
        Tables::SESSIONS => TableRule::Session,
        Tables::SENDER_KEYS => TableRule::SenderKey,
        Tables::DEVICE => TableRule::Device,
        Tables::SENDER_KEY_DEVICES
        | Tables::BASE_KEYS
        | Tables::DEVICE_LISTS
        | Tables::GROUPS
        | Tables::KNOWN_GROUPS
        | Tables::PROFILES
        | Tables::SENT_MESSAGES
        | Tables::PENDING_INBOUND
        | Tables::JOURNAL
        | Tables::JOURNAL_SEGMENTS
        | Tables::JOURNAL_STATE
        | Tables::OUTBOX
        | Tables::UPLOADS
        | Tables::CONSUMERS
        | Tables::HELD
        | Tables::IDENTITY
        | Tables::CLIENTS
        | Tables::CODES
        | Tables::PINNED_KEYS
        | Tables::ALERTS
        | Tables::ALERT_STATE => TableRule::Drop,
        _ => TableRule::Keep,
    }
}

impl Sieve {
    /// A sieve for a handover; the default is for a backup.
    #[must_use]
    pub fn of_handover() -> Self {
        Self {
            is_handover: true,
            ..Self::default()
        }
    }

    fn rule_for(&self, table: Table) -> TableRule {
        match table {
            Tables::SESSIONS | Tables::SENDER_KEYS | Tables::SENDER_KEY_DEVICES
                if self.is_handover =>
            {
                TableRule::Keep
            }
            table => rule_for(table),
        }
    }

    /// Passes the part of a change that is kept to `write`.
    pub fn sift(&mut self, op: Op<'_>, write: &mut Write<'_>) -> Result<(), Error> {
        let table = op.table();
        match self.rule_for(table) {
            TableRule::Keep => write(op),
            TableRule::SenderKey => {
                if let Op::Put { key, .. } = op {
                    self.sender_keys
                        .insert((key.scope.to_vec(), key.id.to_vec()));
                }
                write(op)
            }
            TableRule::Device => {
                self.device = match op {
                    Op::Put { value, .. } => Some(Zeroizing::new(value.to_vec())),
                    _ => None,
                };
                Ok(())
            }
            TableRule::Session => {
                if let Op::Put { key, .. } = op {
                    self.dropped.sessions.insert(key.id.to_vec());
                }
                Ok(())
            }
            TableRule::Drop => {
                if let Op::Put { key, .. } = op {
                    let name = (table, key.scope.to_vec(), key.id.to_vec());
                    self.dropped.others.insert(name);
                }
                Ok(())
            }
        }
    }

    /// Called after the last change: removes own sender keys and writes the device. Returns false if the backup has
    /// no account.
    pub fn finish(&mut self, write: &mut Write<'_>) -> Result<bool, Error> {
        let device = self.device.take().and_then(|row| device::read(&row));
        let Some(mut device) = device.filter(Device::is_registered) else {
            return Ok(false);
        };
        let own = own_users(&device);
        for (group, name) in &self.sender_keys {
            if !is_of(&own, name) {
                continue;
            }
            self.own_sender_keys += 1;
            write(Op::Delete {
                key: Key::new(Tables::SENDER_KEYS, group, name),
            })?;
        }
        if !self.is_handover {
            renew_prekeys(&mut device, fastrand::u32(..));
        }
        let Ok(row) = encode(&device) else {
            return Ok(false);
        };
        write(Op::Put {
            key: device::key(),
            value: &row,
        })?;
        Ok(true)
    }

    /// The numbers of dropped records.
    #[must_use]
    pub fn dropped(&self) -> DroppedRecords {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        DroppedRecords {
            sessions: count(self.dropped.sessions.len()),
            sender_keys: self.own_sender_keys,
            others: count(self.dropped.others.len()),
        }
    }
}

/// Drops from the store itself what a restore drops from a backup, so that no key is used twice: sessions, own sender
/// keys, and the data about both. Received messages and messages stored for a retry are kept. The session must be
/// closed.
pub fn renew(vault: &Vault) -> DroppedRecords {
    vault.update(|update| {
        let mut dropped = DroppedRecords {
            sessions: u64::try_from(update.count(Tables::SESSIONS)).unwrap_or(u64::MAX),
            ..DroppedRecords::default()
        };
        for table in [
            Tables::SESSIONS,
            Tables::SENDER_KEY_DEVICES,
            Tables::BASE_KEYS,
            Tables::DEVICE_LISTS,
            Tables::GROUPS,
        ] {
            update.batch().clear_table(table);
        }
        let row = update.load(device::key());
        let Some(mut device) = row.and_then(|row| device::read(&row)) else {
            return dropped;
        };
        let own = own_users(&device);
        for entry in update.scan(Tables::SENDER_KEYS, None) {
            if is_of(&own, &entry.id) {
                dropped.sender_keys += 1;
                let key = Key::new(Tables::SENDER_KEYS, &entry.scope, &entry.id);
                update.batch().delete(key);
            }
        }
        renew_prekeys(&mut device, fastrand::u32(..));
        if let Ok(row) = encode(&device) {
            update.batch().put(device::key(), &row);
        }
        dropped
    })
}

fn own_users(device: &Device) -> Vec<String> {
    let addresses = [&device.pn, &device.lid].into_iter().flatten();
    addresses.map(|jid| jid.user.to_string()).collect()
}

/// True if a sender key, `group:address`, belongs to one of our devices. A name that cannot be parsed counts as ours.
fn is_of(own: &[String], name: &[u8]) -> bool {
    let name = std::str::from_utf8(name).unwrap_or_default();
    name.split_once(':')
        .is_none_or(|(_, address)| own.iter().any(|own| own == user_of(address)))
}

/// Makes the device upload new prekeys at the next login. The server may have prekeys with ids that this copy has not
/// assigned yet, so the new ids are far above them.
fn renew_prekeys(device: &mut Device, random: u32) {
    let gap = MIN_PREKEY_ID_GAP + random % MIN_PREKEY_ID_GAP;
    let next = device.next_pre_key_id.saturating_add(gap);
    let next = if next < END_OF_PREKEY_IDS - UPLOAD_ROOM {
        next
    } else {
        1 + random % MIN_PREKEY_ID_GAP
    };
    device.next_pre_key_id = next;
    device.first_unupload_pre_key_id = next;
    device.server_has_prekeys = false;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Name = (u8, Vec<u8>, Vec<u8>);

    fn registered() -> Device {
        let mut device = Device::new();
        device.pn = Some("15550100001:3@s.whatsapp.net".parse().unwrap());
        device.lid = Some("100000000000001:3@lid".parse().unwrap());
        device.next_pre_key_id = 813;
        device.first_unupload_pre_key_id = 813;
        device.server_has_prekeys = true;
        device
    }

    /// The puts that are kept of these.
    fn sifted(
        puts: &[(Table, &str, &str)],
        device: Option<&Device>,
    ) -> Option<(BTreeMap<Name, Vec<u8>>, DroppedRecords)> {
        sifted_by(Sieve::default(), puts, device)
    }

    fn sifted_by(
        mut sieve: Sieve,
        puts: &[(Table, &str, &str)],
        device: Option<&Device>,
    ) -> Option<(BTreeMap<Name, Vec<u8>>, DroppedRecords)> {
        let mut kept: BTreeMap<Name, Vec<u8>> = BTreeMap::new();
        let name = |key: Key<'_>| (key.table.0, key.scope.to_vec(), key.id.to_vec());
        let mut write = |op: Op<'_>| {
            match op {
                Op::Put { key, value } => drop(kept.insert(name(key), value.to_vec())),
                Op::Delete { key } => drop(kept.remove(&name(key))),
                _ => panic!("nothing is cleared"),
            }
            Ok(())
        };
        for (table, scope, id) in puts {
            let key = Key::new(*table, *scope, *id);
            sieve
                .sift(Op::Put { key, value: b"v" }, &mut write)
                .unwrap();
        }
        if let Some(device) = device {
            let row = encode(device).unwrap();
            let op = Op::Put {
                key: device::key(),
                value: &row,
            };
            sieve.sift(op, &mut write).unwrap();
        }
        let whole = sieve.finish(&mut write).unwrap();
        whole.then(|| (kept, sieve.dropped()))
    }

    #[test]
    fn sending_ratchets_are_dropped_and_receiving_ones_kept() {
        let group = "120363000000000001@g.us";
        let of = |address: &str| format!("{group}:{address}");
        let (own, own_lid, other) = (
            of("15550100001:3@c.us.0"),
            of("100000000000001:3@lid.0"),
            of("100000000000002@lid.0"),
        );
        let puts = [
            (Tables::SESSIONS, "100000000000002", "100000000000002@lid.0"),
            (Tables::BASE_KEYS, "100000000000002@lid.0", "3EB0"),
            (Tables::SENDER_KEYS, group, own.as_str()),
            (Tables::SENDER_KEYS, group, own_lid.as_str()),
            (Tables::SENDER_KEYS, group, other.as_str()),
            (Tables::SENDER_KEY_DEVICES, group, "100000000000002@lid"),
            (Tables::SENT_MESSAGES, "100000000000002@lid", "3EB1"),
            (Tables::PENDING_INBOUND, "100000000000002@lid", "3EB2"),
            (
                Tables::IDENTITIES,
                "100000000000002",
                "100000000000002@lid.0",
            ),
            (Tables::PREKEYS, "", "5"),
            (Table(200), "", "of a later version"),
        ];
        let (kept, dropped) = sifted(&puts, Some(&registered())).unwrap();
        let tables: Vec<u8> = kept.keys().map(|(table, ..)| *table).collect();
        assert_eq!(
            tables,
            [
                Tables::DEVICE.0,
                Tables::IDENTITIES.0,
                Tables::PREKEYS.0,
                Tables::SENDER_KEYS.0,
                200
            ]
        );
        assert!(kept.keys().any(|(.., id)| *id == other.as_bytes()));
        assert_eq!(
            dropped,
            DroppedRecords {
                sessions: 1,
                sender_keys: 2,
                others: 4
            }
        );
    }

    #[test]
    fn the_device_is_kept_and_uploads_new_prekeys() {
        let device = registered();
        let (kept, _) = sifted(&[], Some(&device)).unwrap();
        let row = kept.values().next().unwrap();
        let restored = device::read(row).unwrap();
        assert_eq!(restored.pn, device.pn);
        assert_eq!(restored.registration_id, device.registration_id);
        assert!(!restored.server_has_prekeys);
        assert!(restored.next_pre_key_id > device.next_pre_key_id + MIN_PREKEY_ID_GAP - 1);
        assert_eq!(restored.first_unupload_pre_key_id, restored.next_pre_key_id);
    }

    #[test]
    fn a_handover_keeps_the_accounts_records_and_no_others() {
        let device = registered();
        let puts = [
            (Tables::SESSIONS, "100000000000002", "100000000000002@lid.0"),
            (Tables::SENDER_KEYS, "group", "group:15550100001:3@c.us.0"),
            (Tables::SENDER_KEY_DEVICES, "group", "100000000000002@lid"),
            (Tables::PREKEYS, "", "5"),
            (Tables::CLIENTS, "", "fingerprint"),
            (Tables::IDENTITY, "", ""),
        ];
        let (kept, dropped) = sifted_by(Sieve::of_handover(), &puts, Some(&device)).unwrap();
        let tables: Vec<u8> = kept.keys().map(|(table, ..)| *table).collect();
        let expected = [
            Tables::DEVICE,
            Tables::SESSIONS,
            Tables::PREKEYS,
            Tables::SENDER_KEYS,
            Tables::SENDER_KEY_DEVICES,
        ];
        assert_eq!(tables, expected.map(|table| table.0));
        let row = kept.values().next().unwrap();
        assert_eq!(*row, *encode(&device).unwrap(), "the prekeys are unchanged");
        let others = 2;
        assert_eq!(
            dropped,
            DroppedRecords {
                others,
                ..DroppedRecords::default()
            }
        );
        assert!(sifted_by(Sieve::of_handover(), &puts, None).is_none());
    }

    #[test]
    fn prekey_ids_stay_within_24_bits() {
        for next in [
            0,
            1,
            1 << 20,
            END_OF_PREKEY_IDS - UPLOAD_ROOM,
            END_OF_PREKEY_IDS,
            u32::MAX,
        ] {
            for random in [0, MIN_PREKEY_ID_GAP - 1, u32::MAX] {
                let mut device = registered();
                device.next_pre_key_id = next;
                renew_prekeys(&mut device, random);
                assert!((1..END_OF_PREKEY_IDS - UPLOAD_ROOM).contains(&device.next_pre_key_id));
            }
        }
    }

    #[test]
    fn without_an_account_there_is_nothing_to_restore() {
        assert!(sifted(&[(Tables::PREKEYS, "", "5")], None).is_none());
        assert!(sifted(&[], Some(&Device::new())).is_none());
    }
}
