//! Changed numbers, hidden numbers, and an account that is not migrated to LIDs.

use openclaw_sim::By;
use serde_json::json;
use whatsapp_rust::Jid;
use whatsapp_rust::types::events::Event;

use crate::client::{Companion, TEST_TIMEOUT, assert_clean, settled};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";
const MOVED: &str = "+15550100055";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_work_both_ways_after_a_contact_changed_its_number() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let peer = server.sim.peer(CONTACT).expect("peer");
    peer.send_text(ACCOUNT, "under the old number", By::Lid)
        .await
        .expect("sent");
    companion.wait_for_text("under the old number").await;
    let group = json!({ "account": ACCOUNT, "subject": "Tide tables", "members": [CONTACT] });
    server.post("/group", group).await;
    let old_lid = peer.number().lid().to_string();
    let body = json!({ "peer": CONTACT, "new": MOVED });
    let moved = server.post("/peer/number", body).await;
    let change = companion
        .wait_for(|event| match event {
            Event::ContactNumberChanged(change) => Some(change.clone()),
            _ => None,
        })
        .await;
    let text = |jid: &Option<Jid>| jid.as_ref().map(ToString::to_string);
    assert_eq!(change.old_jid.to_string(), "15550100002@s.whatsapp.net");
    assert_eq!(change.new_jid.to_string(), "15550100055@s.whatsapp.net");
    assert_eq!(text(&change.old_lid), Some(old_lid));
    assert_eq!(json!(text(&change.new_lid)), moved["lid"]);

    let peer = server.sim.peer(MOVED).expect("peer");
    peer.send_text(ACCOUNT, "under the new number", By::Lid)
        .await
        .expect("sent");
    companion.wait_for_text("under the new number").await;
    let contact = "15550100055@s.whatsapp.net".parse().expect("a jid");
    let id = companion.send_text(&contact, "to the new number").await;
    peer.wait_for(|message| message.id == id, TEST_TIMEOUT)
        .await
        .expect("received");
    settled(&server.sim, ACCOUNT).await;
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_without_a_number_is_received_and_answered() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let hidden = json!({ "peer": CONTACT, "hidden": true });
    let lid = server.post("/peer/hidden", hidden).await["lid"].clone();
    let lid: Jid = lid.as_str().expect("a lid").parse().expect("a jid");
    let message = json!({ "from": CONTACT, "to": ACCOUNT, "text": "who am I", "by": "pn" });
    server.post("/peer/send", message).await;
    let (_, chat) = companion.wait_for_text("who am I").await;
    assert_eq!(chat, lid.to_string());
    let offer = json!({ "from": CONTACT, "to": ACCOUNT, "kind": "offer", "by": "pn" });
    server.post("/call", offer).await;
    let caller = companion
        .wait_for(|event| match event {
            Event::IncomingCall(call) => Some(format!("{:?}", call.action)),
            _ => None,
        })
        .await;
    assert!(!caller.contains("15550100002"), "{caller}");
    let id = companion.send_text(&lid, "a LID").await;
    let peer = server.sim.peer(CONTACT).expect("peer");
    peer.wait_for(|message| message.id == id, TEST_TIMEOUT)
        .await
        .expect("received");
    let group = json!({ "account": ACCOUNT, "subject": "Tide tables", "members": [CONTACT] });
    let group = server.post("/group", group).await;
    let group: Jid = group["jid"]
        .as_str()
        .expect("a jid")
        .parse()
        .expect("a jid");
    let metadata = companion.client().groups().get_metadata(&group).await;
    let metadata = metadata.expect("metadata");
    let member = metadata
        .participants
        .iter()
        .find(|it| it.jid.user == lid.user);
    assert_eq!(member.expect("a member").phone_number, None);
    settled(&server.sim, ACCOUNT).await;
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_not_migrated_writes_to_numbers() {
    let server = Controlled::start().await;
    let body = json!({ "account": ACCOUNT, "migrated": false });
    server.post("/migrated", body).await;
    let companion = Companion::linked(&server.sim, ACCOUNT).await;
    let peer = server.sim.peer(CONTACT).expect("peer");
    peer.send_text(ACCOUNT, "by number", By::Pn)
        .await
        .expect("sent");
    companion.wait_for_text("by number").await;
    let contact = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let id = companion.send_text(&contact, "to a number").await;
    peer.wait_for(|message| message.id == id, TEST_TIMEOUT)
        .await
        .expect("received");
    server
        .post(
            "/notify",
            json!({ "account": ACCOUNT, "kind": "lid_migration", "contact": CONTACT }),
        )
        .await;
    settled(&server.sim, ACCOUNT).await;
    let id = companion.send_text(&contact, "after the move").await;
    peer.wait_for(|message| message.id == id, TEST_TIMEOUT)
        .await
        .expect("received");
    assert_clean(&server.sim);
    companion.stop().await;
}
