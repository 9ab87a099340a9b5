//! `openclawctl mcp` with an agent: what the agent refuses stays refused, and an agent that is down is no end.
//!
//! What the protocol is like for a client is tested in `ctl/tests/mcp`, with the official one.

use std::path::Path;
use std::process::Stdio;

use openclaw_proto::v1 as pb;
use openclaw_sim::By;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::harness::bare::BINARY;
use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, TLS, WORD, World};
use crate::runbook::Shell;

/// A session with a server.
struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    asked: u64,
}

impl Session {
    async fn start(home: &Path, agent: Option<&Path>, args: &[&str]) -> Self {
        let program = Path::new(BINARY).with_file_name("openclawctl");
        let mut child = Command::new(program)
            .arg("mcp")
            .args(args)
            .env_clear()
            .env("HOME", home)
            .envs(agent.map(|socket| ("OPENCLAW_AGENT", socket)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut session = Self {
            stdin: child.stdin.take(),
            lines: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            asked: 0,
        };
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "it", "version": "0" } });
        let begun = session.ask("initialize", params).await;
        assert_eq!(begun["result"]["protocolVersion"], "2025-11-25");
        session
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let request =
            json!({ "jsonrpc": "2.0", "id": self.asked, "method": method, "params": params });
        let line = format!("{request}\n");
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).await.unwrap();
        let line = tokio::time::timeout(TEST_TIMEOUT, self.lines.next_line()).await;
        let line = line.expect("an answer in time").unwrap().unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], self.asked);
        answer
    }

    /// The result of a tool, or its error.
    async fn call(&mut self, name: &str, args: Value) -> Result<Value, Value> {
        let params = json!({ "name": name, "arguments": args });
        let result = self.ask("tools/call", params).await["result"].take();
        if result["isError"] == true {
            let text = result["content"][0]["text"].as_str().unwrap();
            return Err(serde_json::from_str(text).unwrap());
        }
        Ok(result["structuredContent"].clone())
    }

    async fn end(mut self) {
        drop(self.stdin.take());
        let ended = tokio::time::timeout(TEST_TIMEOUT, self.child.wait()).await;
        assert_eq!(ended.expect("it ends").unwrap().code(), Some(0));
    }
}

/// Enrolls this home with the agent.
async fn enroll(world: &World, shell: &Shell, request: pb::InviteClientRequest) {
    let code = world.agent.invite_with(request).await;
    let line = format!(
        "openclawctl enroll {} --context assistant --code-file - <<<{}",
        world.agent.tls(),
        *code.reveal()
    );
    let (succeeded, printed) = shell.start(&line, None).end().await;
    assert!(succeeded, "{printed}");
}

#[tokio::test]
#[ignore = "needs openclawctl next to the agent: run by scripts/test"]
async fn a_reader_reads_and_cannot_send_whatever_the_server_allows() {
    let world = World::linked_with(&TLS).await;
    let sent = world.peer(ANNA).send_text(ACCOUNT, WORD, By::Lid).await;
    sent.unwrap();
    world.all_acked().await;
    let shell = Shell::new();
    let invite = pb::InviteClientRequest {
        role: pb::Role::Reader.into(),
        ..Default::default()
    };
    enroll(&world, &shell, invite).await;
    let args = ["--context", "assistant", "--allow-send"];
    let mut session = Session::start(shell.folder(), None, &args).await;
    let listed = session.call("list_messages", json!({ "chat": ANNA })).await;
    let listed = listed.unwrap();
    let message = &listed["messages"][0];
    assert_eq!(message["untrusted_text"]["text"], WORD);
    for (name, args) in [
        ("send_message", json!({ "to": ANNA, "text": WORD })),
        (
            "react",
            json!({ "message": { "seq": message["seq"] }, "emoji": "👍" }),
        ),
        ("mark_read", json!({ "seqs": [message["seq"]] })),
        ("lookup_numbers", json!({ "numbers": [ANNA] })),
    ] {
        let refused = session.call(name, args).await.unwrap_err();
        assert_eq!(refused["reason"], "ROLE", "{name}");
        assert!(
            refused["hint"].as_str().unwrap().contains("invite"),
            "{name}"
        );
    }
    let status = session.call("status", json!({})).await.unwrap();
    assert_eq!(status["access"]["role"], "reader");
    session.end().await;
    assert!(world.peer(ANNA).inbox().is_empty());
    world.finish().await;
}

#[tokio::test]
#[ignore = "needs openclawctl next to the agent: run by scripts/test"]
async fn a_limited_client_sends_to_its_recipients_only() {
    let world = World::linked_with(&TLS).await;
    let shell = Shell::new();
    let invite = pb::InviteClientRequest {
        role: pb::Role::Sender.into(),
        send_to: Some(pb::RecipientLimit {
            known: false,
            recipients: vec![ANNA.to_owned()],
        }),
        ..Default::default()
    };
    enroll(&world, &shell, invite).await;
    let args = ["--context", "assistant", "--allow-send"];
    let mut session = Session::start(shell.folder(), None, &args).await;
    let to = |to: &str| json!({ "to": to, "text": WORD });
    let refused = session.call("send_message", to(BERT)).await.unwrap_err();
    assert_eq!(refused["reason"], "RECIPIENT");
    let sent = session.call("send_message", to(ANNA)).await.unwrap();
    assert!(sent["message_id"].is_string(), "{sent}");
    let status = session.call("status", json!({})).await.unwrap();
    assert_eq!(status["access"]["agent_send_to"], json!([ANNA]));
    session.end().await;
    assert!(world.peer(BERT).inbox().is_empty());
    world.finish().await;
}

#[tokio::test]
#[ignore = "needs openclawctl next to the agent: run by scripts/test"]
async fn while_the_agent_is_down_calls_fail_and_then_they_work_again() {
    let mut world = World::linked().await;
    let shell = Shell::new();
    let socket = world.agent.socket.clone();
    let mut session = Session::start(shell.folder(), Some(&socket), &["--allow-send"]).await;
    let keyed = json!({ "to": ANNA, "text": WORD, "idempotency_key": "one" });
    let first = session.call("send_message", keyed.clone()).await.unwrap();
    world.agent.kill().await;
    for name in ["status", "list_chats", "send_message"] {
        let args = match name {
            "send_message" => keyed.clone(),
            _ => json!({}),
        };
        let failed = session.call(name, args).await.unwrap_err();
        assert_eq!(failed["reason"], "UNREACHABLE", "{name}");
        assert!(failed["hint"].as_str().unwrap().contains("start the agent"));
    }
    let failed = session.ask("resources/list", json!({})).await;
    assert_eq!(failed["error"]["data"]["reason"], "UNREACHABLE");
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(pb::LinkState::Connected).await;
    let again = session.call("send_message", keyed).await.unwrap();
    assert_eq!(
        again["message_id"], first["message_id"],
        "one key is one message"
    );
    session.end().await;
    let received = world.peer(ANNA).inbox();
    assert_eq!(received.len(), 1);
    world.finish().await;
}
