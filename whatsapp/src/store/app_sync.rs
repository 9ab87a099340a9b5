//! App state: keys, versions and MACs. A key is durable on return, because the phone shares it only once; everything
//! else can be fetched again.

use std::collections::HashMap;

use async_trait::async_trait;
use openclaw_state::vault::Tables;
use openclaw_vault::{Batch, Key};
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{AppStateSyncKey, AppSyncStore};

use super::Store;
use super::records::{Records, check_size, encode, name, taken};

/// For more MACs than this, one scan of the collection is faster: those of a patch are stored together.
const MAX_SINGLE_READS: usize = 8;

impl Store {
    /// True if this collection of the app state was synced: its contents are stored before its version is.
    pub(crate) async fn has_app_state(&self, name: &str) -> bool {
        let state = self.records.get_version(name).await;
        state.is_ok_and(|state| state.version > 0)
    }

    /// Removes the version and the MACs of this collection, so that the next sync fetches all of it.
    pub(crate) fn forget_app_state(&self, name: &str) {
        let mut batch = Batch::new();
        batch.clear_scope(Tables::MUTATION_MACS, name.as_bytes());
        batch.delete(version(name));
        self.vault().write(&batch);
    }
}

#[async_trait]
impl AppSyncStore for Records {
    async fn get_sync_key(&self, key_id: &[u8]) -> Result<Option<AppStateSyncKey>> {
        Ok(self.load_row(sync_key(key_id)))
    }

    async fn set_sync_key(&self, key_id: &[u8], key: AppStateSyncKey) -> Result<()> {
        let row = encode(&key)?;
        check_size(row.len())?;
        let mut batch = Batch::new();
        batch.put(sync_key(key_id), &row);
        batch.put(latest(), key_id);
        self.vault.commit(&batch).await;
        Ok(())
    }

    async fn get_version(&self, name: &str) -> Result<HashState> {
        // A version that cannot be decoded counts as absent, so the collection is fetched again.
        Ok(self.load_row(version(name)).unwrap_or_default())
    }

    /// The contents of the collection changed the device's row. That row must not become durable later than the
    /// version: after a kill the contents would be lost and never sent again.
    async fn set_version(&self, name: &str, state: HashState) -> Result<()> {
        self.save_device().await?;
        self.write(version(name), &encode(&state)?)
    }

    async fn put_mutation_macs(
        &self,
        name: &str,
        _version: u64,
        mutations: &[AppStateMutationMAC],
    ) -> Result<()> {
        self.write_all(mutations.iter().map(|mutation| {
            let AppStateMutationMAC {
                index_mac,
                value_mac,
            } = mutation;
            (mac(name, index_mac), value_mac)
        }))
    }

    async fn get_mutation_mac(&self, name: &str, index_mac: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.load_bytes(mac(name, index_mac)))
    }

    async fn get_mutation_macs(
        &self,
        name: &str,
        index_macs: &[[u8; 32]],
    ) -> Result<HashMap<[u8; 32], Vec<u8>>> {
        let mut found = HashMap::with_capacity(index_macs.len());
        let wanted = index_macs
            .iter()
            .filter(|index_mac| self.vault.contains(mac(name, *index_mac)));
        let wanted: Vec<_> = wanted.copied().collect();
        if wanted.len() <= MAX_SINGLE_READS {
            for index_mac in wanted {
                found.extend(
                    self.load_bytes(mac(name, &index_mac))
                        .map(|mac| (index_mac, mac)),
                );
            }
            return Ok(found);
        }
        let wanted: std::collections::HashSet<_> = wanted.into_iter().collect();
        for entry in self
            .vault
            .scan(Tables::MUTATION_MACS, Some(name.as_bytes()))
        {
            if let Ok(index_mac) = <[u8; 32]>::try_from(entry.id.as_slice())
                && wanted.contains(&index_mac)
            {
                found.insert(index_mac, taken(entry.value));
            }
        }
        Ok(found)
    }

    async fn delete_mutation_macs(&self, name: &str, index_macs: &[Vec<u8>]) -> Result<()> {
        self.delete_all(index_macs.iter().map(|index_mac| mac(name, index_mac)));
        Ok(())
    }

    async fn clear_mutation_macs(&self, name: &str) -> Result<()> {
        let mut batch = Batch::new();
        batch.clear_scope(Tables::MUTATION_MACS, name.as_bytes());
        self.vault.write(&batch);
        Ok(())
    }

    async fn get_latest_sync_key_id(&self) -> Result<Option<Vec<u8>>> {
        let Some(id) = self.load_bytes(latest()) else {
            return Ok(None);
        };
        if self.load_row::<AppStateSyncKey>(sync_key(&id)).is_some() {
            return Ok(Some(id));
        }
        // The latest key cannot be decoded, so another one that can is used.
        let entries = self.vault.scan(Tables::SYNC_KEYS, None);
        let readable = entries.into_iter().filter_map(|mut entry| {
            let value = std::mem::take(&mut entry.value);
            self.row::<AppStateSyncKey>(name(&entry), Some(value))?;
            Some(entry.id)
        });
        Ok(readable.max())
    }
}

fn sync_key(key_id: &[u8]) -> Key<'_> {
    Key::new(Tables::SYNC_KEYS, "", key_id)
}

fn latest() -> Key<'static> {
    Key::new(Tables::LATEST_SYNC_KEY, "", "")
}

fn version(collection: &str) -> Key<'_> {
    Key::new(Tables::VERSIONS, "", collection)
}

fn mac<'a>(collection: &'a str, index_mac: &'a [u8]) -> Key<'a> {
    Key::new(Tables::MUTATION_MACS, collection, index_mac)
}
