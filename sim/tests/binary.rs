//! The binary as scripts use it: its ready line, its errors, its responses over HTTP, its exit.

#[path = "support/http.rs"]
mod http;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A running simulator. Dropping it kills the process.
struct Simulator {
    process: Child,
    listen: String,
    media: String,
    control: SocketAddr,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-sim"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Simulator {
    async fn start() -> Self {
        let mut process = command(&["--log", "off"]).spawn().expect("spawn");
        let mut lines = BufReader::new(process.stdout.take().expect("stdout")).lines();
        let line = timeout(TEST_TIMEOUT, lines.next_line())
            .await
            .expect("ready in time")
            .expect("read")
            .expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("one line of JSON");
        let text = |name: &str| {
            ready[name]
                .as_str()
                .unwrap_or_else(|| panic!("{name} in {ready}"))
                .to_owned()
        };
        let control = text("control")
            .strip_prefix("http://")
            .expect("a URL")
            .parse()
            .expect("an address");
        Self {
            process,
            listen: text("listen"),
            media: text("media"),
            control,
        }
    }

    async fn get(&self, path: &str) -> Value {
        http::ok(self.control, "GET", path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        http::ok(self.control, "POST", path, body).await
    }

    /// The status and error of a request that must fail. Every failure has a hint.
    async fn refused(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let (status, answer) = http::call(self.control, method, path, body).await;
        let text = |name: &str| {
            answer[name]
                .as_str()
                .unwrap_or_else(|| panic!("{name} in {answer}"))
                .to_owned()
        };
        assert!(!text("hint").is_empty(), "{path}: {answer}");
        (status, text("error"))
    }
}

#[tokio::test]
async fn the_ready_line_has_all_addresses_and_sigterm_exits_cleanly() {
    let mut sim = Simulator::start().await;
    assert!(
        sim.listen.starts_with("ws://127.0.0.1:") && sim.listen.ends_with("/ws/chat"),
        "{}",
        sim.listen
    );
    assert_eq!(
        sim.get("/health").await,
        json!({ "status": "ok", "listen": sim.listen, "media": sim.media })
    );
    // A request that is never completed does not delay the exit.
    let mut half = TcpStream::connect(sim.control).await.expect("connect");
    half.write_all(b"GET /health HTTP/1.1\r\n")
        .await
        .expect("half a request");
    let pid = sim.process.id().expect("running").to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .expect("kill")
            .success()
    );
    let status = timeout(TEST_TIMEOUT, sim.process.wait())
        .await
        .expect("ends in time")
        .expect("wait");
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn an_address_that_is_not_loopback_is_refused_before_anything_listens() {
    for flag in ["--listen", "--control", "--media"] {
        for address in [
            "0.0.0.0:0",
            "[::]:0",
            "192.0.2.1:9400",
            "localhost",
            "127.0.0.1",
        ] {
            let mut process = command(&[flag, address]).spawn().expect("spawn");
            let status = timeout(TEST_TIMEOUT, process.wait())
                .await
                .expect("ends in time")
                .expect("wait");
            assert_eq!(status.code(), Some(2), "{flag} {address}");
            let mut printed = String::new();
            process
                .stdout
                .take()
                .expect("stdout")
                .read_to_string(&mut printed)
                .await
                .expect("read");
            assert_eq!(printed, "", "{flag} {address}");
        }
    }
}

#[tokio::test]
async fn the_error_names_a_port_that_is_in_use() {
    let sim = Simulator::start().await;
    let taken = sim.control.to_string();
    let mut process = command(&["--log", "off", "--listen", &taken])
        .spawn()
        .expect("spawn");
    let status = timeout(TEST_TIMEOUT, process.wait())
        .await
        .expect("ends in time")
        .expect("wait");
    assert_eq!(status.code(), Some(1));
    let mut printed = String::new();
    process
        .stderr
        .take()
        .expect("stderr")
        .read_to_string(&mut printed)
        .await
        .expect("read");
    assert!(
        printed.starts_with(&format!("error: listen on {taken}: ")),
        "{printed}"
    );
}

/// Method and path, body, status, and a part of the error. +15550100009 exists and has no companion.
const MISTAKES: &str = r#"
POST /phone/scan | { | 400 | EOF while parsing
POST /phone/scan | | 400 | missing field `qr`
POST /phone/scan | [] | 400 | a list instead of an object
POST /phone/scan | {"qr":"x","extra":1} | 400 | unknown field `extra`
POST /phone/scan | {"qr":"nothing"} | 400 | a QR code has 4 or 5 fields, this text has 1
POST /phone/scan | {"qr":"r,AAAA,AAAA,AAAA"} | 400 | the QR code's noise key is malformed
POST /call | {"from":"+15550100002","to":"+15550100001","kind":"song"} | 400 | unknown variant `song`
POST /call | {"from":"+15550100002","to":"+15550100001","kind":"offer","group":"x"} | 400 | is not a group's JID
POST /notify | {"account":"+15550100001","kind":"weather"} | 400 | no notice of the kind "weather"
POST /notify | {"kind":"tos"} | 400 | no `account`
POST /peer/receipt | {"from":"+15550100002","to":"+15550100001","id":"A","type":"read","members":["+15550100003"]} | 400 | without a `group`
POST /passkey | {"account":"+15550100001","credential":{"id":"AAAA","public_key":"AAAA"}} | 400 | not an uncompressed point
POST /passkey/assert | {"account":"+15550100009","options":{}} | 409 | does not have the private key
POST /passkey/confirm | {"account":"+15550100009","code":"ABCD-1234"} | 409 | no passkey ceremony
POST /passkey/refuse | {"account":"+15550100009"} | 409 | no passkey ceremony
POST /peer/number | {"peer":"+15550100003","new":"+15550100009"} | 409 | cannot change its number
POST /phone/code | {"account":"+15550100009","code":"short"} | 400 | a link code is 8 characters
POST /phone/code | {"account":"+15550100009","code":"ABCD1234"} | 404 | no companion waits
POST /phone/unlink | {"account":"+15550100008"} | 404 | no account +15550100008
POST /phone/unlink | {"account":"+15550100009"} | 409 | no such linked device
GET /phone/devices?account=15550100008 | | 404 | no account +15550100008
GET /phone/devices | | 400 | missing field `account`
GET /phone/devices?account=nobody | | 400 | not a phone number
GET /acks?account=15550100008 | | 404 | no account +15550100008
GET /queue?account=15550100009&x=1 | | 400 | unknown field `x`
GET /peer/inbox | | 400 | missing field `peer`
POST /peer/send | {"from":"+15550100002","text":"x"} | 400 | neither `to` nor `group`
POST /peer/send | {"from":"+15550100002","to":"me","text":"x"} | 400 | not a phone number
POST /peer/send | {"from":"+15550100002","group":"1@g.us","text":"x"} | 404 | no group 1@g.us
POST /peer/send | \u0001 | 400 | expected value
POST /peer/flood | {"from":"15550100002","to":"15550100009","count":4294967295} | 400 | at once
POST /peer/receipt | {"from":"15550100002","to":"15550100009","id":"x","type":"seen"} | 400 | `seen`
POST /peer/online | {"peer":"+15550100002"} | 400 | missing field `online`
POST /fault | {"kind":"nack"} | 400 | missing field `code`
POST /fault | {"kind":"media_cut"} | 400 | missing field `bytes`
POST /fault | {"kind":"media_status","code":404,"on":"both"} | 400 | unknown variant `both`
POST /profile/privacy | {"account":"+15550100009","setting":"last","value":"some"} | 400 | no privacy setting last=some
POST /profile/picture | {"account":"+15550100009","group":"1@g.us"} | 404 | no group 1@g.us
POST /profile/block | {"account":"+15550100009","contact":"+15550100002"} | 400 | missing field `blocked`
GET /profile?account=15550100008 | | 404 | no account +15550100008
POST /account/timelock | {"account":"+15550100009"} | 400 | missing field `seconds`
POST /media/remove | {"account":"+15550100009","id":"x"} | 404 | no message x
POST /phone/answers | {"account":"+15550100009","reupload":"later"} | 400 | unknown variant `later`
POST /peer/send | {"from":"+15550100002","to":"+15550100009","content":{"image":{"bytes":"","fill":1}}} | 400 | both given
POST /group | {"account":"+15550100009","subject":"x","members":["y"]} | 400 | not a phone number
POST /spelling | {"number":"+15550100002"} | 400 | missing field `also`
POST /fault | {"kind":"earthquake"} | 400 | unknown variant `earthquake`
GET /fault | | 405 | /fault does not accept GET
POST /verify | {} | 405 | /verify does not accept POST
DELETE /phone/scan | | 405 | /phone/scan does not accept DELETE
GET /nowhere | | 404 | no path /nowhere
"#;

#[tokio::test]
async fn an_invalid_request_gets_a_status_an_error_and_a_hint() {
    let sim = Simulator::start().await;
    let exists = json!({ "from": "+15550100002", "to": "+15550100009", "text": "x" });
    sim.post("/peer/send", exists).await;
    for line in MISTAKES.trim().lines() {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [request, body, status, named] = fields[..] else {
            panic!("four fields: {line}");
        };
        let (method, path) = request.split_once(' ').expect("method and path");
        let (got, error) = sim.refused(method, path, body.as_bytes()).await;
        assert_eq!(got.to_string(), status, "{line}: {error}");
        assert!(error.contains(named), "{line}: {error}");
    }
}

#[tokio::test]
async fn every_path_in_the_readme_is_served() {
    let sim = Simulator::start().await;
    let mut paths = 0;
    for (method, other) in [("GET", "POST"), ("POST", "GET")] {
        let start = format!("`{method} /");
        let mentions = include_str!("../README.md").split(start.as_str()).skip(1);
        for mention in mentions {
            let end = mention.find(['`', '?', ' ']).expect("the path ends");
            let path = format!("/{}", &mention[..end]);
            let (status, error) = sim.refused(other, &path, b"{}").await;
            assert_eq!(status, 405, "{method} {path}: {error}");
            paths += 1;
        }
    }
    assert_eq!(paths, 61);
}

#[tokio::test]
async fn a_body_of_64_kib_is_accepted_and_a_larger_one_is_refused() {
    let sim = Simulator::start().await;
    let body = |length: usize| {
        let mut body =
            json!({ "from": "+15550100002", "to": "+15550100001", "text": "" }).to_string();
        let text = "x".repeat(length - body.len());
        body.insert_str(body.rfind("\"\"").expect("the empty text") + 1, &text);
        assert_eq!(body.len(), length);
        body.into_bytes()
    };
    let (status, answer) = http::call(sim.control, "POST", "/peer/send", &body(64 * 1024)).await;
    assert_eq!(status, 200, "{answer}");
    let (status, error) = sim
        .refused("POST", "/peer/send", &body(64 * 1024 + 1))
        .await;
    assert_eq!(
        (status, error.as_str()),
        (413, "the body is larger than 65536 bytes, or was cut off")
    );
    assert_eq!(
        sim.get("/peer/inbox?peer=15550100001")
            .await
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn users_without_companions_write_to_each_other() {
    let sim = Simulator::start().await;
    let (ann, bob) = ("+15550100001", "+15550100002");
    let id = sim
        .post(
            "/peer/send",
            json!({ "from": ann, "to": bob, "text": "hi", "by": "pn", "id": "ABC" }),
        )
        .await;
    assert_eq!(id, json!({ "id": "ABC" }));
    let status =
        json!({ "from": ann, "to": bob, "text": "hi", "broadcast": "status", "id": "DEF" });
    assert_eq!(sim.post("/peer/send", status).await, json!({ "id": "DEF" }));
    let group = sim
        .post(
            "/group",
            json!({ "account": ann, "subject": "Tides", "members": [bob] }),
        )
        .await;
    sim.post(
        "/peer/send",
        json!({ "from": ann, "group": group["jid"], "text": "all" }),
    )
    .await;
    assert_eq!(
        sim.post("/peer/flood", json!({ "from": ann, "to": bob, "count": 3 }))
            .await,
        json!({ "sent": 3 })
    );

    let week =
        json!({ "from": ann, "to": bob, "text": "gone", "as": "image", "expiration": 604_800 });
    sim.post("/peer/send", week).await;
    let inbox = sim.get("/peer/inbox?peer=%2B15550100002").await;
    let expirations = inbox.as_array().expect("a list").iter();
    let expirations: Vec<_> = expirations
        .filter_map(|it| it["expiration"].as_u64())
        .collect();
    assert_eq!(expirations, [604_800]);
    let texts: Vec<_> = inbox
        .as_array()
        .expect("a list")
        .iter()
        .map(|message| message["text"].clone())
        .collect();
    let expected = json!(["hi", "all", "flood 0", "flood 1", "flood 2", null]);
    assert_eq!(json!(texts), expected);
    assert_eq!(
        (&inbox[0]["from"], &inbox[0]["kind"]),
        (&json!(ann), &json!("plain"))
    );
    assert_eq!(inbox[1]["chat"], group["jid"]);

    let accounts = sim.get("/accounts").await;
    assert_eq!(accounts[1]["account"], bob);
    assert_eq!(accounts[1]["companions"], 0);
    assert_eq!(accounts[1]["active"], 0);
    assert_eq!(sim.get("/verify").await["violations"], json!([]));
    assert_eq!(
        sim.get("/cert").await["root"].as_str().map(str::len),
        Some(64)
    );
}

#[tokio::test]
async fn a_number_declared_unknown_cannot_be_written_to() {
    let sim = Simulator::start().await;
    sim.post("/unknown", json!({ "number": "+15550199999" }))
        .await;
    let body = json!({ "from": "+15550100002", "to": "+15550199999", "text": "x" }).to_string();
    let (status, error) = sim.refused("POST", "/peer/send", body.as_bytes()).await;
    assert_eq!(
        (status, error.as_str()),
        (409, "+15550199999 is not on WhatsApp")
    );
}
