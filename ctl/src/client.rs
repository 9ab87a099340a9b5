//! The connection to the agent.

pub(crate) mod pages;
pub(crate) mod tls;

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use openclaw_proto::v1::access_client::AccessClient;
use openclaw_proto::v1::admin_client::AdminClient;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::alerts_client::AlertsClient;
use openclaw_proto::v1::clients_client::ClientsClient;
use openclaw_proto::v1::files_client::FilesClient;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tower::service_fn;

use crate::address::Address;
use crate::clock;
use crate::context::Context;
use crate::failure::{Failure, is_transport};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a question that needs nothing of WhatsApp may take.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A stream whose agent went silent is asked whether it lives after the first, and given up after the
/// second. Proxies and NAT forget connections that are silent for a minute or more.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// A list of 100,000 people takes 5 MB; the file that it is read from may have 4 MiB.
const MAX_LIST_BYTES: usize = 32 << 20;

/// Connects for the agent's own service.
pub(crate) async fn agent(address: &Address) -> Result<AgentClient<Channel>, Failure> {
    Ok(AgentClient::new(connect(address).await?))
}

/// Connects for questions about whose messages are allowed.
pub(crate) async fn access(address: &Address) -> Result<AccessClient<Channel>, Failure> {
    let client = AccessClient::new(connect(address).await?);
    Ok(client.max_decoding_message_size(MAX_LIST_BYTES))
}

/// Connects for questions about alerts.
pub(crate) async fn alerts(address: &Address) -> Result<AlertsClient<Channel>, Failure> {
    Ok(AlertsClient::new(connect(address).await?))
}

/// Connects for questions about who may call.
pub(crate) async fn clients(address: &Address) -> Result<ClientsClient<Channel>, Failure> {
    Ok(ClientsClient::new(connect(address).await?))
}

/// Connects for downloads.
pub(crate) async fn files(address: &Address) -> Result<FilesClient<Channel>, Failure> {
    Ok(FilesClient::new(connect(address).await?))
}

/// Connects for administration, and for the agent's own service over the same connection.
pub(crate) async fn admin(
    address: &Address,
) -> Result<(AdminClient<Channel>, AgentClient<Channel>), Failure> {
    let channel = connect(address).await?;
    Ok((AdminClient::new(channel.clone()), AgentClient::new(channel)))
}

/// Connects for the standard health service.
pub(crate) async fn health(address: &Address) -> Result<HealthClient<Channel>, Failure> {
    Ok(HealthClient::new(connect(address).await?))
}

/// What an answer says. Its header says what time it is there.
pub(crate) fn taken<T>(response: Response<T>) -> T {
    let date = response.metadata().get("date");
    if let Some(date) = date.and_then(|date| date.to_str().ok()) {
        clock::answered(date);
    }
    response.into_inner()
}

/// Waits at most `CALL_TIMEOUT` for an answer.
pub(crate) async fn answer<T>(
    address: &Address,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    answer_within(address, CALL_TIMEOUT, call).await
}

/// Waits at most so long for an answer.
pub(crate) async fn answer_within<T>(
    address: &Address,
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(response)) => Ok(taken(response)),
        Ok(Err(status)) => Err(refused(address, status)),
        Err(_) => Err(Failure::unreachable(format!(
            "the agent at {address} did not answer within {} s",
            limit.as_secs()
        ))
        .with_reason("NO_ANSWER")
        .with_hint("see the agent's log; restart it if it hangs")),
    }
}

/// What answers in plain text is not known before it does: it may be that it speaks TLS.
fn refused(address: &Address, status: Status) -> Failure {
    let lost = is_transport(&status);
    let failure = Failure::from(status);
    match address {
        Address::Loopback(endpoint) if lost => failure.with_hint(format!(
            "check that it runs; if that port is its --listen, which speaks TLS: `openclawctl enroll {endpoint}`"
        )),
        _ => failure,
    }
}

async fn connect(address: &Address) -> Result<Channel, Failure> {
    let target = match address {
        Address::Unix(path) => format!("unix:{}", path.display()),
        Address::Loopback(endpoint) => format!("http://{endpoint}"),
        Address::Context(context) => return over_tls(Arc::clone(context)).await,
        Address::Nowhere(tried) => return Err(nowhere(tried)),
    };
    let endpoint = endpoint(target).map_err(|error| unreachable(address, &error))?;
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .connect()
        .await
        .map_err(|error| unreachable(address, &error))
}

fn endpoint(target: String) -> Result<Endpoint, tonic::transport::Error> {
    Ok(Endpoint::from_shared(target)?
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT))
}

/// The name in what is asked is that of every agent: where it is reached says nothing about who it is.
async fn over_tls(context: Arc<Context>) -> Result<Channel, Failure> {
    let told = Arc::clone(&context);
    let connector = service_fn(move |_| {
        let context = Arc::clone(&context);
        async move { tls::connect(&context).await.map(TokioIo::new) }
    });
    // The first is for the connector, which makes TLS of it; the second stands in what is asked.
    let connected = match endpoint(format!("http://{}", openclaw_trust::tls::SERVER_NAME)) {
        Ok(endpoint) => {
            let origin = Uri::from_static("https://openclaw-agent");
            let endpoint = endpoint.origin(origin);
            endpoint.connect_with_connector(connector).await
        }
        Err(error) => Err(error),
    };
    connected.map_err(|error| {
        let found = causes(&error).find_map(|cause| cause.downcast_ref::<tls::Error>());
        match found {
            Some(known) => known.in_context(told.name(), told.endpoint()),
            None => unreachable(&Address::Context(told), &error),
        }
    })
}

/// `error`, and what it came from.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause: &&'a (dyn Error + 'static)| {
        cause.source()
    })
}

fn nowhere(tried: &[std::path::PathBuf]) -> Failure {
    let tried: Vec<String> = tried
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    Failure::unreachable(format!("no agent found: tried {}", tried.join(", ")))
        .with_reason("NO_AGENT")
        .with_hint("start the agent, or name its socket with --agent or OPENCLAW_AGENT")
}

fn unreachable(address: &Address, error: &(dyn Error + 'static)) -> Failure {
    let last = causes(error).last().unwrap_or(error).to_string();
    let io = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    let kind = io.last().map(io::Error::kind);
    let (why, hint) = match kind {
        Some(io::ErrorKind::NotFound) => ("the socket does not exist".to_owned(), NOT_RUNNING),
        Some(io::ErrorKind::ConnectionRefused) => ("nothing listens there".to_owned(), NOT_RUNNING),
        Some(io::ErrorKind::PermissionDenied) => (
            "permission denied".to_owned(),
            "run this as the user that the agent runs as",
        ),
        _ => (last, NOT_RUNNING),
    };
    Failure::unreachable(format!("cannot reach the agent at {address}: {why}"))
        .with_reason("UNREACHABLE")
        .with_hint(hint)
}

const NOT_RUNNING: &str = "start the agent, or name its socket with --agent or OPENCLAW_AGENT";
