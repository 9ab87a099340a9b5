//! Writes the directory's contents into the library's store, kind by kind. The order matters: addresses depend on the
//! mappings, group memory on our sender key, and the device, which is written last, completes the account.

mod signal;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::UNIX_EPOCH;

use openclaw_state::clock;
use whatsapp_rust::traits::Backend;
use whatsapp_rust::wacore::store::traits::{AppStateSyncKey, LidPnMappingEntry};

use super::json::Fault;
use super::name::Name;
use super::report::{RecordKind, Report};
use super::{Error, Folder, folder, value};

/// Records per write: a compromise between the number of writes and memory.
const RECORDS_PER_WRITE: usize = 256;
/// An import in progress. Generic over the backend, so that a client that only imports links no other code of the
/// store.
pub(super) struct Import<'a, B> {
    folder: &'a Folder,
    backend: &'a B,
    report: Report,
    /// The files of the directory, sorted by kind.
    names: BTreeMap<Name, &'a str>,
    /// LIDs by phone number.
    lids: HashMap<String, String>,
}

impl<'a, B: Backend> Import<'a, B> {
    pub(super) fn new(folder: &'a Folder, backend: &'a B) -> Self {
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
            && let Some(phone) = device
                .pn
                .and_then(|pn| openclaw_types::Phone::of_digits(&pn.user))
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
            for ids in ids.chunks(RECORDS_PER_WRITE) {
                let mut batch = Vec::with_capacity(ids.len());
                for (id, file) in ids {
                    if let Some(record) = self.read(file, |bytes| value::pre_key(*id, bytes)) {
                        batch.push((*id, record));
                    }
                }
                self.backend.store_prekeys_batch(&batch, uploaded).await?;
                self.report.add(RecordKind::Prekeys, batch.len());
            }
        }
        Ok(())
    }

    /// A file exists for each direction; like Baileys, uses the one by phone number first. A number's earlier LID
    /// still belongs to the same person.
    async fn mappings(&mut self) -> Result<(), Error> {
        let mut pairs = Vec::new();
        for (lid, file) in self.pick(|name| match name {
            Name::PnMapping(lid) => Some(lid.clone()),
            _ => None,
        }) {
            pairs.extend(self.read(file, value::mapped_user).map(|pn| (pn, lid)));
        }
        for (pn, file) in self.pick(|name| match name {
            Name::LidMapping(pn) => Some(pn.clone()),
            _ => None,
        }) {
            pairs.extend(self.read(file, value::mapped_user).map(|lid| (pn, lid)));
        }
        let creds = &self.folder.creds;
        if let Some(lid) = &creds.lid {
            pairs.push((creds.pn.user.to_string(), lid.user.to_string()));
        }
        self.lids = pairs.iter().cloned().collect();
        pairs.sort_unstable();
        pairs.dedup();
        // The library treats the newest mapping as the current one of a number.
        pairs.sort_by_key(|(pn, lid)| self.lids.get(pn) == Some(lid));
        let now = clock::protocol()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or(0);
        for pairs in pairs.chunks(RECORDS_PER_WRITE) {
            let entries = pairs.iter().map(|pair| self.mapping(pair, now));
            let entries: Vec<_> = entries.collect();
            self.backend.put_lid_mappings(&entries).await?;
        }
        self.report.add(RecordKind::LidMappings, pairs.len());
        Ok(())
    }

    fn mapping(&self, (pn, lid): &(String, String), now: i64) -> LidPnMappingEntry {
        let at = now - i64::from(self.lids.get(pn) != Some(lid));
        LidPnMappingEntry {
            lid: lid.clone(),
            phone_number: pn.clone(),
            created_at: at,
            updated_at: at,
            learning_source: "other".to_owned(),
        }
    }

    /// True if the user part of a JID is the account's own.
    fn is_own(&self, user: &str) -> bool {
        let pn = self.folder.creds.pn.user.as_str();
        let lid = self.lids.get(pn);
        pn == user || lid.is_some_and(|lid| lid == user)
    }

    /// The library uses the last key written to encrypt settings, so the latest one is written last.
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
        self.report.add(RecordKind::AppStateKeys, keys.len());
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
            for macs in macs.chunks(RECORDS_PER_WRITE) {
                let put = self.backend.put_mutation_macs(&collection, version, macs);
                put.await?;
            }
            self.backend.set_version(&collection, state).await?;
            self.report.add(RecordKind::AppStateCollections, 1);
        }
        Ok(())
    }

    /// Stores tokens by LID where it is known; a token that is already stored under the LID takes precedence.
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
                    self.report.add(RecordKind::PrivacyTokens, 1);
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

    /// The files of one kind.
    fn pick<T>(&self, mut wanted: impl FnMut(&Name) -> Option<T>) -> Vec<(T, &'a str)> {
        let names = self.names.iter();
        names
            .filter_map(|(name, file)| Some((wanted(name)?, *file)))
            .collect()
    }

    /// Parses a file, or reports it as skipped.
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
