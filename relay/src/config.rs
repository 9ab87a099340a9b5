//! The configuration file. Every fault is reported at once, each with its place and what to do.

mod faults;
mod webhook;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use openclaw_client::Endpoint;
use serde::Deserialize;

pub use faults::{Fault, Faults};
pub use webhook::{Outgoing, Unusable, Webhook};

/// A file that is larger is not a configuration.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// The longest name of an agent, in characters; a consumer's name may be as long.
const MAX_NAME_CHARS: usize = 64;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where `/health` and `/metrics` are served; absent: nowhere.
    pub http: Option<SocketAddr>,
    /// The broker; absent: webhooks only.
    pub broker: Option<Broker>,
    /// The agents.
    #[serde(default, rename = "agent")]
    pub agents: Vec<Agent>,
    /// The receivers of events over HTTP.
    #[serde(default, rename = "webhook")]
    pub webhooks: Vec<Webhook>,
    /// How webhooks leave this machine.
    #[serde(default)]
    pub outgoing: Outgoing,
    /// The directory of the webhooks' dead letters.
    pub dead_letters: Option<PathBuf>,
}

/// The NATS servers and the streams.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`, one for each server of the cluster.
    pub servers: Vec<String>,
    /// A file with the user's JWT and seed, as `nsc` writes it.
    pub credentials: Option<PathBuf>,
    /// A PEM file with the certificate authorities of the servers; absent: those of the system.
    pub ca: Option<PathBuf>,
    /// A PEM file with the relay's certificate, for servers that ask for one.
    pub certificate: Option<PathBuf>,
    /// A PEM file with the key of `certificate`.
    pub key: Option<PathBuf>,
    /// The stream of the events.
    #[serde(default = "events_stream")]
    pub events_stream: String,
    /// The stream of the commands.
    #[serde(default = "commands_stream")]
    pub commands_stream: String,
    /// The stream of the results of commands.
    #[serde(default = "results_stream")]
    pub results_stream: String,
    /// Whether to create the streams that do not exist.
    #[serde(default = "yes")]
    pub create_streams: bool,
    /// Of a stream that is created: on how many servers it is kept.
    #[serde(default = "one")]
    pub replicas: usize,
    /// Of a stream that is created: how long its messages are kept, in days.
    #[serde(default = "thirty")]
    pub keep_days: u64,
    /// Of a stream that is created: how long the server remembers message ids, in seconds. The relay does not depend on it.
    #[serde(default = "two_minutes")]
    pub duplicate_window_seconds: u64,
}

/// An agent, and what is relayed of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its name in subjects.
    pub name: String,
    /// `unix:PATH`, or `HOST:PORT` with `credentials`.
    pub endpoint: String,
    /// The directory that `openclawctl context export` wrote.
    pub credentials: Option<PathBuf>,
    /// The name of the relay's position at the agent.
    #[serde(default = "consumer")]
    pub consumer: String,
    /// Where a new consumer begins.
    #[serde(default)]
    pub start: Start,
    /// Whether commands to this agent are carried out.
    #[serde(default)]
    pub commands: bool,
}

/// Where a new consumer begins.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// With the oldest event that the agent keeps.
    #[default]
    Oldest,
    /// With the next event.
    New,
}

/// How an agent is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Over its unix socket.
    Unix(PathBuf),
    /// Over the network.
    Network(Endpoint),
}

impl Agent {
    /// The address in `endpoint`, if it is one.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        match self.endpoint.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Some(Address::Unix(PathBuf::from(path))),
            Some(_) => None,
            None => self.endpoint.parse().ok().map(Address::Network),
        }
    }
}

impl Broker {
    /// How long messages are kept in a stream that is created.
    #[must_use]
    pub const fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_days * 24 * 60 * 60)
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// All faults of the file.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let text = read(path).map_err(|error| {
            Faults::of(Fault::new(
                path.display().to_string(),
                format!("cannot be read: {error}"),
                "name the configuration file, and let the relay's user read it",
            ))
        })?;
        Self::parse(&text)
    }

    /// Parses and checks a text.
    ///
    /// # Errors
    /// All faults of the text; of those in its syntax only the first.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            Faults::of(Fault::new(
                format!("line {line}"),
                error.message().to_owned(),
                "docs/relay.md and docs/webhooks.md list the settings",
            ))
        })?;
        let faults = config.faults();
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(faults)
        }
    }

    fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        match &self.broker {
            Some(broker) => broker.check(&mut faults),
            None if self.webhooks.is_empty() => {
                let hint = "add a [broker] section, or a [[webhook]]";
                faults.add("broker", "there is nowhere to relay to", hint);
            }
            None => {}
        }
        if self.agents.is_empty() {
            faults.add("agent", "no agent is named", "add an [[agent]] section");
        }
        for (at, agent) in self.agents.iter().enumerate() {
            let place = |field: &str| format!("agent {}, {field}", at + 1);
            agent.check(&place, &mut faults);
            if self.agents[..at]
                .iter()
                .any(|other| other.name == agent.name)
            {
                let hint = "give each agent its own name: it is part of the subjects";
                faults.add(place("name"), "the name is used twice", hint);
            }
            if agent.commands && self.broker.is_none() {
                let hint = "add a [broker] section";
                faults.add(place("commands"), "they come from a broker", hint);
            }
        }
        self.check_webhooks(&mut faults);
        faults
    }

    fn check_webhooks(&self, faults: &mut Faults) {
        for (at, webhook) in self.webhooks.iter().enumerate() {
            webhook.check(at, self, faults);
            let earlier = &self.webhooks[..at];
            if earlier.iter().any(|other| other.name == webhook.name) {
                let place = format!("webhook {}, name", at + 1);
                faults.add(place, "the name is used twice", "give each webhook its own");
            }
        }
        if !self.webhooks.is_empty() {
            self.outgoing.check(faults);
            if self.dead_letters.is_none() {
                let hint = "name a directory that stays, for example /var/lib/openclaw-relay";
                faults.add("dead_letters", "missing: webhooks need it", hint);
            }
        }
    }
}

