//! `console`: what it answers from the agent, and what it bounds.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{JSON, Reply, Served, Visitor, send};
use crate::program::DEADLINE;
use crate::script::Script;

async fn served(script: Script) -> Served {
    Served::run(&["console"], script, &[]).await
}

fn refused(reason: &str) -> Value {
    json!({"error": {"code": "PERMISSION_DENIED", "reason": reason, "message": "a reader may not do that", "hint": "ask an admin"}})
}

/// An event of a direct chat.
fn message(seq: u64, body: &str) -> Value {
    json!({"seq": seq, "recorded_at": "now-4s", "message": {
        "origin": {"id": format!("3EB{seq}"), "chat": "15550100002@s.whatsapp.net", "chat_kind": "CHAT_KIND_PERSON", "sender": {"phone": "+15550100002"}, "push_name": "Anna"},
        "content": {"text": {"body": body}}
    }})
}

impl Visitor {
    /// Sends a file, or what is said to be one.
    async fn upload(&self, query: &str, content_type: &str, body: &str) -> Reply {
        let path = format!("{}api/upload?{query}", self.base);
        let origin = format!("Origin: http://{}", self.host);
        let content_type = format!("Content-Type: {content_type}");
        let headers = [&self.cookie, &origin, content_type.as_str()];
        send(&self.host, "POST", &path, &headers, body).await
    }

