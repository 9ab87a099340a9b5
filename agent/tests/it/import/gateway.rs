//! A gateway as OpenClaw runs it: Baileys in a separate process, driven line by line.

use std::path::Path;
use std::process::Stdio;

use openclaw_sim::Sim;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::harness::{ACCOUNT, TEST_TIMEOUT};

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../sim/interop/src/gateway.mjs"
);

/// A running gateway. Dropping it kills it.
pub(crate) struct Gateway {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Gateway {
    /// Starts it on this directory. It connects on request.
    pub(crate) fn start(folder: &Path, sim: &Sim) -> Self {
        let root: String = sim
            .root_key()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut child = Command::new("node")
            .arg(SCRIPT)
            .arg(folder)
            .args([sim.url(), root])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs: scripts/with-node finds or installs it");
        Self {
            orders: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    /// Links it to the account's phone by QR code.
    pub(crate) async fn link(&mut self, sim: &Sim) {
        let qr = self.command("qr", Value::Null).await;
        let phone = sim.phone(ACCOUNT).unwrap();
        phone.scan(qr.as_str().unwrap()).await.unwrap();
        self.command("linked", Value::Null).await;
        let settled = || sim.queue(ACCOUNT).unwrap().is_empty();
        sim.until(TEST_TIMEOUT, settled).await.unwrap();
    }

    /// Starts to link by a phone code, which no one enters.
    pub(crate) async fn ask_for_code(&mut self, number: &str) {
        self.command("code", json!(number.trim_start_matches('+')))
            .await;
    }

    pub(crate) async fn send(&mut self, to: &str, text: &str) {
        self.command("send", json!({"to": to, "text": text})).await;
    }

    /// Waits until it has read this text.
    pub(crate) async fn wait_for_text(&mut self, text: &str) {
        self.command("hear", json!(text)).await;
    }

    /// Makes it ignore the stanza with this id.
    pub(crate) async fn lose(&mut self, id: &str) {
        self.command("lose", json!(id)).await;
    }

    /// Stops it gracefully, so that its directory is complete.
    pub(crate) async fn stop(mut self) {
        self.command("stop", Value::Null).await;
        let ended = tokio::time::timeout(TEST_TIMEOUT, self.child.wait()).await;
        assert!(ended.expect("it ends").unwrap().success());
    }

    async fn command(&mut self, verb: &str, argument: Value) -> Value {
        let order = format!("{}\n", json!({ verb: argument }));
        self.orders.write_all(order.as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(2 * TEST_TIMEOUT, self.answers.next_line()).await;
        let answer = answer.expect("it answers").unwrap();
        let answer = answer.unwrap_or_else(|| panic!("{verb}: the gateway ended; see stderr"));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer.get("error").is_none(), "{verb}: {answer}");
        answer["ok"].clone()
    }
}
