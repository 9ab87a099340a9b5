//! Arguments for remote agents: enrolling, contexts and clients.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use openclaw_client::Endpoint;
use openclaw_proto::v1::Role;
use openclaw_trust::Fingerprint;

use super::words::words;
use crate::context::Name;

/// `enroll`.
#[derive(Debug, Args)]
pub(crate) struct EnrollArgs {
    /// Address of the agent: HOST:PORT.
    #[arg(value_name = "HOST:PORT", value_parser = parse_endpoint)]
    pub(crate) endpoint: Endpoint,
    /// Read the enrolment code from this file; `-` is stdin [default: OPENCLAW_ENROLL_CODE, else a prompt
    /// on the terminal, without echo].
    #[arg(long, value_name = "FILE")]
    pub(crate) code_file: Option<PathBuf>,
    /// The enrolment code itself. For tests only: it stays in the shell's history, and other users of this
    /// machine can see it while the command runs.
    #[arg(long, conflicts_with = "code_file")]
    pub(crate) code: Option<SecretArg>,
    /// Name of this client on the agent, unless the invitation sets one: 1 to 64 letters, digits, dots,
    /// dashes and underscores [default: this machine's host name].
    #[arg(long, value_parser = parse_client)]
    pub(crate) name: Option<String>,
    /// Replace an existing context with this endpoint or this name.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `clients`.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientsCommand {
    /// List enrolled clients and open enrolment codes.
    List,
    /// Create an enrolment code for one client, valid for 15 minutes.
    Invite {
        /// Role of the client: a reader reads, a sender also sends, an operator also pairs and changes groups and the
        /// allowlist, an admin does everything.
        #[arg(long, value_parser = words::<Role>(), default_value = "sender")]
        role: Role,
        /// Name of the client: 1 to 64 letters, digits, dots, dashes and underscores [default: chosen by the client].
        #[arg(long, value_parser = parse_client)]
        name: Option<String>,
        /// Restrict whom it may send to: a number, a LID, a group's JID, or `known`: chats from which a message is
        /// among the newest 20,000 events that are kept. Repeatable, or separated by commas [default: everyone].
        #[arg(long, value_name = "known|NUMBER", value_delimiter = ',')]
        send_to: Vec<String>,
    },
    /// Revoke a client; its connections are closed immediately.
    Revoke {
        /// Its name or its fingerprint (SHA256:…).
        client: String,
    },
    /// Generate an enrolment code for an agent that is not deployed yet; does not contact an agent.
    ///
    /// Set it as OPENCLAW_ENROLL_CODE of the agent. It enrolls one admin, and is valid for 15 minutes from
    /// the agent's first start with it.
    NewCode,
}

/// `context`.
#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// List the agents that this user is enrolled with; `*` is the current one.
    List,
    /// Set the current context: commands go to its agent unless they specify another.
    Use {
        /// Its name.
        name: Name,
    },
    /// Add an agent that has this user's key in its settings (OPENCLAW_CLIENT_KEYS), without a code.
    ///
    /// Connects, and saves the context only if the server has the given key and accepts this user's.
    Add {
        /// The name of the new context.
        name: Name,
        /// Address of the agent: HOST:PORT.
        #[arg(value_name = "HOST:PORT", value_parser = parse_endpoint)]
        endpoint: Endpoint,
        /// Fingerprint of the agent's key (SHA256:…), from its log: the field `fingerprint` of the line
        /// "openclaw-agent started".
        #[arg(long, value_name = "FINGERPRINT")]
        agent_key: Fingerprint,
        /// Context whose key the agent knows [default: of OPENCLAW_CONTEXT, or the current one].
        #[arg(long, value_name = "CONTEXT")]
        key_of: Option<Name>,
    },
    /// Rename a context.
    Rename {
        /// Its name.
        old: Name,
        /// The new name.
        new: Name,
    },
    /// Delete a context and its key locally; the agent accepts the key until it is revoked.
    Remove {
        /// Its name.
        name: Name,
        /// Revoke the key on the agent first; needs the role admin.
        #[arg(long)]
        revoke: bool,
    },
    /// Export the keys of a context (of --context, of OPENCLAW_CONTEXT, or the current one) as PEM files
    /// for other gRPC clients.
    Export {
        /// Output directory for agent.pem, client.pem and client-key.pem; created if missing.
        #[arg(long, value_name = "DIR")]
        pem: PathBuf,
        /// Replace the files if they exist.
        #[arg(long)]
        force: bool,
    },
}

/// A secret argument. `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct SecretArg(pub(crate) String);

impl fmt::Debug for SecretArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretArg(…)")
    }
}

impl From<String> for SecretArg {
    fn from(text: String) -> Self {
        Self(text)
    }
}

fn parse_endpoint(given: &str) -> Result<Endpoint, String> {
    given
        .parse()
        .map_err(|_| "give HOST:PORT, for example agent.example.com:50051".to_owned())
}

/// Checks a client name by the agent's rules.
fn parse_client(given: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if (1..=64).contains(&given.len()) && given.chars().all(is_fine) {
        Ok(given.to_owned())
    } else {
        Err("a client's name has 1 to 64 letters, digits, dots, dashes and underscores".to_owned())
    }
}
