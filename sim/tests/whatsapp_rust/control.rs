//! The life of an account over HTTP: linked by QR code and by link code, with messages and faults, unlinked.

use std::net::SocketAddr;
use std::sync::Arc;

use openclaw_sim::{Config, Sim, control};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use whatsapp_rust::Jid;
use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::types::events::Event;

use crate::client::{Companion, TEST_TIMEOUT, assert_clean, settled};
use crate::http;

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";

/// A simulator and its control interface.
pub(crate) struct Controlled {
    pub(crate) sim: Arc<Sim>,
    pub(crate) at: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Controlled {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Controlled {
    pub(crate) async fn start() -> Self {
        let sim = Arc::new(Sim::start(Config::default()).await.expect("sim"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let at = listener.local_addr().expect("address");
        let serving = control::serve(listener, Arc::clone(&sim), std::future::pending());
        let task = tokio::spawn(async { serving.await.expect("served") });
        Self { sim, at, task }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        http::ok(self.at, "GET", path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        http::ok(self.at, "POST", path, body).await
    }

    pub(crate) async fn linked(&self) -> Companion {
        let companion = Companion::start(&self.sim).await;
        self.post("/phone/scan", json!({ "qr": companion.qr().await }))
            .await;
        companion.ready(&self.sim, ACCOUNT).await;
        companion
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_without_account_links_the_default_one_and_unlink_removes_it() {
    let server = Controlled::start().await;
    let companion = Companion::start(&server.sim).await;
    let linked = server
        .post("/phone/scan", json!({ "qr": companion.qr().await }))
        .await;
    assert_eq!(linked["account"], ACCOUNT);
    assert_eq!(linked["jid"], "15550100001:1@s.whatsapp.net");
    companion.connected().await;

    let devices = server.get("/phone/devices?account=15550100001").await;
    assert_eq!(
        (&devices[0]["jid"], &devices[0]["online"]),
        (&linked["jid"], &json!(true))
    );
    let removed = server
        .post("/phone/unlink", json!({ "account": ACCOUNT }))
        .await;
    assert_eq!(removed, json!({ "removed": [1] }));
    companion
        .wait_for(|event| matches!(event, Event::LoggedOut(_)).then_some(()))
        .await;
    assert_eq!(
        server.get("/phone/devices?account=15550100001").await,
        json!([])
    );
    assert_clean(&server.sim);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_typed_on_the_phone_links_even_after_a_mistake() {
    let server = Controlled::start().await;
    let companion = Companion::start(&server.sim).await;
    companion.qr().await;
    let options = PairCodeOptions {
        phone_number: "15550100001".into(),
        ..Default::default()
    };
    let code = companion
        .client()
        .pair_with_code(options)
        .await
        .expect("a code");
    let enter = |code: String| json!({ "account": ACCOUNT, "code": code }).to_string();

    let mistyped = if code.starts_with('A') { "B" } else { "A" }.to_owned() + &code[1..];
    let (status, answer) =
        http::call(server.at, "POST", "/phone/code", enter(mistyped).as_bytes()).await;
    assert_eq!(status, 409, "{answer}");
    let (status, linked) =
        http::call(server.at, "POST", "/phone/code", enter(code).as_bytes()).await;
    assert_eq!(
        (status, &linked["account"]),
        (200, &json!(ACCOUNT)),
        "{linked}"
    );
    companion.connected().await;
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_acks_and_inbox_are_available_over_http() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let sent = server
        .post(
            "/peer/send",
            json!({ "from": CONTACT, "to": ACCOUNT, "text": "hello" }),
        )
        .await;
    let (id, _) = companion.wait_for_text("hello").await;
    assert_eq!(sent["id"], id);
    settled(&server.sim, ACCOUNT).await;
    assert_eq!(server.get("/queue?account=15550100001").await, json!([]));
    let acks = server.get("/acks?account=15550100001").await;
    let ack = json!({ "device": 1, "class": "message", "id": id, "from": "15550100002" });
    assert!(acks.as_array().expect("a list").contains(&ack), "{acks}");

    let contact: Jid = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let id = companion.send_text(&contact, "and back").await;
    let peer = server.sim.peer(CONTACT).expect("peer");
    peer.wait_for(|message| message.id == id, TEST_TIMEOUT)
        .await
        .expect("received");
    let inbox = server.get("/peer/inbox?peer=15550100002").await;
    assert_eq!(
        (&inbox[0]["id"], &inbox[0]["text"], &inbox[0]["from"]),
        (&json!(id), &json!("and back"), &json!(ACCOUNT))
    );
    assert_ne!(inbox[0]["kind"], "plain");

    server
        .post(
            "/phone/send",
            json!({ "account": ACCOUNT, "to": CONTACT, "text": "by hand" }),
        )
        .await;
    peer.wait_for(
        |message| message.text.as_deref() == Some("by hand"),
        TEST_TIMEOUT,
    )
    .await
    .expect("received");
    let verdict = server.get("/verify").await;
    assert_eq!(verdict["violations"], json!([]));
    assert!(verdict["checks"].as_u64() > Some(0), "{verdict}");
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_is_injected_over_http() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    server
        .post("/fault", json!({ "account": ACCOUNT, "kind": "replaced" }))
        .await;
    companion
        .wait_for(|event| matches!(event, Event::StreamReplaced(_)).then_some(()))
        .await;
}
