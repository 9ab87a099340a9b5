//! `/health` and `/metrics` over HTTP. Neither identifies a person.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::board::{Board, Reading};
use crate::broker::Broker;

/// A connection is closed when it lasts longer: probes and scrapes are short.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Further connections wait.
const MAX_CONNECTIONS: usize = 16;
/// After a failed accept: no file descriptor is free, or the peer has gone.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until the caller drops it.
pub async fn serve(listener: TcpListener, board: Board, broker: Option<Broker>) {
    let shown = Arc::new((board, broker));
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let shown = Arc::clone(&shown);
        let answering = service_fn(move |request: Request<Incoming>| {
            let (board, broker) = &*shown;
            let page = page(&request, board, broker.as_ref().map(Broker::is_connected));
            async { Ok::<_, Infallible>(page) }
        });
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .keep_alive(false)
            .max_buf_size(16 * 1024);
        let serving = http1.serve_connection(TokioIo::new(stream), answering);
        connections.spawn_local(tokio::time::timeout(CONNECTION_TIMEOUT, serving));
    }
}

/// `broker` is whether it is connected; `None` without one.
fn page(request: &Request<Incoming>, board: &Board, broker: Option<bool>) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/health") => health(board, broker),
        (&Method::GET, "/metrics") => {
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            (StatusCode::OK, kind, metrics(board, broker))
        }
        _ => (
            StatusCode::NOT_FOUND,
            "text/plain",
            "/health and /metrics\n".to_owned(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker_connected: Option<bool>,
    agents: Vec<AgentHealth<'a>>,
    webhooks: Vec<WebhookHealth<'a>>,
}

#[derive(Serialize)]
struct AgentHealth<'a> {
    name: &'a str,
    connected: bool,
    stuck: bool,
    seq: u64,
}

#[derive(Serialize)]
struct WebhookHealth<'a> {
    name: &'a str,
    agent: &'a str,
    connected: bool,
    stuck: bool,
    gone: bool,
    seq: u64,
}

