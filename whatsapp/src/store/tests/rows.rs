//! Rows: durability, atomicity, and undecodable rows.

use std::sync::Arc;

use futures::FutureExt as _;
use openclaw_state::vault::Tables;
use openclaw_vault::Key;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::wacore::libsignal::protocol::SessionRecord;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::traits::{
    AppStateSyncKey, AppSyncStore as _, DeviceStore as _, MsgSecretStore as _, ProtocolStore as _,
    SignalStore as _,
};

use super::{Rows as _, Volume};
use crate::store::{sending, sent, tokens};

const ADDRESS: &str = "15550100001:2@c.us.0";

#[tokio::test]
async fn keys_that_must_not_be_reused_are_durable_on_return() {
    let volume = Volume::new();
    let (store, address) = (volume.records(), Arc::<str>::from(ADDRESS));
    let one = Bytes::from_static(b"record");
    let before = |volume: &Volume| volume.vault.update(|_| ());
    macro_rules! durable {
        ($($call:expr),* $(,)?) => { $(
            store.put_group_metadata("group", b"not durable by itself").await.unwrap();
            before(&volume);
            assert!(!volume.is_durable());
            $call.await.unwrap();
            assert!(volume.is_durable(), stringify!($call));
        )* };
    }
    durable!(
        store.put_identity(ADDRESS, [1; 32]),
        store.put_identities_batch(&[(address.clone(), [2; 32])]),
        store.put_session(ADDRESS, b"record"),
        store.put_sessions_batch(&[(address.clone(), one.clone())]),
        store.store_prekey(1, b"record", false),
        store.store_prekeys_batch(&[(2, one.clone())], false),
        store.store_signed_prekey(1, b"record"),
        store.put_sender_key("group:address", b"record"),
        store.put_sender_keys_batch(&[("group:address".into(), one.clone())]),
        store.set_sync_key(b"id", AppStateSyncKey::default()),
        store.save(&Device::new()),
    );
}

#[tokio::test]
async fn a_session_that_only_received_is_durable_with_the_next_commit() {
    let volume = Volume::new();
    let store = volume.records();
    let mut session = sending::tests::record(1);
    let put = async |session: &SessionRecord| {
        let row = (
            Arc::from(ADDRESS),
            Bytes::from(session.serialize().unwrap()),
        );
        store.put_sessions_batch(&[row]).await.unwrap();
        volume.is_durable()
    };
    session.reserve_sender_chain_counters(0);
    assert!(put(&session).await, "a new session");
    session.archive_current_state().unwrap();
    session.set_session_state(sending::tests::record(1).take_session_state().unwrap());
    assert!(!put(&session).await, "the same key, the same lease");
    session.reserve_sender_chain_counters(64);
    assert!(put(&session).await, "a longer lease");
    session.set_session_state(sending::tests::record(2).take_session_state().unwrap());
    assert!(put(&session).await, "another key");
    // Cancelled midway: the next write compensates.
    session.set_session_state(sending::tests::record(3).take_session_state().unwrap());
    if put(&session).now_or_never().is_none() {
        assert!(put(&session).await, "after one that was cancelled");
    }
}

#[tokio::test]
async fn an_empty_batch_does_not_wait() {
    let volume = Volume::new();
    let store = volume.records();
    store.put_group_metadata("group", b"blob").await.unwrap();
    store.put_sessions_batch(&[]).await.unwrap();
    store.put_sender_keys_batch(&[]).await.unwrap();
    store.put_identities_batch(&[]).await.unwrap();
    store.store_prekeys_batch(&[], true).await.unwrap();
    assert!(!volume.is_durable());
}

