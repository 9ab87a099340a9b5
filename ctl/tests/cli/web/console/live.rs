//! The stream of events: what is in it, how many there are, and a browser that does not read.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{message, served};
use crate::program::DEADLINE;
use crate::script::Script;
use crate::web::Visitor;

impl Visitor {
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
