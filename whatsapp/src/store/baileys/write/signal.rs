//! Sessions, identities and sender keys, each stored under the address where the library looks it up.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::traits::Backend;

use super::super::Error;
use super::super::name::{Address, Domain, Name};
use super::super::report::RecordKind;
use super::super::sender_key::SenderKey;
use super::super::session::Session;
use super::super::value;
use super::{Import, RECORDS_PER_WRITE};

/// LIDs can be this long, phone numbers cannot. Before Baileys 7 sessions with both had the same form of name.
const MIN_LID_DIGITS: usize = 14;

/// The addresses with a known identity.
pub(super) type Known = HashSet<String>;

impl<B: Backend> Import<'_, B> {
    pub(super) async fn identities(&mut self) -> Result<Known, Error> {
        let addresses = self.pick(|name| match name {
            Name::Identity(address) => Some(address.clone()),
            _ => None,
        });
        let mut known = Known::new();
        for addresses in addresses.chunks(RECORDS_PER_WRITE) {
            let mut batch = Vec::new();
            for (address, file) in addresses {
                let Some(key) = self.read(file, value::identity) else {
                    continue;
                };
                for home in self.target_addresses(address, Name::Identity) {
                    known.insert(home.clone());
                    batch.push((Arc::from(home), key));
                }
                self.report.add(RecordKind::Identities, 1);
            }
            self.backend.put_identities_batch(&batch).await?;
        }
        Ok(known)
    }

    /// Before Baileys 7 identities were only stored in the sessions.
    pub(super) async fn sessions(&mut self, mut known: Known) -> Result<(), Error> {
        let addresses = self.pick(|name| match name {
            Name::Session(address) => Some(address.clone()),
            _ => None,
        });
        for addresses in addresses.chunks(RECORDS_PER_WRITE) {
            let mut sessions: Vec<(Arc<str>, Bytes)> = Vec::new();
            let mut identities = Vec::new();
            for (address, file) in addresses {
                let Some((target_addresses, session)) = self.session(address, file) else {
                    continue;
                };
                let record = Bytes::from(session.record);
                for home in target_addresses {
                    let home: Arc<str> = Arc::from(home);
                    if known.insert(home.to_string()) {
                        identities.push((Arc::clone(&home), session.remote_identity));
                        self.report.add(RecordKind::Identities, 1);
                    }
                    sessions.push((home, record.clone()));
                }
                self.report.add(RecordKind::Sessions, 1);
            }
            self.backend.put_identities_batch(&identities).await?;
            self.backend.put_sessions_batch(&sessions).await?;
        }
        Ok(())
    }

    fn session(&mut self, address: &Address, file: &str) -> Option<(Vec<String>, Session)> {
        let target_addresses = self.target_addresses(address, Name::Session);
        if target_addresses.is_empty() {
            let superseded = "a newer session with the same device is filed under its LID";
            self.report.skip(file, superseded);
            return None;
        }
        let local = self.folder.creds.local();
        let session = self.read(file, |bytes| Session::parse(bytes, local))?;
        let Session { damaged, all, .. } = session;
        if damaged > 0 {
            let left =
                format!("{damaged} of its {all} sessions are damaged; the rest were imported");
            self.report.skip(file, left);
        }
        Some((target_addresses, session))
    }

    /// Returns the groups for which we have a sender key of our own.
    pub(super) async fn sender_keys(&mut self) -> Result<HashSet<String>, Error> {
        let mut groups: BTreeMap<String, Vec<(Address, &str)>> = BTreeMap::new();
        for ((group, sender), file) in self.pick(|name| match name {
            Name::SenderKey { group, sender } => Some((group.clone(), sender.clone())),
            _ => None,
        }) {
            groups.entry(group).or_default().push((sender, file));
        }
        let mut own_groups = HashSet::new();
        for (group, senders) in groups {
            let mut keys: BTreeMap<String, Vec<SenderKey>> = BTreeMap::new();
            for (sender, file) in senders {
                let Some(key) = self.read(file, SenderKey::parse) else {
                    continue;
                };
                let creds = &self.folder.creds;
                let own = self.is_own(&sender.user) && sender.device == creds.pn.device;
                if own {
                    own_groups.insert(group.clone());
                }
                // The library looks up other people's keys by person, ours by device.
                let sender = if own { sender } else { sender.bare() };
                for home in ambiguous(&sender) {
                    let address = format!("{group}:{}", home.key());
                    keys.entry(address).or_default().push(key.clone());
                }
                self.report.add(RecordKind::SenderKeys, 1);
            }
            self.put_sender_keys(keys).await?;
        }
        Ok(own_groups)
    }

    async fn put_sender_keys(
        &mut self,
        keys: BTreeMap<String, Vec<SenderKey>>,
    ) -> Result<(), Error> {
        let mut batch: Vec<(Arc<str>, Bytes)> = Vec::new();
        for (address, keys) in keys {
            match SenderKey::merged(keys) {
                Ok(record) => batch.push((Arc::from(address), Bytes::from(record))),
                Err(fault) => self.report.skip(&address, fault),
            }
        }
        Ok(self.backend.put_sender_keys_batch(&batch).await?)
    }

    /// The devices that have our sender key; none if the key itself was not imported. Our own devices get it every
    /// time anyway.
    pub(super) async fn groups(&mut self, own_groups: &HashSet<String>) -> Result<(), Error> {
        for (group, file) in self.pick(|name| match name {
            Name::SenderKeyMemory { group } => Some(group.clone()),
            _ => None,
        }) {
            let Some(devices) = self.read(file, value::sender_key_memory) else {
                continue;
            };
            if !own_groups.contains(&group) {
                let anew = "our sender key of this group was not imported; a new one will be made";
                self.report.skip(file, anew);
                continue;
            }
            let others = devices.iter().filter(|jid| !self.is_own(&jid.user));
            let others: Vec<String> = others.map(ToString::to_string).collect();
            let entries: Vec<_> = others.iter().map(|jid| (jid.as_str(), true)).collect();
            self.backend.set_sender_key_status(&group, &entries).await?;
            self.report.add(RecordKind::Groups, 1);
        }
        Ok(())
    }

    /// The addresses under which the library will look up a record that Baileys stored under this address. Empty if
    /// the record is outdated.
    fn target_addresses(&self, address: &Address, kind: impl Fn(Address) -> Name) -> Vec<String> {
        let lid_domain = match address.domain {
            Domain::Unmarked => Domain::Lid,
            Domain::Hosted => Domain::HostedLid,
            Domain::Lid | Domain::HostedLid => return vec![address.key()],
        };
        // Both use a person's LID as soon as it is known, so a record that is still under the number is older.
        let target_addresses = match self.lids.get(&address.user) {
            Some(lid) => vec![address.moved(lid, lid_domain)],
            None => ambiguous(address),
        };
        let has_newer =
            |home: &Address| *home != *address && self.names.contains_key(&kind(home.clone()));
        let current = target_addresses.into_iter().filter(|home| !has_newer(home));
        current.map(|home| home.key()).collect()
    }
}

/// Both interpretations of an address from before Baileys 7 that may be a LID. Only one of them exists.
fn ambiguous(address: &Address) -> Vec<Address> {
    let mut readings = vec![address.clone()];
    if address.domain == Domain::Unmarked && address.user.len() >= MIN_LID_DIGITS {
        readings.push(address.moved(&address.user, Domain::Lid));
    }
    readings
}