/// 200 while the events of every agent flow, else 503.
fn health(board: &Board, broker: Option<bool>) -> (StatusCode, &'static str, String) {
    let is_healthy = broker.unwrap_or(true) && board.is_healthy();
    let agents = board.read().map(|(name, agent)| AgentHealth {
        name,
        connected: agent.connected,
        stuck: agent.stuck,
        seq: agent.seq,
    });
    let webhooks = board
        .read_webhooks()
        .map(|(name, agent, feed)| WebhookHealth {
            name,
            agent,
            connected: feed.connected,
            stuck: feed.stuck,
            gone: feed.gone,
            seq: feed.seq,
        });
    let health = Health {
        status: if is_healthy { "healthy" } else { "interrupted" },
        broker_connected: broker,
        agents: agents.collect(),
        webhooks: webhooks.collect(),
    };
    let code = match is_healthy {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let json = serde_json::to_string(&health).expect("writing to memory does not fail");
    (code, "application/json", json)
}

/// A family of metrics: its name, what it is, and its value for an agent.
type Family = (&'static str, &'static str, fn(&Reading) -> u64);

const GAUGES: &[Family] = &[
    (
        "connected",
        "1 while the events of the agent are streamed.",
        |agent| u64::from(agent.connected),
    ),
    (
        "stuck",
        "1 while the broker does not take an event.",
        |agent| u64::from(agent.stuck),
    ),
    ("seq", "Seq of the last event that is stored.", |agent| {
        agent.seq
    }),
];

const COUNTERS: &[Family] = &[
    (
        "events_written_total",
        "Events written to the stream.",
        |agent| agent.written,
    ),
    (
        "events_known_total",
        "Events that the stream had already.",
        |agent| agent.known,
    ),
    (
        "events_omitted_total",
        "Events written without their content, because they are too large.",
        |agent| agent.omitted,
    ),
    ("commands_answered_total", "Commands answered.", |agent| {
        agent.answered
    }),
    (
        "commands_postponed_total",
        "Attempts at commands that are tried again.",
        |agent| agent.postponed,
    ),
];

const WEBHOOK_GAUGES: &[Family] = &[
    (
        "webhook_connected",
        "1 while the events of the agent are streamed.",
        |feed| u64::from(feed.connected),
    ),
    (
        "webhook_stuck",
        "1 while the receiver does not take an event.",
        |feed| u64::from(feed.stuck),
    ),
    (
        "webhook_gone",
        "1 once the receiver has answered that it is gone (410).",
        |feed| u64::from(feed.gone),
    ),
    (
        "webhook_seq",
        "Seq of the last event that was delivered or set aside.",
        |feed| feed.seq,
    ),
];

const WEBHOOK_COUNTERS: &[Family] = &[
    (
        "webhook_delivered_total",
        "Events that the receiver has taken.",
        |feed| feed.written,
    ),
    ("webhook_failures_total", "Attempts that failed.", |feed| {
        feed.failed
    }),
    (
        "webhook_dead_letters_total",
        "Events that were set aside.",
        |feed| feed.set_aside,
    ),
];

/// Prometheus' text format. Names of agents and webhooks have no character that it escapes.
fn metrics(board: &Board, broker: Option<bool>) -> String {
    let mut text = String::new();
    let agents: Vec<_> = board
        .read()
        .map(|(agent, reading)| (format!("agent=\"{agent}\""), reading))
        .collect();
    let webhooks: Vec<_> = board
        .read_webhooks()
        .map(|(webhook, agent, reading)| {
            (format!("webhook=\"{webhook}\",agent=\"{agent}\""), reading)
        })
        .collect();
    if let Some(connected) = broker {
        let help = "# HELP openclaw_relay_broker_connected 1 while a NATS server is connected.";
        let _ = writeln!(text, "{help}\n# TYPE openclaw_relay_broker_connected gauge");
        let connected = u8::from(connected);
        let _ = writeln!(text, "openclaw_relay_broker_connected {connected}");
        write(&mut text, GAUGES, "gauge", &agents);
        write(&mut text, COUNTERS, "counter", &agents);
    }
    if !webhooks.is_empty() {
        write(&mut text, WEBHOOK_GAUGES, "gauge", &webhooks);
        write(&mut text, WEBHOOK_COUNTERS, "counter", &webhooks);
    }
    text
}

/// Writes families, each with a sample for each of these labels.
fn write(text: &mut String, families: &[Family], kind: &str, samples: &[(String, Reading)]) {
    for (name, help, value) in families {
        let name = format!("openclaw_relay_{name}");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, reading) in samples {
            let _ = writeln!(text, "{name}{{{labels}}} {}", value(reading));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Stored;

    #[test]
    fn health_is_503_until_every_agent_and_the_broker_are_connected() {
        let mut board = Board::default();
        let (one, two) = (board.add("support"), board.add("sales"));
        one.set_connected(true);
        assert_eq!(
            health(&board, Some(true)).0,
            StatusCode::SERVICE_UNAVAILABLE
        );
        two.set_connected(true);
        assert_eq!(health(&board, Some(true)).0, StatusCode::OK);
        assert_eq!(
            health(&board, Some(false)).0,
            StatusCode::SERVICE_UNAVAILABLE
        );
        two.set_stuck(true);
        let (code, _, body) = health(&board, Some(true));
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            body.contains(r#"{"name":"sales","connected":true,"stuck":true,"seq":0}"#),
            "{body}"
        );
    }

    #[test]
    fn a_webhook_counts_and_needs_no_broker() {
        let mut board = Board::default();
        let feed = board.add_webhook("support", "crm");
        feed.set_connected(true);
        feed.stored(7, Stored::SetAside);
        assert_eq!(health(&board, None).0, StatusCode::OK);
        let text = metrics(&board, None);
        let sample =
            "openclaw_relay_webhook_dead_letters_total{webhook=\"crm\",agent=\"support\"} 1";
        assert!(text.lines().any(|line| line == sample), "{text}");
        assert!(!text.contains("broker_connected"), "{text}");
        feed.set_gone();
        let (code, _, body) = health(&board, None);
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains(r#""gone":true"#), "{body}");
    }

    #[test]
    fn metrics_have_a_sample_for_each_agent() {
        let mut board = Board::default();
        let agent = board.add("support");
        agent.stored(7, Stored::Written);
        agent.stored(8, Stored::Omitted);
        let text = metrics(&board, Some(true));
        for line in [
            "openclaw_relay_broker_connected 1",
            "openclaw_relay_seq{agent=\"support\"} 8",
            "openclaw_relay_events_written_total{agent=\"support\"} 1",
            "openclaw_relay_events_omitted_total{agent=\"support\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
