//! A business whose provider reads along: linking it, and hearing its provider.

use openclaw_sim::Error;
use serde_json::json;
use whatsapp_rust::types::events::Event;

use crate::client::{Companion, PATIENCE, assert_clean, settled};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";
const BUSINESS: &str = "+15550100002";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_refuses_what_whatsapp_signs_for_a_hosted_account() {
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
async fn a_hosted_account_links_by_the_accounts_type_and_writes() {
    let server = Controlled::start().await;
    let hosted = json!({ "account": ACCOUNT, "signed": "by_account" });
    server.post("/hosted", hosted).await;
    let companion = Companion::linked(&server.sim, ACCOUNT).await;
    let contact = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let id = companion.say(&contact, "from a business").await;
    let peer = server.sim.peer(BUSINESS).expect("peer");
    peer.wait_for(|message| message.id == id, PATIENCE)
        .await
        .expect("heard");
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_business_is_heard_from_its_phone_and_from_its_provider() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    server.post("/hosted", json!({ "account": BUSINESS })).await;
    for (device, by) in [(0, "lid"), (99, "lid"), (99, "pn")] {
        let text = format!("by {by} from {device}");
        let message = json!({
            "from": BUSINESS, "to": ACCOUNT, "device": device, "by": by, "text": text,
        });
        server.post("/peer/send", message).await;
        companion.hears(&text).await;
    }
    let contact = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let id = companion.say(&contact, "to a business").await;
    let peer = server.sim.peer(BUSINESS).expect("peer");
    let heard = peer.wait_for(|message| message.id == id, PATIENCE).await;
    assert_eq!(heard.expect("heard").opened_at.len(), 1);
    settled(&server.sim, ACCOUNT).await;
    assert_clean(&server.sim);
    companion.stop().await;
}
