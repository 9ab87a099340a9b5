//! From the folder into the library's store, kind by kind. Each step stands on those before it: addresses need the
//! mappings, group memory needs our sender key, and the device makes an account of it all.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::traits::Backend;
use whatsapp_rust::wacore::store::traits::{AppStateSyncKey, LidPnMappingEntry};

use super::json::Fault;
use super::name::{Address, Domain, Name};
use super::report::{Kind, Report};
use super::sender_key::SenderKey;
use super::session::Session;
use super::{Error, Folder, folder, value};
use crate::clock;

/// Records in one write: large enough for the store, small enough for memory.
const BATCH: usize = 256;
/// No phone number is so long, but a LID is. Before Baileys 7 their sessions were named alike.
const SHORTEST_LID: usize = 14;

/// One import while it runs.
pub(super) struct Import<'a> {
    folder: &'a Folder,
    backend: &'a dyn Backend,
    report: Report,
    /// The folder's files, those of a kind together.
    names: BTreeMap<Name, &'a str>,
    /// LIDs by phone number.
    lids: HashMap<String, String>,
}

impl<'a> Import<'a> {
    pub(super) fn new(folder: &'a Folder, backend: &'a dyn Backend) -> Self {
        let creds = &folder.creds;
        let mut report = Report::new(&creds.phone, creds.pn.device, folder.source);
        report.backup_because.clone_from(&folder.backup_because);
        let mut names = BTreeMap::new();
        for file in folder.stamps.keys() {
            match Name::of(file) {
                Some(Name::Refetched) => report.refetched += 1,
                Some(Name::Unreadable) => report.skip(file, Fault::Name),
                Some(name) => drop(names.insert(name, file.as_str())),
                None if file == folder::CREDS || file == folder::CREDS_BACKUP => {}
                None => report.foreign += 1,
            }
        }
        Self {
            folder,
            backend,
            report,
            names,
            lids: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self) -> Result<Report, Error> {
        if let Some(device) = self.backend.load().await?
            && let Some(Ok(phone)) = device.pn.map(|pn| pn.user.parse())
        {
            return Err(Error::Occupied(phone));
        }
        self.prekeys().await?;
        self.mappings().await?;
        let identities = self.identities().await?;
        self.sessions(identities).await?;
        let own_groups = self.sender_keys().await?;
        self.groups(&own_groups).await?;
        self.sync_keys().await?;
        self.sync_versions().await?;
        self.tokens().await?;
        if folder::list(&self.folder.dir)? != self.folder.stamps {
            return Err(Error::InUse);
        }
        self.device().await?;
        Ok(self.report)
    }

    async fn prekeys(&mut self) -> Result<(), Error> {
        let first_unuploaded = self.folder.creds.first_unuploaded;
        for uploaded in [true, false] {
            let ids = self.pick(|name| match name {
                Name::PreKey(id) if (*id < first_unuploaded) == uploaded => Some(*id),
                _ => None,
            });
            for ids in ids.chunks(BATCH) {
                let mut batch = Vec::with_capacity(ids.len());
                for (id, file) in ids {
                    if let Some(record) = self.read(file, |bytes| value::pre_key(*id, bytes)) {
                        batch.push((*id, record));
                    }
                }
                self.backend.store_prekeys_batch(&batch, uploaded).await?;
                self.report.add(Kind::Prekeys, batch.len());
            }
        }
        Ok(())
    }

    /// Both directions have a file; that of the phone number is the one Baileys asks first.
    async fn mappings(&mut self) -> Result<(), Error> {
        let by_lid = self.pick(|name| match name {
            Name::PnMapping(lid) => Some(lid.clone()),
            _ => None,
        });
        let by_pn = self.pick(|name| match name {
            Name::LidMapping(pn) => Some(pn.clone()),
            _ => None,
        });
        for (lid, file) in by_lid {
            if let Some(pn) = self.read(file, value::mapped_user) {
                self.lids.insert(pn, lid);
            }
        }
        for (pn, file) in by_pn {
            if let Some(lid) = self.read(file, value::mapped_user) {
                self.lids.insert(pn, lid);
            }
        }
        if let Some(lid) = &self.folder.creds.lid {
            let pn = self.folder.creds.pn.user.to_string();
            self.lids.insert(pn, lid.user.to_string());
        }
        let now = clock::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or(0);
        let entry = |(pn, lid): (&String, &String)| LidPnMappingEntry {
            lid: lid.clone(),
            phone_number: pn.clone(),
            created_at: now,
            updated_at: now,
            learning_source: "other".to_owned(),
        };
        let entries: Vec<_> = self.lids.iter().map(entry).collect();
        for batch in entries.chunks(BATCH) {
            self.backend.put_lid_mappings(batch).await?;
        }
        self.report.add(Kind::LidMappings, entries.len());
        Ok(())
    }

    /// Returns the addresses whose identity is known now.
    async fn identities(&mut self) -> Result<HashSet<String>, Error> {
        let addresses = self.pick(|name| match name {
            Name::Identity(address) => Some(address.clone()),
            _ => None,
        });
        let mut known = HashSet::new();
        for addresses in addresses.chunks(BATCH) {
            let mut batch = Vec::new();
            for (address, file) in addresses {
                let Some(key) = self.read(file, value::identity) else {
                    continue;
                };
                for key_address in self.homes(address, Name::Identity) {
                    known.insert(key_address.clone());
                    batch.push((Arc::from(key_address), key));
                }
                self.report.add(Kind::Identities, 1);
            }
            self.backend.put_identities_batch(&batch).await?;
        }
        Ok(known)
    }

    /// Before Baileys 7 the identities were in the sessions only.
    async fn sessions(&mut self, mut known: HashSet<String>) -> Result<(), Error> {
        let local = self.folder.creds.local();
        let addresses = self.pick(|name| match name {
            Name::Session(address) => Some(address.clone()),
            _ => None,
        });
        for addresses in addresses.chunks(BATCH) {
            let mut sessions: Vec<(Arc<str>, Bytes)> = Vec::new();
            let mut identities = Vec::new();
            for (address, file) in addresses {
                let homes = self.homes(address, Name::Session);
                if homes.is_empty() {
                    self.report.skip(
                        file,
                        "a newer session with the same device is filed under its LID",
                    );
                    continue;
                }
                let Some(session) = self.read(file, |bytes| Session::parse(bytes, local)) else {
                    continue;
                };
                let Session {
                    record,
                    remote_identity,
                    damaged,
                    all,
                } = session;
                if damaged > 0 {
                    let rest = format!(
                        "{damaged} of its {all} sessions are damaged; the rest was carried over"
                    );
                    self.report.skip(file, rest);
                }
                let record = Bytes::from(record);
                for home in homes {
                    if known.insert(home.clone()) {
                        identities.push((Arc::from(home.as_str()), remote_identity));
                        self.report.add(Kind::Identities, 1);
                    }
                    sessions.push((Arc::from(home), record.clone()));
                }
                self.report.add(Kind::Sessions, 1);
            }
            self.backend.put_identities_batch(&identities).await?;
            self.backend.put_sessions_batch(&sessions).await?;
        }
        Ok(())
    }

    /// Returns the groups to which we have a sender key of our own.
    async fn sender_keys(&mut self) -> Result<HashSet<String>, Error> {
        let mut groups: BTreeMap<String, Vec<(Address, &'a str)>> = BTreeMap::new();
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
                let creds = &self.folder.creds;
                let own = creds.is_own(&sender.user) && sender.device == creds.pn.device;
                // Others' keys are looked for under the person, ours under the device.
                let sender = if own { sender } else { sender.bare() };
                for home in self.ambiguous(&sender) {
                    if let Some(key) = self.read(file, SenderKey::parse) {
                        keys.entry(format!("{group}:{}", home.key()))
                            .or_default()
                            .push(key);
                        if own {
                            own_groups.insert(group.clone());
                        }
                    }
                }
            }
            let mut batch: Vec<(Arc<str>, Bytes)> = Vec::new();
            for (address, keys) in keys {
                let count = keys.len();
                match SenderKey::merged(keys) {
                    Ok(record) => {
                        batch.push((Arc::from(address), Bytes::from(record)));
                        self.report.add(Kind::SenderKeys, count);
                    }
                    Err(fault) => self.report.skip(&address, fault),
                }
            }
            self.backend.put_sender_keys_batch(&batch).await?;
        }
        Ok(own_groups)
    }