impl Broker {
    fn check(&self, faults: &mut Faults) {
        if self.servers.is_empty() {
            let hint = "for example servers = [\"nats://127.0.0.1:4222\"]";
            faults.add("broker, servers", "no server is named", hint);
        }
        for server in &self.servers {
            let known = ["nats://", "tls://"];
            let rest = known.iter().find_map(|scheme| server.strip_prefix(scheme));
            if rest.is_none_or(str::is_empty) {
                let hint = "write nats://HOST:PORT, or tls://HOST:PORT";
                faults.add("broker, servers", "not the address of a server", hint);
            } else if rest.is_some_and(|rest| rest.contains('@')) {
                let hint = "use a credentials file: an address is logged";
                faults.add("broker, servers", "the address has a password", hint);
            }
        }
        if self.certificate.is_some() != self.key.is_some() {
            let hint = "name both files, or neither";
            faults.add(
                "broker, certificate",
                "certificate and key go together",
                hint,
            );
        }
        self.check_streams(faults);
    }

    fn check_streams(&self, faults: &mut Faults) {
        let streams = [
            ("broker, events_stream", &self.events_stream),
            ("broker, commands_stream", &self.commands_stream),
            ("broker, results_stream", &self.results_stream),
        ];
        for (at, (place, name)) in streams.iter().enumerate() {
            if !is_token(name) {
                faults.add(*place, "not a name for a stream", TOKEN_HINT);
            }
            if streams[..at].iter().any(|(_, other)| other == name) {
                faults.add(*place, "two streams have this name", "give each its own");
            }
        }
        if !matches!(self.replicas, 1 | 3 | 5) {
            faults.add(
                "broker, replicas",
                "must be 1, 3 or 5",
                "1 for a single server",
            );
        }
        if !(1..=3650).contains(&self.keep_days) {
            faults.add(
                "broker, keep_days",
                "must be 1 to 3650",
                "the default is 30",
            );
        }
        if !(1..=86_400).contains(&self.duplicate_window_seconds) {
            let hint = "the default is 120";
            faults.add(
                "broker, duplicate_window_seconds",
                "must be 1 to 86400",
                hint,
            );
        }
    }
}

const TOKEN_HINT: &str = "use 1 to 64 letters, digits, dashes and underscores";

impl Agent {
    fn check(&self, place: &dyn Fn(&str) -> String, faults: &mut Faults) {
        if !is_token(&self.name) {
            faults.add(place("name"), "not a part of a subject", TOKEN_HINT);
        }
        if !is_token(&self.consumer) {
            faults.add(place("consumer"), "not a name for a consumer", TOKEN_HINT);
        }
        let hint = "write unix:/PATH, or HOST:PORT with credentials";
        match (self.address(), &self.credentials) {
            (None, _) => faults.add(place("endpoint"), "not an agent's address", hint),
            (Some(Address::Network(_)), None) => faults.add(
                place("credentials"),
                "missing: an agent on the network knows its clients by their keys",
                "enrol with `openclawctl enroll`, then `openclawctl context export` writes the directory",
            ),
            (Some(Address::Unix(_)), Some(_)) => faults.add(
                place("credentials"),
                "a unix socket needs none",
                "remove them, or name the agent's --listen address",
            ),
            _ => {}
        }
    }
}

/// True for one token of a subject that needs no escapes anywhere.
fn is_token(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=MAX_NAME_CHARS).contains(&text.len()) && text.chars().all(is_plain)
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    fs::read_to_string(path)
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn events_stream() -> String {
    "OPENCLAW_EVENTS".to_owned()
}

fn commands_stream() -> String {
    "OPENCLAW_COMMANDS".to_owned()
}

fn results_stream() -> String {
    "OPENCLAW_RESULTS".to_owned()
}

fn consumer() -> String {
    "relay".to_owned()
}

const fn yes() -> bool {
    true
}

const fn one() -> usize {
    1
}

const fn thirty() -> u64 {
    30
}

const fn two_minutes() -> u64 {
    120
}

#[cfg(test)]
mod tests;
