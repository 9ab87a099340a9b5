//! Content of every kind over HTTP, in both directions, and as a person sees it; and contacts' devices over HTTP.

use serde_json::{Value, json};

use crate::client::{TEST_TIMEOUT, assert_clean};
use crate::control::Controlled;
use crate::http;

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";
const BERT: &str = "+15550100003";

async fn send(server: &Controlled, from: &str, to: &str, content: Value) -> Value {
    let body = json!({ "from": from, "to": to, "content": content });
    server.post("/peer/send", body).await["id"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_to_a_message_are_shown_with_the_message() {
    let server = Controlled::start().await;
    let poll = json!({ "poll": { "question": "?", "options": ["a", "b"], "selectable": 1 } });
    let poll = send(&server, CONTACT, BERT, poll).await;
    let text = send(&server, CONTACT, BERT, json!({ "text": "one" })).await;
    let own = json!({ "id": text, "own": true });
    let edit =
        json!({ "edit": { "about": own, "content": { "text": "two" } }, "wrapped": ["edited"] });
    send(&server, CONTACT, BERT, edit).await;
    let react = json!({ "reaction": { "about": own, "emoji": "👍" } });
    send(&server, CONTACT, BERT, react).await;
    // Bert votes; Anna, who created the poll, sees the vote.
    send(
        &server,
        BERT,
        CONTACT,
        json!({ "vote": { "poll": poll, "options": ["b"] } }),
    )
    .await;
    let sees = server.get("/peer/inbox?peer=15550100003").await;
    assert_eq!(sees.as_array().expect("a list").len(), 2, "{sees}");
    assert_eq!(sees[1]["content"], json!({ "text": "two" }));
    assert_eq!(sees[1]["reactions"], json!({ CONTACT: "👍" }));
    let raw = server.get("/peer/inbox?peer=15550100003&raw=true").await;
    assert_eq!(raw.as_array().expect("a list").len(), 4);
    let sees = server.get("/peer/inbox?peer=15550100002").await;
    assert_eq!((&sees[0]["id"], &sees[0]["own"]), (&poll, &json!(true)));
    assert_eq!(sees[0]["votes"], json!({ BERT: ["b"] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_description_is_refused_with_a_reason() {
    let server = Controlled::start().await;
    for (wrong, error) in [
        (json!({ "content": { "txt": "a" } }), "unknown variant"),
        (
            json!({ "content": { "raw": "/w==" } }),
            "not an encoded message",
        ),
        (
            json!({ "content": { "vote": { "poll": "P", "options": [] } } }),
            "no message P",
        ),
        (
            json!({ "content": { "text": "a" }, "text": "b" }),
            "`content` cannot be combined",
        ),
        (json!({}), "neither `text` nor `content`"),
    ] {
        let mut body = wrong.clone();
        body["from"] = json!(CONTACT);
        body["to"] = json!(BERT);
        let body = body.to_string();
        let (status, answer) = http::call(server.at, "POST", "/peer/send", body.as_bytes()).await;
        assert!((400..500).contains(&status), "{wrong}: {answer}");
        let found = answer["error"].as_str().expect("an error");
        assert!(found.contains(error), "{wrong}: {found}");
        assert!(answer["hint"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_retries_and_reinstalls_are_controlled_over_http() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let devices = json!({ "peer": CONTACT, "count": 2 });
    let devices = server.post("/peer/devices", devices).await;
    assert_eq!(devices, json!({ "devices": [0, 1, 2] }));
    let body = json!({ "peer": CONTACT, "device": 2, "next": 1, "count": 2 });
    server.post("/peer/retry", body).await;
    let contact = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let peer = server.sim.peer(CONTACT).expect("peer");
    let id = companion.send_text(&contact, "hello").await;
    let everywhere = |it: &openclaw_sim::Received| it.id == id && it.opened_at.len() == 3;
    peer.wait_for(everywhere, TEST_TIMEOUT)
        .await
        .expect("opened");
    // Once more, although the device has decrypted it.
    let body = json!({ "peer": CONTACT, "device": 1, "id": id });
    server.post("/peer/retry", body).await;
    let body = json!({ "peer": CONTACT, "remove": 1 });
    let devices = server.post("/peer/devices", body).await;
    assert_eq!(devices, json!({ "devices": [0, 2] }));
    server
        .post("/peer/reinstall", json!({ "peer": CONTACT }))
        .await;
    let body = json!({ "from": CONTACT, "to": ACCOUNT, "text": "from the new phone" });
    server.post("/peer/send", body).await;
    companion.wait_for_text("from the new phone").await;
    let inbox = server.get("/peer/inbox?peer=15550100002").await;
    assert_eq!(inbox[0]["opened_at"], json!([0, 1, 2]));
    for wrong in [
        json!({ "peer": CONTACT, "next": 1, "count": 6 }),
        json!({ "peer": CONTACT }),
        json!({ "peer": CONTACT, "id": "nothing" }),
        json!({ "peer": CONTACT, "device": 1, "id": id }),
    ] {
        let body = wrong.to_string();
        let (status, answer) = http::call(server.at, "POST", "/peer/retry", body.as_bytes()).await;
        assert!((400..500).contains(&status), "{wrong}: {answer}");
    }
    assert_clean(&server.sim);
    companion.stop().await;
}
