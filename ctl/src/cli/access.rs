//! What is said of agents elsewhere: enrolling, contexts, and who may call.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use openclaw_proto::v1::Role;

use super::words::words;
use crate::context::Name;
use crate::endpoint::Endpoint;

/// `enroll`.
#[derive(Debug, Args)]
pub(crate) struct EnrollArgs {
    /// Where the agent is reached: HOST:PORT.
    #[arg(value_name = "HOST:PORT", value_parser = parse_endpoint)]
    pub(crate) endpoint: Endpoint,
    /// Read the code from this file; `-` is stdin. Without it OPENCLAW_ENROLL_CODE counts, else the code
    /// is asked for on the terminal and not shown.
    #[arg(long, value_name = "FILE")]
    pub(crate) code_file: Option<PathBuf>,
    /// The code itself, for tests: it stays in the shell's history, and others on this machine can see it
    /// while the command runs.
    #[arg(long, conflicts_with = "code_file")]
    pub(crate) code: Option<Typed>,
    /// What the agent is to call this client, unless the invitation says [default: this machine's name].
    #[arg(long, value_parser = parse_client)]
    pub(crate) name: Option<String>,
    /// Replace the context that leads there, or that has the name.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `clients`.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientsCommand {
    /// List who may call the agent over the network, and which codes are still good.
    List,
    /// Make a code with which one more client can enroll within 15 minutes.
    Invite {
        /// What it may do: a reader reads, a sender also sends, an operator also pairs and changes the allowlist, an
        /// admin does everything.
        #[arg(long, value_parser = words::<Role>(), default_value = "sender")]
        role: Role,
        /// What it will be called [default: it says so itself].
        #[arg(long, value_parser = parse_client)]
        name: Option<String>,
        /// The recipients it may send to: a number, a LID, a group's JID, or `known` for the chats of the messages that the agent
        /// keeps. Repeat it, or separate several by commas [default: to everyone].
        #[arg(long, value_name = "known|NUMBER", value_delimiter = ',')]
        send_to: Vec<String>,
    },
    /// Take a client's access back. Its connections are cut at once.
    Revoke {
        /// Its name or its fingerprint (SHA256:…).
        client: String,
    },
    /// Make a code for an agent that is yet to be set up. No agent is asked.
    ///
    /// Give it to the agent as OPENCLAW_ENROLL_CODE; it is good for 15 minutes from the agent's first
    /// start with it, for one admin.
    NewCode,
}

/// `context`.
#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// List the agents that this user is enrolled with; `*` is the current one.
    List,
    /// Make a context current: commands go to its agent unless something else is said.
    Use {
        /// Its name.
        name: Name,
    },
    /// Call a context something else.
    Rename {
        /// Its name.
        old: Name,
        /// Its name from now on.
        new: Name,
    },
    /// Forget a context and its key. The agent still knows the key until it is revoked.
    Remove {
        /// Its name.
        name: Name,
        /// Have the agent revoke the key first, which needs the role admin.
        #[arg(long)]
        revoke: bool,
    },
    /// Write the keys of a context (that of --context, of OPENCLAW_CONTEXT, or the current one) for
    /// programs of another make.
    Export {
        /// The folder to write agent.pem, client.pem and client-key.pem to; it is made if need be.
        #[arg(long, value_name = "DIR")]
        pem: PathBuf,
        /// Replace the files if they exist.
        #[arg(long)]
        force: bool,
    },
}

/// Something secret on the command line. Not shown in `Debug`.
#[derive(Clone)]
pub(crate) struct Typed(pub(crate) String);

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(…)")
    }
}

impl From<String> for Typed {
    fn from(text: String) -> Self {
        Self(text)
    }
}

fn parse_endpoint(given: &str) -> Result<Endpoint, String> {
    given
        .parse()
        .map_err(|_| "give HOST:PORT, for example agent.example.com:50051".to_owned())
}

/// The name of a client, as agents take it.
fn parse_client(given: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if (1..=64).contains(&given.len()) && given.chars().all(is_fine) {
        Ok(given.to_owned())
    } else {
        Err("a client's name has 1 to 64 letters, digits, dots, dashes and underscores".to_owned())
    }
}
