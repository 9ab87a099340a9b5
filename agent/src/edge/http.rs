//! HTTP for platforms without gRPC: health, readiness, metrics. Read-only.

mod metrics;
mod slots;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use openclaw_state::clients::Clients;
use openclaw_state::clock;
use openclaw_types::LinkState;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use crate::link::{Agent, Readiness, Status};
use slots::Slots;

/// How long a request's head may take to arrive, including the next one on a kept connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a client may stall the write of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many requests one connection may send. A client that sends requests without reading keeps the single-threaded
/// process busy with responses; a scraper only reconnects after this many scrapes.
const MAX_REQUESTS: u32 = 16;

/// Serves until `stop` resolves. Open connections are then closed: a response is written at once or never.
///
/// A new connection is always accepted: see `slots` for which one is closed for it.
pub async fn serve(
    shown: Shown,
    listener: TcpListener,
    pages: Pages,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let pages = TowerToHyperService::new(router(shown, pages));
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(16 * 1024);
    let mut connections = JoinSet::new();
    let mut slots = Slots::default();
    let mut stop = pin!(stop);
    loop {
        let next_slot_at = slots.next_slot_at();
        let accepted = async {
            tokio::time::sleep_until(next_slot_at).await;
            listener.accept().await
        };
        let accepted = tokio::select! {
            () = &mut stop => return Ok(()),
            Some(_) = connections.join_next() => continue,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, caller)) => {
                let mut stream = TimeoutStream::new(stream);
                stream.set_write_timeout(Some(WRITE_TIMEOUT));
                let stream = TokioIo::new(Box::pin(stream));
                let serving = http1.serve_connection(stream, bounded(pages.clone()));
                slots.take(caller.ip(), || connections.spawn(serving));
            }
            // No file descriptor is free, or the peer has gone; the next accept may succeed.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The pages for one connection: the last response has `Connection: close`.
fn bounded(
    pages: TowerToHyperService<Router>,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Send {
    let answered = AtomicU32::new(0);
    service_fn(move |request: Request<Incoming>| {
        let is_last = answered.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_REQUESTS;
        let answering = pages.call(request);
        async move {
            let mut response = answering.await?;
            if is_last {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(response)
        }
    })
}

/// The sources of health and metrics.
#[derive(Clone)]
pub struct Shown {
    /// The agent.
    pub agent: Agent,
    /// The enrolled clients.
    pub clients: Clients,
}

/// The pages of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Health only.
    Health,
    /// Health and metrics.
    All,
    /// Metrics only.
    Metrics,
}

fn router(shown: Shown, pages: Pages) -> Router {
    let router = match pages {
        Pages::Metrics => Router::new(),
        Pages::Health | Pages::All => Router::new()
            .route("/health", get(health))
            .route("/health/live", get(live))
            .route("/health/ready", get(ready)),
    };
    let metrics = match pages {
        Pages::Health => get(no_metrics),
        Pages::All | Pages::Metrics => get(metrics),
    };
    router.route("/metrics", metrics).with_state(shown)
}

/// The body of `/health` and `/health/ready`.
#[derive(Serialize)]
struct Health {
    status: &'static str,
    whatsapp: WhatsApp,
    /// True if `/health/ready` answers 200: connected for at least `--ready-after`.
    ready: bool,
    /// Seconds since it connected; absent if it is not connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_seconds: Option<u64>,
    /// Seconds since it lost the connection, over all attempts; absent if it is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnected_seconds: Option<u64>,
    /// The earliest time at which it can be ready; absent if it is ready, or if it needs a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_in_seconds: Option<u64>,
    /// Seconds since the process started.
    uptime: u64,
    version: &'static str,
    /// Present, and true, in a build that connects only to the simulator.
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
    #[serde(skip_serializing_if = "String::is_empty")]
    hint: String,
}

impl Health {
    fn of(status: Status, now: SystemTime) -> Self {
        let connected = status.is_connected(now);
        let Readiness {
            ready,
            connected: connected_for,
            disconnected,
            ready_in,
        } = status.readiness(now);
        let Status {
            link, started_at, ..
        } = status;
        let status = match (connected, link.state) {
            (true, _) if ready => "healthy",
            // Connected for less than `--ready-after`: it may still fail.
            (true, _) => "settling",
            // No frame for too long: the session is about to detect that as well.
            (false, LinkState::Connected) => "silent",
            (false, state) => state.name(),
        };
        let hint = link.hint(now, clock::utc);
        Self {
            status,
            whatsapp: WhatsApp {
                connected,
                state: link.state.name(),
                phone: link.account.map(|account| account.phone.to_string()),
                reason: link.reason.map(|reason| reason.to_string()),
                hint,
            },
            ready,
            connected_seconds: connected_for.map(|span| span.as_secs()),
            disconnected_seconds: disconnected.map(|span| span.as_secs()),
            // Rounded up, so that it is ready after this time.
            ready_in_seconds: ready_in
                .map(|span| span.as_secs() + u64::from(span.subsec_nanos() > 0)),
            uptime: seconds(started_at, now),
            version: env!("CARGO_PKG_VERSION"),
            simulator: cfg!(feature = "sim"),
        }
    }
}

/// 200 while the process works, linked or not: a new deployment must pass its probe before a phone can be paired.
async fn health(State(Shown { agent, .. }): State<Shown>) -> impl IntoResponse {
    Json(Health::of(agent.status(), clock::now()))
}

async fn ready(State(Shown { agent, .. }): State<Shown>) -> impl IntoResponse {
    let health = Health::of(agent.status(), clock::now());
    let code = if health.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(health))
}

async fn live() -> &'static str {
    "live\n"
}

async fn metrics(State(shown): State<Shown>) -> impl IntoResponse {
    let header = [(CONTENT_TYPE, metrics::CONTENT_TYPE)];
    (header, metrics::exposition(&shown))
}

/// The response where metrics are not public.
async fn no_metrics() -> impl IntoResponse {
    let why = "metrics are off on this address: start the agent with --metrics on, or with --metrics ADDR for a separate address\n";
    (StatusCode::NOT_FOUND, why)
}

fn seconds(from: SystemTime, to: SystemTime) -> u64 {
    to.duration_since(from).unwrap_or_default().as_secs()
}
