//! Tests of the store.

mod device;
mod expiry;
mod model;
mod people;
mod rows;

use openclaw_state::vault::Tables;
use openclaw_state::vault::trial::Volume;
use openclaw_vault::Key;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::traits::DeviceStore as _;

use super::Store;
use super::records::Records;

/// What these tests need from a volume.
trait Rows {
    fn records(&self) -> Records;

    /// Whether everything written is durable.
    fn is_durable(&self) -> bool;
}

impl Rows for Volume {
    fn records(&self) -> Records {
        Records::new(self.vault.clone(), None)
    }

    fn is_durable(&self) -> bool {
        let state = self
            .vault
            .with(|sealed| Ok((sealed.written(), sealed.durable())));
        let (written, durable) = state.unwrap().unwrap();
        written == durable
    }
}

#[tokio::test]
async fn a_linked_device_survives_a_restart() {
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
fn every_table_of_the_library_is_among_those_of_an_account() {
    let all = (1..=Tables::HIGHEST_PREKEY.0).map(openclaw_vault::Table);
    assert!(Tables::ACCOUNT.into_iter().take(21).eq(all));
}

#[tokio::test]
async fn clearing_an_account_leaves_nothing_of_the_library() {
    let mut volume = Volume::new();
    volume.plant(Key::new(Tables::CONSUMERS, "", "a"), b"not the library's");
    let store = Store::new(volume.vault.clone());
    store.backend().create().await.unwrap();
    let address = "15550100001@c.us.0";
    store.backend().put_session(address, b"s").await.unwrap();
    volume.vault.clear(&Tables::ACCOUNT);
    volume.reopen();
    assert_eq!(volume.vault.summary().unwrap().records, 1);
    assert!(!volume.records().exists().await.unwrap());
}
