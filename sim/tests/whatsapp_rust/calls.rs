//! Calls, statuses and receipts of every form: the client reads and acks each of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use whatsapp_rust::types::events::Event;
use whatsapp_rust::wacore::types::call::{CallAction, IncomingCall};

use crate::client::{Companion, TEST_TIMEOUT, assert_clean, settled};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";

async fn call(server: &Controlled, kind: &str, more: Value) -> (String, String) {
    let mut body = json!({ "from": CONTACT, "to": ACCOUNT, "kind": kind });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let answer = server.post("/call", body).await;
    let text = |name: &str| answer[name].as_str().expect("text").to_owned();
    (text("id"), text("call"))
}

/// The call's stanzas that the client has received, by the action on the wire.
async fn rings(companion: &Companion, id: &str) -> IncomingCall {
    companion
        .wait_for(|event| match event {
            Event::IncomingCall(call) if call.stanza_id == id => Some(call.clone()),
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_rings_and_is_reported_as_declined() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let (id, named) = call(&server, "offer", json!({ "video": true })).await;
    let incoming = rings(&companion, &id).await;
    let CallAction::Offer {
        call_id,
        is_video,
        audio,
        caller_pn,
        ..
    } = &incoming.action
    else {
        panic!("{:?}", incoming.action);
    };
    assert_eq!((call_id, *is_video, audio.len()), (&named, true, 2));
    let caller = caller_pn.as_ref().map(ToString::to_string);
    assert_eq!(caller.as_deref(), Some("15550100002@s.whatsapp.net"));
    let voip = companion.client();
    voip.voip().reject(&incoming).await.expect("declined");
    let declined = || {
        let calls = server.sim.calls(CONTACT).expect("calls");
        calls
            .iter()
            .any(|sign| sign.kind == "reject" && sign.call == named)
    };
    server
        .sim
        .until(TEST_TIMEOUT, declined)
        .await
        .expect("declined");
    settled(&server.sim, ACCOUNT).await;
    let calls = server.get("/calls?account=15550100001").await;
    let kinds: BTreeSet<&str> = calls
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|sign| sign["kind"].as_str())
        .collect();
    assert_eq!(kinds, BTreeSet::from(["offer", "reject", "ringing"]));
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_stanza_is_acked() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let mut ids = Vec::new();
    for kind in [
        "offer",
        "offer_notice",
        "preaccept",
        "accept",
        "reject",
        "busy",
        "transport",
        "relaylatency",
        "terminate",
        "timeout",
        "accepted_elsewhere",
        "rejected_elsewhere",
        "group_call_ended",
        "unknown",
    ] {
        for by in ["lid", "pn"] {
            let more = json!({ "by": by, "duration": 7, "group": "120363000000000001@g.us" });
            ids.push(call(&server, kind, more).await.0);
        }
    }
    settled(&server.sim, ACCOUNT).await;
    let acked = server.sim.acks(ACCOUNT).expect("acks");
    let calls: BTreeSet<&str> = acked
        .iter()
        .filter(|ack| ack.class == openclaw_sim::Class::Call)
        .map(|ack| ack.id.as_str())
        .collect();
    assert!(
        ids.iter().all(|id| calls.contains(id.as_str())),
        "{calls:?}"
    );
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_queued_for_an_offline_companion() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    settled(&server.sim, ACCOUNT).await;
    let store = companion.stop().await;
    let (id, named) = call(&server, "offer", json!({})).await;
    call(&server, "timeout", json!({ "call": named })).await;
    assert!(server.sim.owed(ACCOUNT).expect("owed") >= 2);
    let companion = Companion::on(&server.sim, store).await;
    companion
        .wait_for(|event| match event {
            Event::MissedCall(missed) if missed.call_id == named => Some(()),
            _ => None,
        })
        .await;
    settled(&server.sim, ACCOUNT).await;
    let rang = companion.events();
    let rang = rang
        .iter()
        .any(|event| matches!(&**event, Event::IncomingCall(call) if call.stanza_id == id));
    assert!(!rang, "a call that has ended does not ring");
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statuses_of_both_forms_are_acknowledged() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let mut ids = Vec::new();
    for broadcast in ["status", "status_stanza"] {
        let status = json!({
            "from": CONTACT, "to": ACCOUNT, "text": broadcast, "broadcast": broadcast,
        });
        let sent = server.post("/peer/send", status).await;
        ids.push(sent["id"].as_str().expect("an id").to_owned());
    }
    settled(&server.sim, ACCOUNT).await;
    let acked = server.sim.acks(ACCOUNT).expect("acks");
    let class = |id: &String| {
        let ack = acked.iter().find(|ack| ack.id == *id);
        ack.map(|ack| ack.class)
    };
    let classes: Vec<_> = ids.iter().map(class).collect();
    let expected = [
        Some(openclaw_sim::Class::Message),
        Some(openclaw_sim::Class::Status),
    ];
    assert_eq!(classes, expected);
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_of_every_type_are_received_and_acked() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let contact = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let one = companion.send_text(&contact, "one").await;
    let two = companion.send_text(&contact, "two").await;
    for kind in [
        "delivery",
        "read",
        "played",
        "inactive",
        "server-error",
        "sent",
    ] {
        for by in ["lid", "pn"] {
            let receipt = json!({
                "from": CONTACT, "to": ACCOUNT, "id": one, "ids": [two], "type": kind, "by": by,
            });
            server.post("/peer/receipt", receipt).await;
            settled(&server.sim, ACCOUNT).await;
        }
    }
    for kind in [
        "read-self",
        "played-self",
        "sender",
        "hist_sync",
        "peer_msg",
    ] {
        let receipt = json!({
            "from": ACCOUNT, "to": ACCOUNT, "id": one, "type": kind, "recipient": CONTACT,
        });
        server.post("/peer/receipt", receipt).await;
    }
    let members = json!([CONTACT, "+15550100003"]);
    let gathered = json!({
        "from": CONTACT, "to": ACCOUNT, "id": one, "type": "read",
        "group": "120363000000000001@g.us", "members": members,
    });
    server.post("/peer/receipt", gathered).await;
    settled(&server.sim, ACCOUNT).await;
    for id in [&one, &two] {
        companion
            .wait_for(|event| match event {
                Event::Receipt(receipt) if receipt.message_ids.contains(id) => {
                    (format!("{:?}", receipt.r#type) == "Read").then_some(())
                }
                _ => None,
            })
            .await;
    }
    assert_clean(&server.sim);
    companion.stop().await;
}
