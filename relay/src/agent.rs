//! The connection to an agent, with the key that the relay is enrolled with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use openclaw_client::{Endpoint, Peer, tls_error};
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_trust::{BadFingerprint, Fingerprint, Identity, IdentityError};
use tonic::Status;
use tonic::transport::{self, Channel};
use zeroize::Zeroizing;

use crate::config::{self, Address};

/// For a call that does not depend on WhatsApp.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The files of `openclawctl context export`.
const AGENT_FILE: &str = "agent.pem";
const CERTIFICATE_FILE: &str = "client.pem";
const KEY_FILE: &str = "client-key.pem";

/// Keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The agent's certificate is none.
    #[error("{AGENT_FILE}: {0}")]
    Agent(#[from] BadFingerprint),
    /// The relay's key or certificate is none, or they do not match.
    #[error("{CERTIFICATE_FILE} and {KEY_FILE}: {0}")]
    Client(#[from] IdentityError),
}

/// An agent that cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// A call failed.
    #[error("the agent answered {:?}: {}", .0.code(), .0.message())]
    Call(Box<Status>),
    /// A call got no answer.
    #[error("the agent did not answer within {} s", CALL_TIMEOUT.as_secs())]
    Silent,
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status))
    }
}

/// An agent of the configuration.
#[derive(Clone)]
pub struct Agent {
    way: Way,
}

#[derive(Clone)]
enum Way {
    Unix(PathBuf),
    Tls(Arc<Enrolled>),
}

struct Enrolled {
    endpoint: Endpoint,
    identity: Identity,
    agent: Fingerprint,
}

impl Peer for Enrolled {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fingerprint(&self) -> Fingerprint {
        self.agent
    }
}

impl Agent {
    /// Reads the keys. The configuration has been checked.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn read(config: &config::Agent) -> Result<Self, BadKeys> {
        let way = match config.address().expect("the configuration was checked") {
            Address::Unix(path) => Way::Unix(path),
            Address::Network(endpoint) => {
                let dir = config.credentials.as_deref();
                let dir = dir.expect("the configuration was checked");
                Way::Tls(Arc::new(Enrolled::read(endpoint, dir)?))
            }
        };
        Ok(Self { way })
    }

    /// Connects, for calls to its main service.
    ///
    /// # Errors
    /// No connection.
    pub async fn connect(&self) -> Result<AgentClient<Channel>, Error> {
        Ok(AgentClient::new(self.channel().await?))
    }

    /// Connects.
    ///
    /// # Errors
    /// No connection.
    pub async fn channel(&self) -> Result<Channel, Error> {
        let connected = match &self.way {
            Way::Unix(path) => openclaw_client::over_unix(path).await,
            Way::Tls(enrolled) => openclaw_client::over_tls(Arc::clone(enrolled)).await,
        };
        connected.map_err(|error| Error::Connect(why(&error)))
    }
}

impl Enrolled {
    fn read(endpoint: Endpoint, dir: &Path) -> Result<Self, BadKeys> {
        let read = |name: &str| {
            let path = dir.join(name);
            let content = fs::read(&path).map(Zeroizing::new);
            content.map_err(|source| BadKeys::File { path, source })
        };
        Ok(Self {
            endpoint,
            agent: Fingerprint::of_certificate_pem(&read(AGENT_FILE)?)?,
            identity: Identity::from_pem(&read(KEY_FILE)?, &read(CERTIFICATE_FILE)?)?,
        })
    }
}

fn why(error: &transport::Error) -> String {
    match tls_error(error) {
        Some(known) => known.to_string(),
        None => openclaw_client::causes(error)
            .last()
            .map_or_else(|| error.to_string(), ToString::to_string),
    }
}

/// Waits for the answer to a call.
///
/// # Errors
/// The call failed, or got no answer.
pub async fn answer<T>(
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, Error> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => Ok(answer?.into_inner()),
        Err(_) => Err(Error::Silent),
    }
}

/// The id of the agent's store, once it is set up.
///
/// # Errors
/// The agent cannot be asked.
pub async fn store_id(client: &mut AgentClient<Channel>) -> Result<Vec<u8>, Error> {
    let status = answer(client.status(pb::StatusRequest {})).await?;
    Ok(status.agent.unwrap_or_default().store_id)
}
