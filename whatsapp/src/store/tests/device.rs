//! The device's row: whichever version wrote it, it is decoded or refused, never replaced.

use std::sync::Arc;

use ciborium::Value;
use whatsapp_rust::store::persistence_manager::PersistenceManager;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::commands::DeviceCommand;
use whatsapp_rust::wacore::store::traits::{AppSyncStore as _, DeviceStore as _};

use super::{Rows as _, Volume};
use crate::store::device::{key, read};
use crate::store::records::{Records, decode, encode};

/// The row of a linked device, with changed fields.
fn row(change: impl FnOnce(&mut Vec<(Value, Value)>)) -> (Device, Vec<u8>) {
    let mut device = Device::new();
    device.pn = Some("15550100001:3@s.whatsapp.net".parse().unwrap());
    device.push_name = "Phone".to_owned();
    device.next_pre_key_id = 813;
    let Some(Value::Map(mut fields)) = decode(&encode(&device).unwrap()) else {
        panic!("a device is a map of its fields")
    };
    change(&mut fields);
    (device, encode(&Value::Map(fields)).unwrap().to_vec())
}

fn is(name: &str) -> impl Fn(&(Value, Value)) -> bool {
    let name = Value::from(name);
    move |(known, _)| *known == name
}

fn replace(fields: &mut [(Value, Value)], name: &str, value: Value) {
    fields.iter_mut().find(|field| is(name)(field)).unwrap().1 = value;
}

fn assert_same_account(read: &Device, written: &Device) {
    assert_eq!(read.pn, written.pn);
    assert_eq!(read.registration_id, written.registration_id);
    let keys = |device: &Device| {
        let private = [
            &device.noise_key,
            &device.identity_key,
            &device.signed_pre_key,
        ]
        .map(|pair| *pair.private_key.serialize());
        (
            private,
            device.adv_secret_key,
            device.signed_pre_key_signature,
        )
    };
    assert!(keys(read) == keys(written));
}

#[test]
fn a_field_of_a_newer_version_is_ignored() {
    let (device, row) = row(|fields| fields.push((Value::from("later"), Value::from(1))));
    let read = read(&row).unwrap();
    assert_same_account(&read, &device);
    assert_eq!(
        (read.push_name.as_str(), read.next_pre_key_id),
        ("Phone", 813)
    );
}

#[test]
fn a_field_that_an_older_version_lacks_gets_the_value_of_a_new_device() {
    // A field with a default of the library, and one without.
    for missing in ["login_counter", "app_version_primary"] {
        let (device, row) = row(|fields| fields.retain(|field| !is(missing)(field)));
        let read = read(&row).unwrap();
        assert_same_account(&read, &device);
        assert_eq!(
            (read.push_name.as_str(), read.next_pre_key_id),
            ("Phone", 813)
        );
        assert_eq!(read.app_version_primary, Device::new().app_version_primary);
    }
}

#[test]
fn a_field_with_another_type_affects_no_other_field() {
    let (device, row) = row(|fields| {
        replace(fields, "server_cert_chain", Value::from("another shape"));
        replace(fields, "app_version_primary", Value::from("another shape"));
    });
    let read = read(&row).unwrap();
    assert_same_account(&read, &device);
    assert_eq!(
        (read.push_name.as_str(), read.next_pre_key_id),
        ("Phone", 813)
    );
    assert!(read.server_cert_chain.is_none());
}

#[test]
fn a_device_without_its_keys_is_refused() {
    for missing in [
        "pn",
        "noise_key",
        "identity_key",
        "adv_secret_key",
        "account",
    ] {
        let gone = |fields: &mut Vec<_>| fields.retain(|field| !is(missing)(field));
        let (_, without) = row(gone);
        // The library has defaults for some fields, which then are not essential.
        if decode::<Device>(&without).is_none() {
            assert!(read(&without).is_none(), "{missing}");
        }
        let (_, other) = row(|fields| replace(fields, missing, Value::from(1.5)));
        assert!(read(&other).is_none(), "{missing}");
    }
}

#[tokio::test]
async fn a_device_that_cannot_be_read_is_refused_and_not_replaced() {
    let volume = Volume::new();
    volume.plant(key(), b"of another version");
    let records = volume.records();
    assert!(records.exists().await.unwrap());
    assert!(records.load().await.is_err());
    records.create().await.unwrap();
    assert_eq!(*volume.vault.load(key()).unwrap(), b"of another version");
    assert_eq!(records.undecodable(), 1);
    assert!(
        crate::store::Store::new(volume.vault.clone())
            .is_linked()
            .is_err()
    );
}

#[tokio::test]
async fn a_device_that_has_not_changed_is_not_written_again() {
    let volume = Volume::new();
    let records = volume.records();
    let mut device = Device::new();
    records.save(&device).await.unwrap();
    let written = volume.vault.summary().unwrap().log_bytes;
    records.save(&device).await.unwrap();
    assert_eq!(volume.vault.summary().unwrap().log_bytes, written);
    device.login_counter += 1;
    records.save(&device).await.unwrap();
    assert!(volume.vault.summary().unwrap().log_bytes > written);
}

#[tokio::test]
async fn the_contents_of_a_collection_are_stored_before_its_version() {
    let volume = Volume::new();
    let records = Arc::new(volume.records());
    let backend = Arc::<Records>::clone(&records);
    let device = Arc::new(PersistenceManager::new(backend).await.unwrap());
    records.attach(&device);
    let salt = DeviceCommand::SetNctSalt(Some(vec![7; 16]));
    device.process_command(salt).await;
    let stored = || volume.records().device().ok().flatten();
    assert!(stored().is_none_or(|device| device.nct_salt.is_none()));
    let version = HashState::default();
    records.set_version("regular_high", version).await.unwrap();
    assert_eq!(stored().unwrap().nct_salt, Some(vec![7; 16]));
}