    /// Who has our sender key; where that did not come over, nobody has. Our own devices are told every time.
    async fn groups(&mut self, own_groups: &HashSet<String>) -> Result<(), Error> {
        for (group, file) in self.pick(|name| match name {
            Name::SenderKeyMemory { group } => Some(group.clone()),
            _ => None,
        }) {
            let Some(devices) = self.read(file, value::sender_key_memory) else {
                continue;
            };
            if !own_groups.contains(&group) {
                self.report.skip(
                    file,
                    "our sender key of this group did not come over; it will be made anew",
                );
                continue;
            }
            let others = devices
                .iter()
                .filter(|jid| !self.folder.creds.is_own(&jid.user));
            let others: Vec<String> = others.map(ToString::to_string).collect();
            let entries: Vec<(&str, bool)> =
                others.iter().map(|jid| (jid.as_str(), true)).collect();
            self.backend.set_sender_key_status(&group, &entries).await?;
            self.report.add(Kind::Groups, 1);
        }
        Ok(())
    }

    /// The key written last is the one that the library writes settings with.
    async fn sync_keys(&mut self) -> Result<(), Error> {
        let mine = self.folder.creds.sync_key_id.as_deref();
        let mut keys: Vec<(Vec<u8>, AppStateSyncKey)> = Vec::new();
        for (id, file) in self.pick(|name| match name {
            Name::SyncKey(id) => Some(id.clone()),
            _ => None,
        }) {
            if let Some(key) = self.read(file, value::sync_key) {
                keys.push((id, key));
            }
        }
        keys.sort_by_key(|(id, key)| (Some(id.as_slice()) == mine, key.timestamp));
        self.report.add(Kind::AppStateKeys, keys.len());
        for (id, key) in keys {
            self.backend.set_sync_key(&id, key).await?;
        }
        Ok(())
    }

