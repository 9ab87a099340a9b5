//! The connection to the agent.

use std::error::Error;
use std::io;
use std::time::Duration;

use openclaw_proto::v1::access_client::AccessClient;
use openclaw_proto::v1::admin_client::AdminClient;
use openclaw_proto::v1::agent_client::AgentClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};
use tonic_health::pb::health_client::HealthClient;

use crate::address::Address;
use crate::failure::Failure;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a question that needs nothing of WhatsApp may take.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// A stream whose agent went silent is noticed after about this long, twice.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Connects for the agent's own service.
pub(crate) async fn agent(address: &Address) -> Result<AgentClient<Channel>, Failure> {
    Ok(AgentClient::new(connect(address).await?))
}

/// Connects for questions about whose messages are admitted.
pub(crate) async fn access(address: &Address) -> Result<AccessClient<Channel>, Failure> {
    Ok(AccessClient::new(connect(address).await?))
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

/// Waits at most `ANSWER_LIMIT` for an answer.
pub(crate) async fn answer<T>(
    address: &Address,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(ANSWER_LIMIT, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(Failure::from(status)),
        Err(_) => Err(Failure::unreachable(format!(
            "the agent at {address} did not answer within {} s",
            ANSWER_LIMIT.as_secs()
        ))
        .with_reason("NO_ANSWER")
        .with_hint("see its log; restart it if it hangs")),
    }
}

async fn connect(address: &Address) -> Result<Channel, Failure> {
    let target = match address {
        Address::Unix(path) => format!("unix:{}", path.display()),
        Address::Loopback(host) => format!("http://{host}"),
        Address::Nowhere(tried) => return Err(nowhere(tried)),
    };
    let endpoint = Endpoint::from_shared(target)
        .map_err(|error| unreachable(address, &error))?
        .connect_timeout(CONNECT_LIMIT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE);
    endpoint
        .connect()
        .await
        .map_err(|error| unreachable(address, &error))
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
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = error.to_string();
    let mut kind = None;
    while let Some(link) = cause {
        last = link.to_string();
        if let Some(io) = link.downcast_ref::<io::Error>() {
            kind = Some(io.kind());
        }
        cause = link.source();
    }
    let (why, hint) = match kind {
        Some(io::ErrorKind::NotFound) => ("there is no such socket".to_owned(), NOT_RUNNING),
        Some(io::ErrorKind::ConnectionRefused) => ("nobody listens there".to_owned(), NOT_RUNNING),
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
