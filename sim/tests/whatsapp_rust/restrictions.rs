//! Restrictions that WhatsApp imposes on an account: the reach-out time-lock, and expired client versions.

use openclaw_sim::By;
use serde_json::json;
use whatsapp_rust::types::events::Event;
use whatsapp_rust::{Jid, NodeFilter};

use crate::client::{Companion, TEST_TIMEOUT, assert_clean};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_a_timelock_only_people_who_have_written_get_messages() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let client = companion.client();
    let free = client
        .mex()
        .fetch_reachout_timelock()
        .await
        .expect("an answer");
    assert_eq!(free.is_active, Some(false));
    let body = json!({ "account": ACCOUNT, "seconds": 3_600, "kind": "WEB_COMPANION_ONLY" });
    server.post("/account/timelock", body).await;
    companion
        .wait_for(|event| match event {
            Event::MexNotification(news) => {
                let lock = &news.payload["data"]["xwa2_notify_account_reachout_timelock"];
                (lock["is_active"] == true).then_some(())
            }
            _ => None,
        })
        .await;
    let locked = client
        .mex()
        .fetch_reachout_timelock()
        .await
        .expect("an answer");
    assert_eq!(locked.is_active, Some(true));
    assert_eq!(
        locked.enforcement_type.as_deref(),
        Some("WEB_COMPANION_ONLY")
    );
    assert!(locked.time_enforcement_ends.is_some());

    let contact: Jid = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let peer = server.sim.peer(CONTACT).expect("peer");
    companion.send_text(&contact, "to a stranger").await;
    // Sent is not yet received: a message of the contact that arrived earlier would start the chat.
    companion
        .wait_for(|event| match event {
            Event::ServerAck(ack) => (ack.error.as_deref() == Some("463")).then_some(()),
            _ => None,
        })
        .await;
    peer.send_text(ACCOUNT, "hello", By::Pn)
        .await
        .expect("sent");
    companion.wait_for_text("hello").await;
    companion.send_text(&contact, "an answer").await;
    let answer = |it: &openclaw_sim::Received| it.text.as_deref() == Some("an answer");
    peer.wait_for(answer, TEST_TIMEOUT).await.expect("arrived");
    assert_eq!(peer.inbox_len(), 1, "the first one was refused");

    server
        .post(
            "/account/timelock",
            json!({ "account": ACCOUNT, "seconds": 0 }),
        )
        .await;
    let other: Jid = "15550100003@s.whatsapp.net".parse().expect("a jid");
    companion.send_text(&other, "to another").await;
    let peer = server.sim.peer("+15550100003").expect("peer");
    peer.wait_for(|_| true, TEST_TIMEOUT)
        .await
        .expect("arrived");
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_expires_as_announced() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let announced = companion.client().wait_for_node(NodeFilter::tag("ib"));
    let body = json!({ "account": ACCOUNT, "at": 4_000_000_000_u64 });
    server.post("/account/expiration", body).await;
    let announced = tokio::time::timeout(TEST_TIMEOUT, announced)
        .await
        .expect("in time");
    let announced = announced.expect("a stanza");
    let child = announced.get().get_optional_child("client_expiration");
    let at = child.and_then(|child| child.attrs().optional_u64("t"));
    assert_eq!(at, Some(4_000_000_000));
    let store = companion.stop().await;
    let body = json!({ "account": ACCOUNT, "at": 1_600_000_000 });
    server.post("/account/expiration", body).await;
    let companion = Companion::on(&server.sim, store).await;
    companion
        .wait_for(|event| matches!(event, Event::ClientOutdated(_)).then_some(()))
        .await;
    assert_clean(&server.sim);
}
