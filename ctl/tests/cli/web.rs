//! `pair --web` and `console`: whose requests are answered, and what the pages and the terminal show. `tests/browser` has the
//! pages in Chromium.

mod browser;
mod console;
mod gate;
mod pairing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::program::{DEADLINE, Ended, Program};
use crate::script::Script;
use crate::scripted_agent::ScriptedAgent;

/// A run of `pair --web`, or of `console`, that printed its address.
struct Served {
    program: Program,
    agent: ScriptedAgent,
    printed: Arc<watch::Sender<String>>,
    /// `127.0.0.1:PORT`.
    host: String,
    token: String,
    _dir: TempDir,
}

/// A response.
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A browser that was let in.
struct Visitor {
    host: String,
    base: String,
    cookie: String,
}

impl Served {
    /// Starts it with an agent that streams these frames, one list per pairing.
    async fn start(pairings: Vec<Vec<Value>>, args: &[&str]) -> Self {
        let script = Script {
            pair: pairings.into(),
            ..Script::default()
        };
        Self::follow(script, args).await
    }

    /// Starts it with an agent that follows this script.
    async fn follow(script: Script, args: &[&str]) -> Self {
        Self::run(&["pair", "--web"], script, args).await
    }

    /// Starts this command with an agent that follows this script.
    async fn run(command: &[&str], script: Script, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let printed = Arc::new(watch::Sender::default());
        let socket = dir.path().join("agent.sock");
        let agent = ScriptedAgent::start(&socket, script, printed.subscribe()).await;
        let env = [("OPENCLAW_AGENT", format!("unix:{}", socket.display()))];
        let env = BTreeMap::from(env.map(|(name, value)| (name.to_owned(), value)));
        let args: Vec<String> = command
            .iter()
            .chain(args)
            .map(ToString::to_string)
            .collect();
        let program = Program::start(dir.path(), &args, &env, None, &printed).await;
        program.until_printed("\n").await;
        let (host, token) = address(&printed.borrow());
        Self {
            program,
            agent,
            printed,
            host,
            token,
            _dir: dir,
        }
    }

    /// Starts it with an agent that shows one code.
    async fn with_code() -> Self {
        Self::start(vec![code()], &[]).await
    }

    async fn get(&self, path: &str, headers: &[&str]) -> Reply {
        send(&self.host, "GET", path, headers, "").await
    }

    /// Lets a browser in.
    async fn enter(&self) -> Visitor {
        let reply = self.get(&format!("/open/{}", self.token), &[]).await;
        assert_eq!(reply.status, 303);
        let cookie = reply.header("set-cookie").unwrap().split(';').next();
        Visitor {
            host: self.host.clone(),
            base: reply.header("location").unwrap().to_owned(),
            cookie: format!("Cookie: {}", cookie.unwrap()),
        }
    }

    /// Ctrl-C.
    async fn interrupt(self) -> Ended {
        self.program.interrupt();
        self.program.end().await
    }
}

impl Visitor {
    async fn get(&self, path: &str) -> Reply {
        let path = format!("{}{path}", self.base);
        send(&self.host, "GET", &path, &[&self.cookie], "").await
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        let path = format!("{}{path}", self.base);
        let origin = format!("Origin: http://{}", self.host);
        let headers = [&self.cookie, &origin, JSON];
        send(&self.host, "POST", &path, &headers, &body.to_string()).await
    }

    /// Waits until the page shows this view.
    async fn until(&self, view: &str) -> Value {
        let waiting = async {
            let mut state = self.get("state").await.json();
            while state["view"] != view {
                let after = format!("state?after={}", state["version"]);
                state = self.get(&after).await.json();
            }
            state
        };
        let found = tokio::time::timeout(DEADLINE, waiting).await;
        found.unwrap_or_else(|_| panic!("never shown: {view}"))
    }
}

const JSON: &str = "Content-Type: application/json";

/// Frames with one code.
fn code() -> Vec<Value> {
    let payload = crate::codes::PAYLOAD;
    let qr = json!({"qr": {"payload": payload, "ordinal": 1, "expires_at": "now+59900ms"}});
    vec![qr, json!({"hold": true})]
}

/// The host and the token of the address in the output.
fn address(printed: &str) -> (String, String) {
    let at = printed.find("http://").expect("an address");
    let address = printed[at..].split_whitespace().next().unwrap();
    let (host, token) = address["http://".len()..].split_once("/open/").unwrap();
    (host.to_owned(), token.to_owned())
}

/// Sends a request with a `Host`, unless `headers` has one.
async fn send(host: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Reply {
    let has = |name: &str| headers.iter().any(|line| line.starts_with(name));
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    if !has("Host:") {
        text += &format!("Host: {host}\r\n");
    }
    for line in headers.iter().filter(|line| !line.is_empty()) {
        text += &format!("{line}\r\n");
    }
    if method == "POST" && !has("Content-Length:") {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    exchange(host, &format!("{text}\r\n{body}")).await
}

/// Sends bytes, and reads to the end of the connection.
async fn exchange(host: &str, text: &str) -> Reply {
    let exchanging = async {
        let mut stream = TcpStream::connect(host).await.unwrap();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(text.as_bytes()).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    };
    let reply = tokio::time::timeout(DEADLINE + Duration::from_secs(20), exchanging).await;
    let reply = reply.expect("an answer");
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((&reply, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Reply {
        status: status.unwrap_or(0),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
