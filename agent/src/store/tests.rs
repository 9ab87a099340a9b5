//! The store against its rules.

mod device;
mod expiry;
mod model;
mod rows;

use openclaw_vault::{Batch, Folder, Key, Key32, Secret, on_heap};
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::traits::DeviceStore as _;

use super::Store;
use super::records::Records;
use crate::vault::{Keeper, Sealed, Tables, Vault};

/// A store in a folder of its own, which can be closed and opened again.
struct Volume {
    dir: tempfile::TempDir,
    keeper: Option<Keeper>,
    vault: Vault,
}

impl Volume {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let sealed = Sealed::create(folder, &secret(), "main", 0, on_heap).unwrap();
        let (vault, keeper) = Vault::start(sealed, 0);
        Self {
            dir,
            keeper: Some(keeper),
            vault,
        }
    }

    fn records(&self) -> Records {
        Records::new(self.vault.clone())
    }

    fn reopen(&mut self) {
        self.keeper.take().unwrap().stop();
        let folder = Folder::new(self.dir.path());
        let (sealed, _) = Sealed::open(folder, &secret(), on_heap).unwrap();
        let (vault, keeper) = Vault::start(sealed, 0);
        (self.vault, self.keeper) = (vault, Some(keeper));
    }

    /// Writes a row past the store.
    fn plant(&self, key: Key<'_>, value: &[u8]) {
        let mut batch = Batch::new();
        batch.put(key, value);
        self.vault.write(&batch);
    }
}

fn secret() -> Secret {
    Secret::Raw(Key32::take(&mut [7; 32]))
}

#[tokio::test]
async fn a_linked_device_outlives_the_process() {
    let mut volume = Volume::new();
    let store = Store::new(volume.vault.clone());
    assert!(!store.is_linked().unwrap());
    store.backend().create().await.unwrap();
    assert!(!store.is_linked().unwrap());
    let mut device = Device::new();
    device.pn = Some("15550100001:3@s.whatsapp.net".parse().unwrap());
    store.backend().save(&device).await.unwrap();
    volume.reopen();
    let store = Store::new(volume.vault.clone());
    assert!(store.is_linked().unwrap());
    let loaded = store.backend().load().await.unwrap().unwrap();
    assert_eq!(loaded.registration_id, device.registration_id);
    assert_eq!(
        loaded.identity_key.private_key.serialize(),
        device.identity_key.private_key.serialize()
    );
}

#[test]
fn every_table_of_the_library_is_among_those_forgotten() {
    let tables: Vec<u8> = Tables::LIBRARY.iter().map(|table| table.0).collect();
    let all: Vec<u8> = (1..=Tables::HIGHEST_PREKEY.0).collect();
    assert_eq!(tables, all);
}

#[tokio::test]
async fn forgetting_leaves_nothing_of_the_library() {
    let mut volume = Volume::new();
    volume.plant(Key::new(Tables::LINK, "", ""), b"not the library's");
    let store = Store::new(volume.vault.clone());
    store.backend().create().await.unwrap();
    let address = "15550100001@c.us.0";
    store.backend().put_session(address, b"s").await.unwrap();
    store.forget().await;
    volume.reopen();
    assert_eq!(volume.vault.summary().unwrap().records, 1);
    assert!(!volume.records().exists().await.unwrap());
}