    async fn sync_versions(&mut self) -> Result<(), Error> {
        for (collection, file) in self.pick(|name| match name {
            Name::SyncVersion(collection) => Some(collection.clone()),
            _ => None,
        }) {
            let Some((state, macs)) = self.read(file, value::sync_version) else {
                continue;
            };
            let version = state.version;
            self.backend.clear_mutation_macs(&collection).await?;
            for macs in macs.chunks(BATCH) {
                let put = self.backend.put_mutation_macs(&collection, version, macs);
                put.await?;
            }
            self.backend.set_version(&collection, state).await?;
            self.report.add(Kind::AppStateCollections, 1);
        }
        Ok(())
    }

    /// By LID where there is one; what is filed under the LID already counts more.
    async fn tokens(&mut self) -> Result<(), Error> {
        for by_lid in [false, true] {
            for (user, file) in self.pick(|name| match name {
                Name::TcToken { user, lid } if *lid == by_lid => Some(user.clone()),
                _ => None,
            }) {
                if let Some(token) = self.read(file, value::tc_token) {
                    let user = if by_lid {
                        Some(&user)
                    } else {
                        self.lids.get(&user)
                    }
                    .unwrap_or(&user);
                    self.backend.put_tc_token(user, &token).await?;
                    self.report.add(Kind::PrivacyTokens, 1);
                }
            }
        }
        Ok(())
    }

    async fn device(&self) -> Result<(), Error> {
        let prekeys = self.names.keys().filter_map(|name| match name {
            Name::PreKey(id) => Some(*id),
            _ => None,
        });
        let device = self.folder.creds.device(prekeys.max().unwrap_or(0));
        if !self.backend.exists().await? {
            self.backend.create().await?;
        }
        Ok(self.backend.save(&device).await?)
    }

    /// Under which addresses the library will look for what Baileys filed under this one. None: it is out of date.
    fn homes(&self, address: &Address, kind: impl Fn(Address) -> Name) -> Vec<String> {
        let lid_domain = match address.domain {
            Domain::Unmarked => Domain::Lid,
            Domain::Hosted => Domain::HostedLid,
            Domain::Lid | Domain::HostedLid => return vec![address.key()],
        };
        // Both look a person up by LID as soon as they know it. What is left under the number is older.
        let homes = match self.lids.get(&address.user) {
            Some(lid) => vec![address.moved(lid, lid_domain)],
            None => self.ambiguous(address),
        };
        let is_newer =
            |home: &Address| *home != *address && self.names.contains_key(&kind(home.clone()));
        let current = homes.into_iter().filter(|home| !is_newer(home));
        current.map(|home| home.key()).collect()
    }

    /// Both readings of an address from before Baileys 7 that may be a LID. Only one of them is anybody's.
    fn ambiguous(&self, address: &Address) -> Vec<Address> {
        let mut readings = vec![address.clone()];
        if address.domain == Domain::Unmarked && address.user.len() >= SHORTEST_LID {
            readings.push(address.moved(&address.user, Domain::Lid));
        }
        readings
    }

    /// The files of one kind.
    fn pick<T>(&self, mut wanted: impl FnMut(&Name) -> Option<T>) -> Vec<(T, &'a str)> {
        let names = self.names.iter();
        names
            .filter_map(|(name, file)| Some((wanted(name)?, *file)))
            .collect()
    }

    /// What the file says, or a line in the report.
    fn read<T, E: fmt::Display>(
        &mut self,
        file: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Option<T> {
        let outcome = match folder::load(&self.folder.dir, file) {
            Ok(bytes) => parse(&bytes).map_err(|fault| fault.to_string()),
            Err(unread) => Err(unread.to_string()),
        };
        outcome
            .map_err(|reason| self.report.skip(file, reason))
            .ok()
    }
}
