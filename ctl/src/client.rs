//! The connection to the agent.

pub(crate) mod pages;
pub(crate) mod tls;

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use openclaw_client::{causes, tls_error};
use openclaw_proto::v1::access_client::AccessClient;
use openclaw_proto::v1::admin_client::AdminClient;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::alerts_client::AlertsClient;
use openclaw_proto::v1::chats_client::ChatsClient;
use openclaw_proto::v1::clients_client::ClientsClient;
use openclaw_proto::v1::contacts_client::ContactsClient;
use openclaw_proto::v1::files_client::FilesClient;
use openclaw_proto::v1::groups_client::GroupsClient;
use tonic::transport::Channel;
use tonic::{Response, Status};
use tonic_health::pb::health_client::HealthClient;

use crate::address::Address;
use crate::clock;
use crate::context::Context;
use crate::failure::{Failure, is_transport};

/// The timeout of a call that does not depend on WhatsApp.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A list of 100,000 people takes 5 MB; the file that it is loaded from may have 4 MiB.
const MAX_LIST_BYTES: usize = 32 << 20;

/// Connects to the service `Agent`.
pub(crate) async fn agent(address: &Address) -> Result<AgentClient<Channel>, Failure> {
    Ok(AgentClient::new(connect(address).await?))
}

/// Connects to the service `Access`.
pub(crate) async fn access(address: &Address) -> Result<AccessClient<Channel>, Failure> {
    Ok(access_over(connect(address).await?))
}

/// The service `Access`, over a connection.
pub(crate) fn access_over(channel: Channel) -> AccessClient<Channel> {
    AccessClient::new(channel).max_decoding_message_size(MAX_LIST_BYTES)
}

/// Connects to the service `Alerts`.
pub(crate) async fn alerts(address: &Address) -> Result<AlertsClient<Channel>, Failure> {
    Ok(AlertsClient::new(connect(address).await?))
}

/// Connects to the service `Clients`.
pub(crate) async fn clients(address: &Address) -> Result<ClientsClient<Channel>, Failure> {
    Ok(ClientsClient::new(connect(address).await?))
}

/// Connects to the service `Files`.
pub(crate) async fn files(address: &Address) -> Result<FilesClient<Channel>, Failure> {
    Ok(FilesClient::new(connect(address).await?))
}

/// Connects to the service `Chats`.
pub(crate) async fn chats(address: &Address) -> Result<ChatsClient<Channel>, Failure> {
    Ok(ChatsClient::new(connect(address).await?))
}

/// Connects to the service `Contacts`.
pub(crate) async fn contacts(address: &Address) -> Result<ContactsClient<Channel>, Failure> {
    Ok(ContactsClient::new(connect(address).await?))
}

/// Connects to the service `Groups`.
pub(crate) async fn groups(address: &Address) -> Result<GroupsClient<Channel>, Failure> {
    Ok(GroupsClient::new(connect(address).await?))
}

/// Connects to the services `Admin` and `Agent`, over one connection.
pub(crate) async fn admin(
    address: &Address,
) -> Result<(AdminClient<Channel>, AgentClient<Channel>), Failure> {
    let channel = connect(address).await?;
    Ok((AdminClient::new(channel.clone()), AgentClient::new(channel)))
}

/// Connects to the standard health service.
pub(crate) async fn health(address: &Address) -> Result<HealthClient<Channel>, Failure> {
    Ok(HealthClient::new(connect(address).await?))
}

/// Unwraps a response. Its header has the time of the agent.
pub(crate) fn taken<T>(response: Response<T>) -> T {
    let date = response.metadata().get("date");
    if let Some(date) = date.and_then(|date| date.to_str().ok()) {
        clock::answered(date);
    }
    response.into_inner()
}

/// Waits at most `CALL_TIMEOUT` for a response.
pub(crate) async fn answer<T>(
    address: &Address,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    answer_within(address, CALL_TIMEOUT, call).await
}

/// Waits at most this long for a response.
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

/// A plain-text connection is only rejected by the response: the server may speak TLS.
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

/// Connects to the agent.
pub(crate) async fn connect(address: &Address) -> Result<Channel, Failure> {
    let connected = match address {
        Address::Unix(path) => openclaw_client::over_unix(path).await,
        Address::Loopback(endpoint) => openclaw_client::over_loopback(endpoint).await,
        Address::Context(context) => return over_tls(context).await,
        Address::Nowhere(tried) => return Err(nowhere(tried)),
    };
    connected.map_err(|error| unreachable(address, &error))
}

async fn over_tls(context: &Arc<Context>) -> Result<Channel, Failure> {
    let connected = openclaw_client::over_tls(Arc::clone(context)).await;
    connected.map_err(|error| match tls_error(&error) {
        Some(known) => tls::in_context(known, context.name(), context.endpoint()),
        None => unreachable(&Address::Context(Arc::clone(context)), &error),
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
