//! A network client: its own key, enrolment, and gRPC over TLS, like `openclawctl`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_trust::enroll::{self, AskError, Welcome};
use openclaw_trust::{Code, Fingerprint, Identity, tls};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tonic::transport::{Channel, Endpoint};

use super::TEST_TIMEOUT;
use super::process::{Agent, POLL};

/// The arguments for serving network clients.
pub(crate) const TLS: [&str; 2] = ["--listen", "127.0.0.1:0"];
/// The start of the log line with the first code.
const FIRST: &str = "no client is enrolled yet";

/// A client with a key.
pub(crate) struct Client {
    pub(crate) identity: Arc<Identity>,
}

impl Client {
    pub(crate) fn new() -> Self {
        let identity = Arc::new(Identity::generate().unwrap());
        Self { identity }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint()
    }

    /// A client that enrolls with the code of an agent's first start.
    pub(crate) async fn first(agent: &Agent) -> Self {
        let client = Self::new();
        let code = agent.first_code().await;
        client.enroll(agent, &code, "first").await.unwrap();
        client
    }

    /// A client with this role, which is also its name.
    pub(crate) async fn invited(agent: &Agent, role: pb::Role) -> Self {
        let client = Self::new();
        let code = agent.invite(role, "").await;
        let name = format!("{role:?}");
        client.enroll(agent, &code, &name).await.unwrap();
        client
    }

    pub(crate) async fn enroll(
        &self,
        agent: &Agent,
        code: &Code,
        name: &str,
    ) -> Result<Welcome, AskError> {
        let mut stream = self.greet(agent.tls()).await?;
        let asked = enroll::ask(&mut stream, code, self.fingerprint(), name);
        tokio::time::timeout(TEST_TIMEOUT, asked).await.unwrap()
    }

    /// Performs the handshake of an enrolment.
    pub(crate) async fn greet(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let config = tls::enrolling_client(&self.identity).unwrap();
        shake(address, config).await
    }

    /// Performs the handshake of a client.
    pub(crate) async fn shake(&self, agent: &Agent) -> io::Result<TlsStream<TcpStream>> {
        let config = tls::client(&self.identity, agent.fingerprint()).unwrap();
        shake(agent.tls(), config).await
    }

    /// A connected channel.
    pub(crate) async fn connect(&self, agent: &Agent) -> Result<Channel, tonic::transport::Error> {
        self.connect_at(agent.tls(), agent).await
    }

    /// A channel connected to the agent through a proxy.
    pub(crate) async fn connect_at(
        &self,
        address: SocketAddr,
        agent: &Agent,
    ) -> Result<Channel, tonic::transport::Error> {
        let config = tls::client(&self.identity, agent.fingerprint()).unwrap();
        let endpoint = Endpoint::from_static("http://openclaw-agent");
        let connecting = endpoint.connect_with_connector(connector(address, config));
        tokio::time::timeout(TEST_TIMEOUT, connecting)
            .await
            .unwrap()
    }

    /// A channel that connects on first use.
    pub(crate) fn connect_lazily(
        &self,
        endpoint: &Endpoint,
        address: SocketAddr,
        agent: Fingerprint,
    ) -> Channel {
        let config = tls::client(&self.identity, agent).unwrap();
        endpoint.connect_with_connector_lazy(connector(address, config))
    }

    pub(crate) async fn client(&self, agent: &Agent) -> AgentClient<Channel> {
        AgentClient::new(self.connect(agent).await.unwrap())
    }

    /// The agent's report about the caller.
    pub(crate) async fn status(&self, agent: &Agent) -> pb::StatusResponse {
        let mut client = self.client(agent).await;
        let status = client.status(pb::StatusRequest {}).await;
        status.unwrap().into_inner()
    }

    /// True if the agent accepts the key. Makes a whole call, since a client's handshake completes before the agent has
    /// decided.
    pub(crate) async fn is_known(&self, agent: &Agent) -> bool {
        let Ok(channel) = self.connect(agent).await else {
            return false;
        };
        let status = AgentClient::new(channel).status(pb::StatusRequest {}).await;
        status.is_ok()
    }
}

/// The connector for a client's key.
fn connector(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> impl tower::Service<
    tonic::codegen::http::Uri,
    Response = TokioIo<TlsStream<TcpStream>>,
    Error = io::Error,
    Future: Send,
> + Send
+ 'static {
    tower::service_fn(move |_| {
        let config = Arc::clone(&config);
        async move { shake(address, config).await.map(TokioIo::new) }
    })
}

async fn shake(address: SocketAddr, config: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let shaking = TlsConnector::from(config).connect(tls::server_name(), stream);
    tokio::time::timeout(TEST_TIMEOUT, shaking).await.unwrap()
}

impl Agent {
    /// The TLS address of the current process.
    pub(crate) fn tls(&self) -> SocketAddr {
        let started = &self.since_start()[0];
        let address = started["listen"].as_str().and_then(|it| it.parse().ok());
        address.expect("an address for TLS")
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let started = &self.since_start()[0];
        let key = started["fingerprint"].as_str();
        key.and_then(|it| it.parse().ok()).expect("a fingerprint")
    }

    /// Checks that this process has logged no code.
    pub(crate) fn logged_no_code(&self) {
        let log = self.since_start();
        let has_code = |line: &serde_json::Value| line.to_string().contains("enter this code");
        assert!(!log.iter().any(has_code), "{log:?}");
    }

    /// The newest code in the log.
    pub(crate) async fn first_code(&self) -> Code {
        let reported = || {
            let log = self.since_start().into_iter();
            let mut messages = log.filter_map(|line| Some(line["message"].as_str()?.to_owned()));
            messages.find(|message| message.starts_with(FIRST))
        };
        let waiting = async {
            loop {
                match reported() {
                    Some(message) => break message,
                    None => tokio::time::sleep(POLL).await,
                }
            }
        };
        let message = tokio::time::timeout(TEST_TIMEOUT, waiting).await;
        let message = message.expect("the log has a code");
        let (_, code) = message.split_once("enter this code: ").unwrap();
        Code::parse(code).unwrap()
    }

    /// A code from an admin on the agent's machine.
    pub(crate) async fn invite(&self, role: pb::Role, name: &str) -> Code {
        self.invite_with(pb::InviteClientRequest {
            role: role.into(),
            name: name.to_owned(),
            send_to: None,
        })
        .await
    }

    /// A code for this request.
    pub(crate) async fn invite_with(&self, request: pb::InviteClientRequest) -> Code {
        let invited = self.clients().invite_client(request).await;
        Code::parse(&invited.unwrap().into_inner().code).unwrap()
    }

    pub(crate) fn clients(&self) -> pb::clients_client::ClientsClient<Channel> {
        pb::clients_client::ClientsClient::new(self.channel())
    }

    /// All clients and invitations, by name.
    pub(crate) async fn list_clients(&self) -> pb::ListClientsResponse {
        let mut clients = self.clients();
        let request = pb::ListClientsRequest::default();
        let list = clients.list_clients(request).await;
        list.unwrap().into_inner()
    }

    /// Revokes a client, from the agent's machine.
    pub(crate) async fn revoke(&self, client: &str) -> Result<pb::Client, tonic::Status> {
        let request = pb::RevokeClientRequest {
            client: client.to_owned(),
        };
        let revoked = self.clients().revoke_client(request).await?;
        Ok(revoked.into_inner().client.unwrap())
    }
}