    /// Opens the stream, and returns its connection.
    async fn live(&self, query: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let head = format!(
            "GET {}api/live?{query} HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n",
            self.base, self.host, self.cookie
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }
}

/// Reads until the stream has this text.
async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut found = Vec::new();
    let reading = async {
        let mut searched = 0;
        while !found[searched..]
            .windows(wanted.len())
            .any(|part| part == wanted.as_bytes())
        {
            searched = found.len().saturating_sub(wanted.len());
            assert!(stream.read_buf(&mut found).await.unwrap() > 0, "ended");
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, reading).await;
    let found = String::from_utf8_lossy(&found).into_owned();
    assert!(in_time.is_ok(), "never {wanted:?}, but {found}");
    found
}

#[tokio::test]
async fn nothing_of_the_console_is_seen_without_the_cookie() {
    let served = served(Script::default()).await;
    let visitor = served.enter().await;
    for path in [
        "",
        "api/status",
        "api/live",
        "api/media?seq=1",
        "api/chats",
        "pair/state",
    ] {
        let path = format!("{}{path}", visitor.base);
        assert_eq!(served.get(&path, &[]).await.status, 403, "{path}");
        let host = ["Host: example.com", visitor.cookie.as_str()];
        assert_eq!(served.get(&path, &host).await.status, 421, "{path}");
        let origin = ["Origin: http://example.com", visitor.cookie.as_str()];
        assert_eq!(served.get(&path, &origin).await.status, 403, "{path}");
    }
    for path in [
        "api/send",
        "api/upload",
        "api/unpair",
        "api/allow",
        "pair/start",
    ] {
        let path = format!("{}{path}", visitor.base);
        for origin in ["", "Origin: http://example.com"] {
            let headers = [visitor.cookie.as_str(), JSON, origin];
            let reply = send(&served.host, "POST", &path, &headers, "{}").await;
            assert_eq!(reply.status, 403, "{path} {origin}");
        }
    }
    assert_eq!(served.agent.asked(), [""; 0], "no call reached the agent");
}

#[tokio::test]
async fn the_page_is_served_and_unknown_paths_are_not() {
    let served = served(Script::default()).await;
    let visitor = served.enter().await;
    let page = visitor.get("").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("/console/app.js"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"));
    for path in [
        "api/",
        "api/nothing",
        "api/status/",
        "pair/nothing",
        "pair/state",
        "console.html",
    ] {
        assert_eq!(visitor.get(path).await.status, 404, "{path}");
        assert_eq!(visitor.post(path, &json!({})).await.status, 404, "{path}");
    }
    let script = served.get("/console/app.js", &[]).await;
    assert_eq!(
        script.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
}

#[tokio::test]
async fn chats_have_a_key_and_pages() {
    let chat = json!({"id": "15550100002@s.whatsapp.net", "kind": "CHAT_KIND_PERSON", "name": "Anna", "newest_seq": "7"});
    let script = Script {
        list_chats: [
            json!({"chats": [chat], "next_page_token": "p 2&"}),
            json!({"incomplete": true}),
        ]
        .into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let first = visitor.get("api/chats").await.json();
    assert_eq!(first["chats"][0]["key"], "15550100002@s.whatsapp.net");
    assert_eq!(first["chats"][0]["address"], "+15550100002");
    let second = visitor.get("api/chats?page=p+2%26").await.json();
    assert_eq!(
        (&second["incomplete"], &second["next"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(
        served.agent.asked(),
        [
            r#"ListChats {"pageSize":50}"#,
            r#"ListChats {"pageSize":50,"pageToken":"p 2&"}"#
        ]
    );
}

#[tokio::test]
async fn with_mask_numbers_are_masked_and_the_key_still_works() {
    let script = Script {
        events: [json!({"events": [message(7, "hi")]})].into(),
        ..Script::default()
    };
    let served = Served::run(&["console", "--mask"], script, &[]).await;
    let visitor = served.enter().await;
    let listed = visitor.get("api/messages?chat=%2B15550100002").await.json();
    let event = &listed["events"][0];
    assert_eq!(event["key"], "15550100002@s.whatsapp.net");
    assert_eq!(event["line"], "+1 555 XXX XXXX (Anna): hi");
    assert_eq!(
        event["message"]["origin"]["sender"]["phone"],
        "+1 555 XXX XXXX"
    );
}

#[tokio::test]
async fn a_send_has_the_token_of_the_page_and_an_error_its_reason() {
    let sent = json!({"message_id": "3EB0", "state": "SEND_STATE_SERVER_ACK", "client_token": "console-1", "chat": "15550100002@s.whatsapp.net"});
    let script = Script {
        send: [sent, refused("RECIPIENT")].into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let draft =
        json!({"to": "+15550100002", "text": "kia ora", "token": "console-1", "reply_to": 7});
    let sent = visitor.post("api/send", &draft).await.json();
    assert_eq!(sent["key"], "15550100002@s.whatsapp.net");
    let reply = visitor.post("api/send", &draft).await;
    assert_eq!(reply.status, 422);
    let error: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        (&error["reason"], &error["hint"]),
        (&json!("RECIPIENT"), &json!("ask an admin"))
    );
    let sends: Vec<String> = served.agent.asked();
    let sends: Vec<&String> = sends
        .iter()
        .filter(|call| call.starts_with("Send "))
        .collect();
    assert_eq!(sends.len(), 2);
    for send in sends {
        assert!(send.contains(r#""clientToken":"console-1""#), "{send}");
        assert!(send.contains(r#""replyTo":{"seq":"7"}"#), "{send}");
    }
    for wrong in [
        json!({}),
        json!({"to": "+15550100002", "text": "x", "token": ""}),
        json!({"to": "no one", "text": "x", "token": "t"}),
        json!({"to": "+15550100002", "text": "", "token": "t"}),
        json!({"to": "+15550100002", "text": "x", "token": "t", "odd": 1}),
    ] {
        let reply = visitor.post("api/send", &wrong).await;
        assert_eq!(reply.status, 422, "{wrong}");
        assert!(!reply.body.contains("no one"), "{}", reply.body);
    }
}

#[tokio::test]
async fn what_a_reader_may_not_do_is_refused_by_the_agent() {
    let script = Script {
        cancel_send: [refused("ROLE")].into(),
        add_allowed: [refused("ROLE")].into(),
        remove_allowed: [refused("ROLE")].into(),
        reload_rules: [refused("ROLE")].into(),
        test_alert: [refused("ROLE")].into(),
        unpair: [refused("ROLE")].into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    for (path, body) in [
        ("api/cancel", json!({"token": "t"})),
        ("api/allow", json!({"who": "+15550100002"})),
        ("api/disallow", json!({"who": "+15550100002"})),
        ("api/reload", json!({})),
        ("api/test-alert", json!({})),
        ("api/unpair", json!({"confirmed": true})),
    ] {
        let reply = visitor.post(path, &body).await;
        assert_eq!(reply.status, 422, "{path}");
        assert!(reply.body.contains("a reader may not do that"), "{path}");
    }
    let asked = served.agent.asked().len();
    let reply = visitor
        .post("api/unpair", &json!({"confirmed": false}))
        .await;
    assert_eq!(reply.status, 422);
    assert_eq!(
        served.agent.asked().len(),
        asked,
        "without a confirmation nothing is asked"
    );
}

#[tokio::test]
async fn a_file_of_a_message_is_shown_only_if_its_bytes_are_a_picture() {
    let png = b"\x89PNG\r\n\x1a\nrest";
    let html = b"<script>alert(1)</script>";
    let stream = |bytes: &[u8], name: &str| {
        let sha256 = crate::script::base64(&sha2::Sha256::digest(bytes));
        vec![
            json!({"start": {"seq": 7, "media": {"kind": "MEDIA_KIND_IMAGE", "mime_type": "image/png", "file_name": name}}}),
            json!({"chunk": crate::script::base64(bytes)}),
            json!({"end": {"sha256": sha256, "size_bytes": bytes.len().to_string()}}),
        ]
    };
    use sha2::Digest as _;
    let script = Script {
        download: [
            stream(png, ""),
            stream(png, "../harbour.png"),
            stream(html, "page.html"),
            vec![refused("ROLE")],
        ]
        .into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let headers = |reply: &Reply| {
        let of = |name| reply.header(name).unwrap_or_default().to_owned();
        let policy = of("content-security-policy");
        assert!(policy.ends_with("; sandbox"), "{policy}");
        assert_eq!(of("x-content-type-options"), "nosniff");
        (of("content-type"), of("content-disposition"))
    };
    for (path, content_type, disposition) in [
        (
            "api/media?seq=7",
            "image/png",
            "inline; filename*=UTF-8''image-7.png",
        ),
        (
            "api/media?seq=7&save=1",
            "application/octet-stream",
            "attachment; filename*=UTF-8''_harbour.png",
        ),
        (
            "api/media?seq=7",
            "application/octet-stream",
            "attachment; filename*=UTF-8''page.html",
        ),
    ] {
        let reply = visitor.get_raw(path).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(
            headers(&reply),
            (content_type.to_owned(), disposition.to_owned())
        );
    }
    assert_eq!(visitor.get_raw("api/media?seq=7").await.status, 422);
    assert_eq!(visitor.get_raw("api/media?seq=x").await.status, 422);
}

impl Visitor {
    /// A response whose body may be no text.
    async fn get_raw(&self, path: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let head = format!(
            "GET {}{path} HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n",
            self.base, self.host, self.cookie
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Reply {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

#[tokio::test]
async fn a_file_to_send_is_bounded_and_reaches_the_agent() {
    let script = Script {
        upload: [json!({"media_id": "m-1"})].into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let octets = "application/octet-stream";
    let query = "kind=document&name=tides+2026.pdf";
    let uploaded = visitor.upload(query, octets, "%PDF").await.json();
    assert_eq!(uploaded["media_id"], "m-1");
    assert_eq!(
        served.agent.asked().last().unwrap(),
        r#"Upload {"kind":"MEDIA_KIND_DOCUMENT","mimeType":"application/pdf","fileName":"tides 2026.pdf","sizeBytes":"4"} and 4 bytes"#
    );
    for content_type in ["text/plain", "multipart/form-data", "application/json"] {
        let reply = visitor.upload(query, content_type, "x").await;
        assert_eq!(reply.status, 415, "{content_type}");
    }
    for query in ["", "kind=video_note", "kind=odd"] {
        assert_eq!(
            visitor.upload(query, octets, "x").await.status,
            422,
            "{query}"
        );
    }
    let huge = "x".repeat((16 << 20) + 1);
    assert_eq!(visitor.upload(query, octets, &huge).await.status, 413);
    let text = "x".repeat(256 << 10);
    let draft = json!({"to": "+15550100002", "text": text, "token": "t"});
    assert_eq!(visitor.post("api/send", &draft).await.status, 413);
}

#[tokio::test]
async fn the_stream_has_events_and_the_status_and_continues_after_a_seq() {
    let script = Script {
        status: [json!({"link": {"state": "LINK_STATE_CONNECTED"}})].into(),
        watch: [vec![
            json!({"event": message(8, "first\n\nevent: forged")}),
            json!({"gap": {"first": "9", "last": "10"}}),
            json!({"heartbeat": {"head": "10"}}),
            json!({"hold": true}),
        ]]
        .into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let mut stream = visitor.live("after=7").await;
    let text = until(&mut stream, "event: head").await;
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    for part in [
        "event: happened\ndata: {",
        "event: gap\ndata: {\"damaged\":false,\"first\":9,\"last\":10}\n\n",
        "event: head\ndata: {\"head\":10}\n\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("\nevent: forged"), "{text}");
    let asked = served.agent.asked();
    let watched = asked.iter().find(|call| call.starts_with("WatchEvents "));
    assert!(watched.unwrap().contains(r#""after":"7""#), "{asked:?}");
    drop(stream);
    served.agent.until_asked("WatchEvents closed").await;
}

#[tokio::test]
async fn ctrl_c_ends_the_streams_and_the_command() {
    let script = Script {
        status: [json!({})].into(),
        watch: [vec![
            json!({"heartbeat": {"head": "1"}}),
            json!({"hold": true}),
        ]]
        .into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let mut stream = visitor.live("").await;
    until(&mut stream, "event: head").await;
    let ended = async {
        let ended = served.interrupt().await;
        assert_eq!((ended.exit, ended.stdout.lines().count()), (Some(0), 1));
    };
    tokio::join!(ended, async { until(&mut stream, "event: stopped").await });
}

#[tokio::test]
async fn only_so_many_streams_are_open_and_a_closed_one_makes_room() {
    let hold = || vec![json!({"heartbeat": {"head": "1"}}), json!({"hold": true})];
    let script = Script {
        status: std::iter::repeat_n(json!({}), 20).collect(),
        watch: std::iter::repeat_n(hold(), 6).collect(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut stream = visitor.live("").await;
        until(&mut stream, "event: head").await;
        open.push(stream);
    }
    assert_eq!(visitor.get("api/live").await.status, 503);
    assert_eq!(
        visitor.get("api/kinds").await.status,
        200,
        "the rest still answers"
    );
    drop(open.pop());
    let reopened = async {
        loop {
            let mut stream = visitor.live("").await;
            if until(&mut stream, "\r\n").await.contains(" 200 ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, reopened).await.unwrap();
}

#[tokio::test]
async fn a_browser_that_does_not_read_holds_the_agent_back_and_no_one_else() {
    // More than the buffers of both connections hold.
    let body = "x".repeat(60_000);
    let events = (1..=300).map(|seq| json!({"event": message(seq, &body)}));
    let mut steps: Vec<Value> = events.collect();
    steps.push(json!({"hold": true}));
    let script = Script {
        status: std::iter::repeat_n(json!({}), 20).collect(),
        watch: [
            steps,
            vec![json!({"heartbeat": {"head": "1"}}), json!({"hold": true})],
        ]
        .into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let mut slow = visitor.live("after=0").await;
    until(&mut slow, "\"seq\":1}").await;
    let mut other = visitor.live("after=300").await;
    until(&mut other, "event: head").await;
    // Everything that was not read is still there, in order.
    let text = until(&mut slow, "\"seq\":300}").await;
    let seqs: Vec<usize> = (290..=300)
        .map(|seq| text.find(&format!("\"seq\":{seq}}}")).unwrap())
        .collect();
    assert!(seqs.is_sorted());
}

#[tokio::test]
async fn the_phone_is_linked_from_the_console() {
    let failed =
        json!({"failed": {"reason": "PAIR_FAILURE_REASON_DEADLINE", "hint": "pair again"}});
    let script = Script {
        pair: [super::code(), vec![failed]].into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let start = visitor.post("pair/start", &json!({"replace": true})).await;
    assert_eq!(start.status, 200, "{}", start.body);
    let again = visitor.post("pair/start", &json!({"replace": true})).await;
    assert_eq!(again.status, 200, "a second tab joins");
    let shown = async {
        loop {
            let state = visitor.get("pair/state").await.json();
            if state["view"] == "qr" {
                return state;
            }
        }
    };
    let state = tokio::time::timeout(DEADLINE, shown).await.unwrap();
    assert!(!state.to_string().contains(crate::codes::PAYLOAD));
    assert_eq!(visitor.post("pair/stop", &json!({})).await.status, 200);
    served.agent.until_asked("Pair closed").await;
    assert_eq!(visitor.get("pair/state").await.status, 404);
    let asked = served.agent.asked();
    let pairs = asked.iter().filter(|call| call.starts_with("Pair {"));
    assert_eq!(
        pairs.collect::<Vec<_>>(),
        [r#"Pair {"qr":{},"replace":true}"#]
    );
}

#[tokio::test]
async fn an_agent_that_is_gone_is_reported_before_anything_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let printed = std::sync::Arc::default();
    let agent = format!("unix:{}/none", dir.path().display());
    let env = [("OPENCLAW_AGENT".to_owned(), agent)].into();
    let args = ["console".to_owned()];
    let program = crate::program::Program::start(dir.path(), &args, &env, None, &printed).await;
    let ended = program.end().await;
    assert_eq!((ended.exit, ended.stdout.as_str()), (Some(3), ""));
}
