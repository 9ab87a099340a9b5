//! The gRPC API: services, listeners, health and reflection.
//!
//! Only `grpc` names prost or tonic types. A method converts, sends, awaits and converts.

mod access;
mod admin;
mod agent;
mod alerts;
mod chat_list;
mod chats;
mod clients;
mod contacts;
mod convert;
mod explain;
mod groups;
mod health;
mod history;
mod limit;
mod list;
mod listen;
mod media;
mod roles;
mod status;
mod watch;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use openclaw_proto::v1::access_server::AccessServer;
use openclaw_proto::v1::admin_server::AdminServer;
use openclaw_proto::v1::agent_server::AgentServer;
use openclaw_proto::v1::alerts_server::AlertsServer;
use openclaw_proto::v1::chats_server::ChatsServer;
use openclaw_proto::v1::clients_server::ClientsServer;
use openclaw_proto::v1::contacts_server::ContactsServer;
use openclaw_proto::v1::files_server::FilesServer;
use openclaw_proto::v1::groups_server::GroupsServer;
use openclaw_state::clients::Clients;
use openclaw_trust::Fingerprint;
use openclaw_types::{AgentName, Hardening};
use tonic::transport::Server;
use tower::filter::FilterLayer;
use tower::util::MapResponseLayer;

use crate::link::Agent;

pub use listen::{ListenError, Listeners, bind_any};

/// The largest request.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;
/// The largest response, and the largest item of a stream.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// Flow-control windows. They bound the memory of a stream and of a connection, so they are small.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 128 * 1024;
const MAX_FRAME_BYTES: u32 = 16 * 1024;
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// Concurrent streams on one connection, and unanswered calls.
const MAX_STREAMS_PER_CONNECTION: u32 = 16;
const MAX_CALLS_PER_CONNECTION: usize = 32;
/// Streams that the client opens and resets, and resets that its errors cause; more of either close the connection.
const MAX_PENDING_RESETS: usize = 20;
const MAX_LOCAL_RESETS: usize = 64;
/// Prevents proxies from closing idle connections, and detects dead peers.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// The gRPC server failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the gRPC API")]
pub struct ServeError(#[source] tonic::transport::Error);

/// How clients on other machines know and reach the agent.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The agent's name.
    pub name: AgentName,
    /// The TLS address, and the fingerprint of the agent's key.
    pub tls: Option<(SocketAddr, Fingerprint)>,
    /// The public `HOST:PORT`, if the platform sets it.
    pub public: Option<String>,
}

/// A service with the limits for the size of its messages.
macro_rules! bounded {
    ($server:ident, $service:expr) => {
        $server::new($service)
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_RESPONSE_BYTES)
    };
}

/// Serves until `stop` resolves and open calls have ended.
pub async fn serve(
    agent: Agent,
    clients: Clients,
    hardening: Hardening,
    network: Network,
    listeners: Listeners,
    stop: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) -> Result<(), ServeError> {
    let (health, watcher) = health::service(agent.watch(), agent.ready_after());
    let access = bounded!(AccessServer, access::Service::new(agent.clone()));
    let alerts = bounded!(AlertsServer, alerts::Service::new(agent.clone()));
    let admin = admin::Service::new(agent.clone(), stop.clone());
    let admin = bounded!(AdminServer, admin);
    let files = media::Service::new(agent.clone(), stop.clone());
    let files = bounded!(FilesServer, files);
    let chats = chats::Service::new(agent.clone(), stop.clone());
    let chats = bounded!(ChatsServer, chats);
    let contacts = bounded!(
        ContactsServer,
        contacts::Service::new(agent.clone(), stop.clone())
    );
    let groups = bounded!(GroupsServer, groups::Service::new(agent.clone()));
    let service = agent::Service::new(agent, hardening, network.clone(), stop.clone());
    let service = bounded!(AgentServer, service);
    let clients = bounded!(ClientsServer, clients::Service::new(clients, network));
    let watcher = tokio::spawn(watcher);
    let served = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
        .max_frame_size(MAX_FRAME_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        .http2_max_local_error_reset_streams(Some(MAX_LOCAL_RESETS))
        .concurrency_limit_per_connection(MAX_CALLS_PER_CONNECTION)
        .load_shed(true)
        .layer(FilterLayer::new(roles::authorize))
        .layer(MapResponseLayer::new(explain::explain))
        .add_service(service)
        .add_service(admin)
        .add_service(access)
        .add_service(clients)
        .add_service(alerts)
        .add_service(files)
        .add_service(chats)
        .add_service(contacts)
        .add_service(groups)
        .add_service(health)
        .add_service(reflection_v1())
        .add_service(reflection_v1alpha())
        .serve_with_incoming_shutdown(listeners.into_incoming(), stop)
        .await;
    watcher.abort();
    served.map_err(ServeError)
}

/// The version that grpcurl tries first.
fn reflection_v1() -> tonic_reflection::server::v1::ServerReflectionServer<
    impl tonic_reflection::server::v1::ServerReflection,
> {
    reflection()
        .build_v1()
        .expect("the descriptors are generated with the code")
}

/// The version that older grpcurl and grpcui use.
fn reflection_v1alpha() -> tonic_reflection::server::v1alpha::ServerReflectionServer<
    impl tonic_reflection::server::v1alpha::ServerReflection,
> {
    reflection()
        .build_v1alpha()
        .expect("the descriptors are generated with the code")
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(openclaw_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