#[tokio::test]
async fn a_large_batch_is_split_and_complete_and_an_oversized_record_is_refused() {
    let mut volume = Volume::new();
    let record = Bytes::from(vec![7; 600 << 10]);
    let sessions: Vec<(Arc<str>, Bytes)> = (1..30)
        .map(|device| {
            (
                format!("15550100001:{device}@c.us.0").into(),
                record.clone(),
            )
        })
        .collect();
    volume
        .records()
        .put_sessions_batch(&sessions)
        .await
        .unwrap();
    volume.reopen();
    let store = volume.records();
    for (address, record) in &sessions {
        assert!(store.get_session(address).await.unwrap().as_ref() == Some(record));
    }
    let absurd = vec![0; 9 << 20];
    assert!(
        store
            .put_session("15550100002@c.us.0", &absurd)
            .await
            .is_err()
    );
    assert!(!store.has_session("15550100002@c.us.0").await.unwrap());
    assert!(
        store
            .store_sent_message("chat", "id", &absurd)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_highest_prekey_is_found_after_it_was_used_and_after_a_restart() {
    let mut volume = Volume::new();
    let store = volume.records();
    assert_eq!(store.get_max_prekey_id().await.unwrap(), 0);
    let keys: Vec<_> = (1..=20).map(|id| (id, Bytes::from_static(b"k"))).collect();
    store.store_prekeys_batch(&keys, false).await.unwrap();
    store.store_prekey(7, b"again", true).await.unwrap();
    assert_eq!(store.get_max_prekey_id().await.unwrap(), 20);
    store.remove_prekey(20).await.unwrap();
    assert_eq!(store.get_max_prekey_id().await.unwrap(), 19);
    volume.reopen();
    let store = volume.records();
    store.remove_prekey(19).await.unwrap();
    store.store_prekey(30, b"k", false).await.unwrap();
    assert_eq!(store.get_max_prekey_id().await.unwrap(), 30);
    for id in 1..=30 {
        store.remove_prekey(id).await.unwrap();
    }
    assert_eq!(store.get_max_prekey_id().await.unwrap(), 0);
}

#[tokio::test]
async fn a_used_prekey_is_not_restored_by_its_upload() {
    let volume = Volume::new();
    let store = volume.records();
    let keys: Vec<_> = (1..=3).map(|id| (id, Bytes::from_static(b"k"))).collect();
    store.store_prekeys_batch(&keys, false).await.unwrap();
    store.remove_prekey(2).await.unwrap();
    store.mark_prekeys_uploaded(&[1, 2]).await.unwrap();
    assert!(store.load_prekey(2).await.unwrap().is_none());
    let flag = |id: u32| {
        let row = volume
            .vault
            .load(Key::new(Tables::PREKEYS, "", &id.to_be_bytes()));
        row.unwrap()[0]
    };
    assert_eq!((flag(1), flag(3)), (1, 0));
}

#[test]
fn a_sent_message_is_taken_once() {
    let volume = Volume::new();
    let store = volume.records();
    for round in 0..50 {
        let id = round.to_string();
        sent::store(&store, "chat", &id, b"message", 1).unwrap();
        let taken = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| sent::take(&store, "chat", &id).is_some()))
                .collect();
            takers
                .into_iter()
                .map(|taker| taker.join().unwrap())
                .filter(|took| *took)
                .count()
        });
        assert_eq!(taken, 1);
    }
}

#[tokio::test]
async fn neither_writer_of_a_token_overwrites_the_other() {
    let volume = Volume::new();
    let store = volume.records();
    std::thread::scope(|scope| {
        scope.spawn(|| (1..=100).for_each(|at| tokens::touch(&store, "user", at).unwrap()));
        scope.spawn(|| (1..=100).for_each(|at| tokens::touch(&store, "user", 101 - at).unwrap()));
        scope.spawn(|| {
            (1..=100).for_each(|at| tokens::receive(&store, "user", &[1], 1000 + at).unwrap());
        });
    });
    let token = store.get_tc_token("user").await.unwrap().unwrap();
    assert_eq!(token.sender_timestamp, Some(100));
    assert_eq!((token.token, token.token_timestamp), (vec![1], 1100));
}

#[tokio::test]
async fn undecodable_rows_are_absent_and_each_is_counted_once() {
    let volume = Volume::new();
    let store = volume.records();
    let secret = crate::store::records::joined("sender", "id");
    for key in [
        Key::new(Tables::IDENTITIES, "15550100001", ADDRESS),
        Key::new(Tables::SYNC_KEYS, "", "id"),
        Key::new(Tables::VERSIONS, "", "regular"),
        Key::new(Tables::LID_MAPPINGS, "", "lid"),
        Key::new(Tables::DEVICE_LISTS, "", "user"),
        Key::new(Tables::TC_TOKENS, "", "user"),
        Key::new(Tables::SENDER_KEY_DEVICES, "group", "device"),
        Key::new(Tables::MESSAGE_SECRETS, "chat", &secret),
        Key::new(Tables::SENT_MESSAGES, "chat", "id"),
    ] {
        volume.plant(key, b"?");
    }
    for _ in 0..2 {
        assert!(store.load_identity(ADDRESS).await.unwrap().is_none());
        assert!(store.get_sync_key(b"id").await.unwrap().is_none());
        assert_eq!(store.get_version("regular").await.unwrap().version, 0);
        assert!(store.get_lid_mapping("lid").await.unwrap().is_none());
        assert!(store.get_all_lid_mappings().await.unwrap().is_empty());
        assert!(store.get_devices("user").await.unwrap().is_none());
        assert!(store.get_tc_token("user").await.unwrap().is_none());
        assert!(
            store
                .get_sender_key_devices("group")
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            store
                .get_msg_secret("chat", "sender", "id")
                .await
                .unwrap()
                .is_none()
        );
    }
    assert!(
        store
            .take_sent_message("chat", "id")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(store.undecodable(), 9);
    // A row that replaces one is decoded normally.
    store.put_identity(ADDRESS, [5; 32]).await.unwrap();
    assert_eq!(store.load_identity(ADDRESS).await.unwrap(), Some([5; 32]));
}

#[tokio::test]
async fn an_undecodable_sync_key_is_not_returned_as_the_latest() {
    let volume = Volume::new();
    let store = volume.records();
    store
        .set_sync_key(b"old", AppStateSyncKey::default())
        .await
        .unwrap();
    store
        .set_sync_key(b"new", AppStateSyncKey::default())
        .await
        .unwrap();
    assert_eq!(
        store.get_latest_sync_key_id().await.unwrap().unwrap(),
        b"new"
    );
    volume.plant(Key::new(Tables::SYNC_KEYS, "", "new"), b"?");
    assert_eq!(
        store.get_latest_sync_key_id().await.unwrap().unwrap(),
        b"old"
    );
}
