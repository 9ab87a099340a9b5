//! A hosted business, whose provider can read its messages: linking it, and messages of its provider.

use openclaw_sim::Error;
use serde_json::json;
use whatsapp_rust::types::events::Event;

use crate::client::{Companion, TEST_TIMEOUT, assert_clean, settled};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";
const BUSINESS: &str = "+15550100002";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_refuses_whatsapps_signature_for_a_hosted_account() {
    let server = Controlled::start().await;
    server.post("/hosted", json!({ "account": ACCOUNT })).await;
    let companion = Companion::start(&server.sim).await;
    let qr = companion.qr().await;
    let phone = server.sim.phone(ACCOUNT).expect("a phone");
    let error = phone.scan(&qr).await.expect_err("not linked");
    assert!(matches!(error, Error::Declined(_)), "{error:?}");
    companion
        .wait_for(|event| matches!(event, Event::PairError(_)).then_some(()))
        .await;
    let violations = server.sim.violations();
    let expected = "401 signature-mismatch, expected pair-device-sign";
    assert_eq!(violations[0].detail, expected);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hosted_account_links_if_signed_by_the_accounts_type() {
    let server = Controlled::start().await;
    let hosted = json!({ "account": ACCOUNT, "signed": "by_account" });
    server.post("/hosted", hosted).await;
    let companion = Companion::linked(&server.sim, ACCOUNT).await;
    let contact = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let id = companion.send_text(&contact, "from a business").await;
    let peer = server.sim.peer(BUSINESS).expect("peer");
    peer.wait_for(|message| message.id == id, TEST_TIMEOUT)
        .await
        .expect("received");
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_business_arrive_from_phone_and_provider() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    server.post("/hosted", json!({ "account": BUSINESS })).await;
    for (device, by) in [(0, "lid"), (99, "lid"), (99, "pn")] {
        let text = format!("by {by} from {device}");
        let message = json!({
            "from": BUSINESS, "to": ACCOUNT, "device": device, "by": by, "text": text,
        });
        server.post("/peer/send", message).await;
        companion.wait_for_text(&text).await;
    }
    let contact = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let id = companion.send_text(&contact, "to a business").await;
    let peer = server.sim.peer(BUSINESS).expect("peer");
    let received = peer
        .wait_for(|message| message.id == id, TEST_TIMEOUT)
        .await;
    assert_eq!(received.expect("received").opened_at.len(), 1);
    settled(&server.sim, ACCOUNT).await;
    assert_clean(&server.sim);
    companion.stop().await;
}
