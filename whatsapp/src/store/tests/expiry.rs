//! Which records expire, and when; and which never do.

use openclaw_state::vault::Tables;
use whatsapp_rust::wacore::store::traits::{
    MsgSecretEntry, MsgSecretStore as _, PendingInboundKey, PendingInboundRow, ProtocolStore as _,
};

use super::{Rows as _, Volume};
use crate::store::records::Records;
use crate::store::sent;

fn entry(id: &str, byte: u8, expires_at: i64, message_ts: i64) -> MsgSecretEntry {
    MsgSecretEntry {
        chat: "chat".into(),
        sender: "sender".into(),
        msg_id: id.into(),
        secret: [byte; 32],
        expires_at,
        message_ts,
    }
}

#[test]
fn sent_messages_expire_by_their_time_and_a_sweep_knows_when_there_are_none() {
    let mut volume = Volume::new();
    let put = |store: &Records, at: i64| {
        sent::store(store, "chat", &at.to_string(), b"message", at).unwrap();
    };
    let store = volume.records();
    for at in [100, 200, 300] {
        put(&store, at);
    }
    assert_eq!(sent::expire(&store, 100), 0);
    assert_eq!(sent::expire(&store, 201), 2);
    assert_eq!(store.sent.bound(), 300);
    put(&store, 50);
    assert_eq!(sent::expire(&store, 201), 1);
    volume.reopen();
    let store = volume.records();
    assert_eq!(sent::expire(&store, 300), 0);
    assert_eq!(sent::expire(&store, 301), 1);
    assert!(sent::take(&store, "chat", "300").is_none());
}

#[test]
fn the_oldest_sent_messages_are_removed_above_the_limit() {
    let volume = Volume::new();
    let store = volume.records();
    for at in 0..=sent::MAX_SENT_MESSAGES {
        let time = i64::try_from(at).unwrap() / 1000;
        sent::store(&store, "chat", &at.to_string(), b"m", time).unwrap();
    }
    let count = volume
        .vault
        .update(|update| update.count(Tables::SENT_MESSAGES));
    assert_eq!(count, sent::MAX_SENT_MESSAGES * 3 / 4 + 1);
    let gone = sent::MAX_SENT_MESSAGES / 4;
    assert!(sent::take(&store, "chat", &(gone - 1).to_string()).is_none());
    assert!(sent::take(&store, "chat", &gone.to_string()).is_some());
    assert!(sent::take(&store, "chat", &sent::MAX_SENT_MESSAGES.to_string()).is_some());
}

#[tokio::test]
async fn secrets_expire_within_an_hour_of_their_deadline_and_never_without_one() {
    const HOUR: i64 = 3600;
    let mut volume = Volume::new();
    let store = volume.records();
    let entries = vec![
        entry("a", 1, 100 * HOUR, 0),
        entry("b", 2, 0, 0),
        entry("c", 3, 300 * HOUR, 0),
    ];
    assert_eq!(store.put_msg_secrets(entries).await.unwrap(), 3);
    for (cutoff, gone) in [(99, 0), (100, 0), (101, 1), (300, 0)] {
        let cutoff = cutoff * HOUR;
        let swept = store.delete_expired_msg_secrets(cutoff).await;
        assert_eq!(swept.unwrap(), gone);
    }
    assert_eq!(store.secrets.bound(), 300 * HOUR);
    volume.reopen();
    let store = volume.records();
    let swept = store.delete_expired_msg_secrets(300 * HOUR - 1).await;
    assert_eq!(swept.unwrap(), 0);
    let swept = store.delete_expired_msg_secrets(i64::MAX).await;
    assert_eq!(swept.unwrap(), 1);
    let kept = store.get_msg_secret("chat", "sender", "b").await;
    assert!(kept.unwrap().is_some());
}

#[tokio::test]
async fn a_secret_twice_in_one_call_is_merged_as_in_two_calls() {
    let volume = Volume::new();
    let store = volume.records();
    let twice = vec![entry("a", 1, 50_000, 40), entry("a", 2, 100, 0)];
    store.put_msg_secrets(twice).await.unwrap();
    let found = store.get_msg_secret_with_ts("chat", "sender", "a").await;
    assert_eq!(found.unwrap().unwrap(), (vec![2; 32], 40));
    for (cutoff, gone) in [(49_999, 0), (53_600, 1)] {
        let swept = store.delete_expired_msg_secrets(cutoff).await;
        assert_eq!(swept.unwrap(), gone);
    }
}

#[tokio::test]
async fn base_keys_of_retries_that_ended_early_are_bounded() {
    let volume = Volume::new();
    let store = volume.records();
    for message in 0..2000 {
        let message = message.to_string();
        store
            .save_base_key("address", &message, b"k")
            .await
            .unwrap();
    }
    let count = volume
        .vault
        .update(|update| update.count(Tables::BASE_KEYS));
    assert!(count <= 1024);
    let last = store.has_same_base_key("address", "1999", b"k").await;
    assert!(last.unwrap());
}

#[tokio::test]
async fn a_pending_message_never_expires() {
    let mut volume = Volume::new();
    let store = volume.records();
    let row = |id, message| PendingInboundRow {
        chat: "chat",
        sender: "sender",
        id,
        message,
    };
    store
        .store_pending_inbound_batch(&[row("1", b"one"), row("2", b"two")])
        .await
        .unwrap();
    assert_eq!(
        store
            .delete_expired_pending_inbound(i64::MAX)
            .await
            .unwrap(),
        0
    );
    store.vault.flush().await;
    volume.reopen();
    let store = volume.records();
    let key = PendingInboundKey {
        chat: "chat",
        sender: "sender",
        id: "1",
    };
    store.delete_pending_inbound_batch(&[key]).await.unwrap();
    assert!(
        store
            .get_pending_inbound("chat", "sender", "1")
            .await
            .unwrap()
            .is_none()
    );
    let two = store
        .get_pending_inbound("chat", "sender", "2")
        .await
        .unwrap();
    assert_eq!(two.unwrap(), b"two");
    // No other pair of names gives the same row.
    assert!(
        store
            .get_pending_inbound("chat", "sende", "r2")
            .await
            .unwrap()
            .is_none()
    );
}
