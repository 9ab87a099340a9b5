//! The connection to NATS, and its streams.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectOptions};
use openclaw_types::Backoff;

use crate::config;

/// The prefix of the subjects of events; then the agent's name and the kind.
pub const EVENTS: &str = "openclaw.v1";
/// The prefix of the subjects of commands; then the agent's name.
pub const COMMANDS: &str = "openclaw.commands.v1";
/// The prefix of the subjects of results; then the agent's name.
pub const RESULTS: &str = "openclaw.results.v1";

/// For one answer of the server. After it the outcome is unknown, and is read back.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection on which two pings stay unanswered is made again.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Between attempts to connect.
const RECONNECT_DELAYS: Backoff =
    Backoff::new(Duration::from_millis(50), Duration::from_millis(3_200));
/// The interval at which the state of the connection is looked at, during an outage.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Commands of the client library that wait to be written. Each agent has one publish in flight.
const MAX_WAITING: usize = 256;

/// A broker that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read, or does not have what it should.
    #[error("the credentials file: {0}")]
    Credentials(#[source] std::io::Error),
    /// No server is reachable, or none accepts the relay.
    #[error("no server accepts the connection: {0}")]
    Connect(#[source] async_nats::ConnectError),
    /// A stream does not exist and may not be created, or cannot be read.
    #[error("the stream {name}: {why}")]
    Stream {
        /// The name of the stream.
        name: String,
        /// The server's answer.
        why: String,
    },
    /// A stream has settings with which events could be stored twice, or commands carried out twice.
    #[error("the stream {name} has {found}")]
    Unfit {
        /// The name of the stream.
        name: String,
        /// The setting.
        found: &'static str,
    },
}

impl Error {
    /// What to do.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "name the file that `nsc generate creds` wrote",
            Self::Connect(_) => "check that the server runs, its address, and the credentials",
            Self::Stream { .. } => "create it, set create_streams, or check the user's permissions",
            Self::Unfit { .. } => "docs/relay.md lists what the streams need",
        }
    }
}

/// A connection that is made again for as long as the program runs.
#[derive(Debug, Clone)]
pub struct Broker {
    client: Client,
    jetstream: jetstream::Context,
}

impl Broker {
    /// Connects. With `retry` it returns at once and connects in the background.
    ///
    /// # Errors
    /// The credentials cannot be read, or, without `retry`, no connection.
    pub async fn connect(config: &config::Broker, retry: bool) -> Result<Self, Error> {
        let mut options = ConnectOptions::new()
            .name("openclaw-relay")
            .client_capacity(MAX_WAITING)
            .ping_interval(PING_INTERVAL)
            .require_tls(
                config
                    .servers
                    .iter()
                    .all(|server| server.starts_with("tls://")),
            )
            .reconnect_delay_callback(|attempts| {
                let failures = u32::try_from(attempts).unwrap_or(u32::MAX);
                RECONNECT_DELAYS.after(failures.saturating_add(1))
            });
        if let Some(path) = &config.credentials {
            let read = options.credentials_file(path).await;
            options = read.map_err(Error::Credentials)?;
        }
        if let Some(path) = &config.ca {
            options = options.add_root_certificates(path.clone());
        }
        if let (Some(certificate), Some(key)) = (&config.certificate, &config.key) {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        if retry {
            options = options.retry_on_initial_connect();
        }
        let client = options
            .connect(&config.servers)
            .await
            .map_err(Error::Connect)?;
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(ANSWER_TIMEOUT);
        Ok(Self { client, jetstream })
    }

    /// JetStream.
    #[must_use]
    pub const fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    /// True while a server is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Waits until a server is connected. What is published before waits in memory, so nothing is.
    pub async fn connected(&self) {
        while !self.is_connected() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Opens the stream of the events.
    ///
    /// # Errors
    /// It is missing, or unfit.
    pub async fn events(&self, config: &config::Broker) -> Result<stream::Stream, Error> {
        let wanted = stream::Config {
            name: config.events_stream.clone(),
            subjects: vec![format!("{EVENTS}.>")],
            ..settings(config)
        };
        let stream = self.open(wanted, config.create_streams).await?;
        let found = &stream.cached_info().config;
        fit(
            found,
            found.retention == stream::RetentionPolicy::Limits,
            "a retention by consumers: messages must stay to be read back",
        )?;
        fit(found, !found.no_ack, "no acknowledgements")?;
        fit(found, found.mirror.is_none(), "a mirror")?;
        Ok(stream)
    }

    /// Opens the stream of the commands.
    ///
    /// # Errors
    /// It is missing, or unfit.
    pub async fn commands(&self, config: &config::Broker) -> Result<stream::Stream, Error> {
        let wanted = stream::Config {
            name: config.commands_stream.clone(),
            subjects: vec![format!("{COMMANDS}.*")],
            retention: stream::RetentionPolicy::WorkQueue,
            ..settings(config)
        };
        let stream = self.open(wanted, config.create_streams).await?;
        let found = &stream.cached_info().config;
        fit(
            found,
            found.retention == stream::RetentionPolicy::WorkQueue,
            "another retention than that of a work queue",
        )?;
        Ok(stream)
    }

    /// Opens the stream of the results.
    ///
    /// # Errors
    /// It is missing.
    pub async fn results(&self, config: &config::Broker) -> Result<stream::Stream, Error> {
        let wanted = stream::Config {
            name: config.results_stream.clone(),
            subjects: vec![format!("{RESULTS}.*")],
            ..settings(config)
        };
        self.open(wanted, config.create_streams).await
    }

    async fn open(&self, wanted: stream::Config, create: bool) -> Result<stream::Stream, Error> {
        let name = wanted.name.clone();
        let found = self.jetstream.get_stream(&name).await;
        let Err(error) = found else {
            return found.map_err(|error| missing(&name, &error));
        };
        let is_missing = matches!(error.kind(), jetstream::context::GetStreamErrorKind::JetStream(found) if found.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND);
        if !is_missing || !create {
            return Err(missing(&name, &error));
        }
        let made = self.jetstream.create_stream(wanted).await;
        made.map_err(|error| missing(&name, &error))
    }
}

fn settings(config: &config::Broker) -> stream::Config {
    stream::Config {
        num_replicas: config.replicas,
        max_age: config.keep(),
        duplicate_window: Duration::from_secs(config.duplicate_window_seconds),
        ..Default::default()
    }
}

fn missing(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Stream {
        name: name.to_owned(),
        why: error.to_string(),
    }
}

fn fit(config: &stream::Config, is_fit: bool, found: &'static str) -> Result<(), Error> {
    if is_fit {
        return Ok(());
    }
    let name = config.name.clone();
    Err(Error::Unfit { name, found })
}
