//! Stanzas that the server sends unprompted: the client reads those that it knows, and acks all.

use std::collections::BTreeSet;

use serde_json::json;
use whatsapp_rust::types::events::Event;

use crate::client::{Companion, assert_clean, settled};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_notice_is_acked() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let kinds = server.get("/notices").await;
    let mut owed = BTreeSet::new();
    for kind in kinds.as_array().expect("a list") {
        let body = json!({ "account": ACCOUNT, "kind": kind["kind"], "contact": CONTACT });
        let sent = server.post("/notify", body).await;
        if kind["acked"] == true {
            owed.insert(sent["id"].as_str().expect("an id").to_owned());
        }
    }
    assert!(owed.len() > 30, "{owed:?}");
    settled(&server.sim, ACCOUNT).await;
    let acked: BTreeSet<String> = server
        .sim
        .acks(ACCOUNT)
        .expect("acks")
        .into_iter()
        .map(|ack| ack.id)
        .collect();
    assert!(owed.is_subset(&acked), "{:?}", owed.difference(&acked));
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_reads_the_notices_that_it_knows() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    for kind in [
        "dirty",
        "picture",
        "about",
        "contact_update",
        "contact_sync",
        "disappearing_mode",
        "business",
        "newsletter",
        "mex",
        "push_name",
        "unknown",
    ] {
        let body = json!({ "account": ACCOUNT, "kind": kind, "contact": CONTACT });
        server.post("/notify", body).await;
    }
    settled(&server.sim, ACCOUNT).await;
    let mut missing: BTreeSet<&str> = BTreeSet::from([
        "DirtyState",
        "PictureUpdate",
        "UserAboutUpdate",
        "ContactUpdated",
        "ContactSyncRequested",
        "DisappearingModeChanged",
        "BusinessStatusUpdate",
        "NewsletterLiveUpdate",
        "MexNotification",
        "SelfPushNameUpdated",
        "Notification",
    ]);
    companion
        .wait_for(|event| {
            let text = format!("{event:?}");
            let name: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
            missing.remove(name.as_str());
            missing.is_empty().then_some(())
        })
        .await;
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refreshed_registration_has_another_code() {
    let server = Controlled::start().await;
    let companion = Companion::start(&server.sim).await;
    let first = companion.qr().await;
    let answer = server
        .post("/notify", json!({ "kind": "companion_reg_refresh" }))
        .await;
    assert_eq!(answer, json!({ "sockets": 1 }));
    let second = companion
        .wait_for(|event| match event {
            Event::PairingQrCode(qr) if qr.code != first => Some(qr.code.clone()),
            _ => None,
        })
        .await;
    let scan = json!({ "account": ACCOUNT, "qr": second });
    server.post("/phone/scan", scan).await;
    companion.connected().await;
    assert_clean(&server.sim);
    companion.stop().await;
}
