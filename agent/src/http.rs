//! HTTP for platforms that cannot speak gRPC: health, readiness, metrics. It changes nothing.

use std::fmt::Write as _;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::agent::{Agent, Status};
use crate::clock;
use crate::model::LinkState;

/// Connections at once: a platform's probe and a few scrapers.
const CONNECTIONS: usize = 128;
/// How long a request's head may take to arrive.
const HEAD: Duration = Duration::from_secs(2);

/// Serves until `stop` resolves. Connections that are open then are cut: an answer is written at once or never.
pub async fn serve(
    agent: Agent,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let service = TowerToHyperService::new(router(agent));
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(16 * 1024);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return Ok(()),
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept(), if connections.len() < CONNECTIONS => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(http1.serve_connection(TokioIo::new(stream), service.clone()));
            }
            // No descriptor is free, or the peer has gone: the next one may do better.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn router(agent: Agent) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(agent)
}

/// The body of `/health` and `/health/ready`.
#[derive(Serialize)]
struct Health {
    status: &'static str,
    whatsapp: WhatsApp,
    /// Seconds since the process started.
    uptime: u64,
    version: &'static str,
    /// Present, and true, in a build that speaks to the simulator only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    simulator: bool,
}

#[derive(Serialize)]
struct WhatsApp {
    connected: bool,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    hint: &'static str,
}

impl Health {
    fn of(status: Status, now: SystemTime) -> Self {
        let connected = status.is_connected(now);
        let Status {
            link, started_at, ..
        } = status;
        let status = match (connected, link.state) {
            (true, _) => "healthy",
            // Silent for too long; the session is about to notice as well.
            (false, LinkState::Connected) => "silent",
            (false, state) => state.name(),
        };
        Self {
            status,
            whatsapp: WhatsApp {
                connected,
                state: link.state.name(),
                phone: link.account.map(|account| account.phone.to_string()),
                reason: link.reason.map(|reason| reason.to_string()),
                hint: link.state.hint(),
            },
            uptime: seconds(started_at, now),
            version: env!("CARGO_PKG_VERSION"),
            simulator: cfg!(feature = "sim"),
        }
    }
}

/// 200 while the process does its work, linked or not: a new deployment must pass its probe before
/// anyone can pair.
async fn health(State(agent): State<Agent>) -> impl IntoResponse {
    Json(Health::of(agent.status(), clock::now()))
}

async fn ready(State(agent): State<Agent>) -> impl IntoResponse {
    let health = Health::of(agent.status(), clock::now());
    let code = if health.whatsapp.connected {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(health))
}

async fn live() -> &'static str {
    "live\n"
}

async fn metrics(State(agent): State<Agent>) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        exposition(&agent.status(), agent.queue_length(), clock::now()),
    )
}

/// Prometheus' text format.
fn exposition(status: &Status, queued: usize, now: SystemTime) -> String {
    let connected = f64::from(u8::from(status.is_connected(now)));
    let Status {
        link,
        last_frame,
        started_at,
        events: (head, _),
        counts,
        pairing,
        keepalive_limit: _,
        storage: _,
        rules: _,
        held: _,
    } = status;
    let mut text = String::with_capacity(2048);
    let mut metric = |name: &str, kind: &str, help: &str, value: f64| {
        let _ = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
        );
    };
    metric(
        "openclaw_whatsapp_connected",
        "gauge",
        "1 while the link to WhatsApp is up.",
        connected,
    );
    if let Some(at) = last_frame {
        let age = now.duration_since(*at).unwrap_or_default().as_secs_f64();
        metric(
            "openclaw_whatsapp_last_frame_age_seconds",
            "gauge",
            "Since the last frame arrived.",
            age,
        );
    }
    let pairing = f64::from(u8::from(*pairing));
    metric(
        "openclaw_pairing_in_progress",
        "gauge",
        "1 while a pairing is in progress.",
        pairing,
    );
    #[expect(clippy::cast_precision_loss, reason = "Prometheus' values are floats")]
    metric(
        "openclaw_messages_queued",
        "gauge",
        "Messages that are kept until they can be sent.",
        queued as f64,
    );
    let counters = [
        (
            "openclaw_messages_received_total",
            "Messages received.",
            counts.received,
        ),
        (
            "openclaw_messages_sent_total",
            "Messages that WhatsApp's server acknowledged.",
            counts.sent,
        ),
        (
            "openclaw_messages_undecryptable_total",
            "Messages that could not be decrypted.",
            counts.undecryptable,
        ),
        (
            "openclaw_messages_dropped_total",
            "Messages from people who are not admitted.",
            counts.dropped,
        ),
        ("openclaw_events_head", "Seq of the newest event.", head.0),
    ];
    for (name, help, value) in counters {
        #[expect(clippy::cast_precision_loss, reason = "Prometheus' values are floats")]
        metric(name, "counter", help, value as f64);
    }
    let started = started_at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    metric(
        "process_start_time_seconds",
        "gauge",
        "When the process started.",
        started,
    );
    let name = "openclaw_whatsapp_link_state";
    let _ = writeln!(
        text,
        "# HELP {name} The state of the link: 1 for the present one.\n# TYPE {name} gauge"
    );
    for state in LinkState::NAMES {
        let value = u8::from(state == link.state.name());
        let _ = writeln!(text, "{name}{{state=\"{state}\"}} {value}");
    }
    text
}

fn seconds(from: SystemTime, to: SystemTime) -> u64 {
    to.duration_since(from).unwrap_or_default().as_secs()
}
