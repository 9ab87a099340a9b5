//! Requests of a companion to its own phone: older messages, and messages that it could not decrypt.

use openclaw_sim::{By, History, Resend, Unopenable};
use serde_json::json;
use whatsapp_rust::Jid;
use whatsapp_rust::types::events::Event;
use whatsapp_rust::waproto::whatsapp::message::HistorySyncType;

use crate::client::{Companion, TEST_TIMEOUT, assert_clean};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";

/// Requests `count` messages before the given one. Returns for each: its id, whether the account sent it, and its text.
async fn older(
    companion: &Companion,
    chat: &Jid,
    before: &str,
    count: i32,
) -> Vec<(String, bool, String)> {
    let client = companion.client();
    let request = client
        .fetch_message_history(chat, before, false, 0, count)
        .await;
    let request = request.expect("asked");
    companion
        .wait_for(|event| {
            let Event::HistorySync(history) = event else {
                return None;
            };
            let mine = history.peer_data_request_session_id() == Some(request.as_str());
            let on_demand = history.sync_type() == HistorySyncType::ON_DEMAND as i32;
            let conversation = history.get()?.conversations.first()?;
            let messages = conversation.messages.iter().map(|message| {
                let key = &message.message.key;
                let text = message.message.message.conversation.clone();
                (
                    key.id.clone().unwrap_or_default(),
                    key.from_me == Some(true),
                    text.unwrap_or_default(),
                )
            });
            (mine && on_demand).then(|| messages.collect())
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_messages_come_newest_first_from_the_host_or_in_the_message() {
    let server = Controlled::start().await;
    let peer = server.sim.peer(CONTACT).expect("peer");
    let phone = server.sim.phone(ACCOUNT).expect("phone");
    // Before the companion is linked.
    let mut ids = Vec::new();
    for number in 0..3 {
        let text = format!("asked {number}");
        ids.push(peer.send_text(ACCOUNT, &text, By::Lid).await.expect("sent"));
        let text = format!("answered {number}");
        ids.push(phone.send_text(CONTACT, &text).await.expect("sent"));
    }
    let companion = server.linked().await;
    let last = peer.send_text(ACCOUNT, "now", By::Lid).await.expect("sent");
    companion.wait_for_text("now").await;
    let chat = peer.number().lid();
    let found = older(&companion, &chat, &last, 4).await;
    let expected: Vec<&String> = ids.iter().rev().take(4).collect();
    assert_eq!(
        found.iter().map(|(id, ..)| id).collect::<Vec<_>>(),
        expected
    );
    assert_eq!((found[0].1, found[0].2.as_str()), (true, "answered 2"));
    assert_eq!((found[1].1, found[1].2.as_str()), (false, "asked 2"));
    phone.answer_history(History::Inline);
    let found = older(&companion, &peer.number().pn(), &found[3].0, 50).await;
    assert_eq!(found.len(), 2, "all that are left");
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phone_resends_a_message_that_only_it_could_decrypt() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let body = json!({
        "from": CONTACT, "to": ACCOUNT, "as": "unavailable", "content": { "text": "for the phone" },
    });
    let id = server.post("/peer/unopenable", body).await;
    let (received, _) = companion.wait_for_text("for the phone").await;
    assert_eq!(id["id"], json!(received));
    let recovered = companion.events().iter().any(|event| match &**event {
        Event::Messages(batch) => batch
            .messages
            .iter()
            .any(|inbound| inbound.info.unavailable_request_id.is_some()),
        _ => false,
    });
    assert!(recovered);
    // A message that the phone does not have, or does not resend, stays undecrypted; its stub is acked nevertheless.
    let peer = server.sim.peer(CONTACT).expect("peer");
    let phone = server.sim.phone(ACCOUNT).expect("phone");
    for answer in [Resend::NotFound, Resend::Silent] {
        phone.answer_resends(answer);
        let sent = peer.send_unopenable(ACCOUNT, Unopenable::Unavailable, By::Lid);
        sent.expect("sent");
        let settled = || server.sim.owed(ACCOUNT).expect("owed") == 0;
        server
            .sim
            .until(TEST_TIMEOUT, settled)
            .await
            .expect("acked");
    }
    assert_eq!(companion.messages().len(), 1);
    assert_clean(&server.sim);
    companion.stop().await;
}
