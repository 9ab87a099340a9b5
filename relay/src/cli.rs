//! The command line.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::dead_letters::again::Which;

/// Events of OpenClaw agents into NATS JetStream and to webhooks, and commands back
#[derive(Debug, Parser)]
#[command(name = "openclaw-relay", version)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The command line; the man pages are generated from it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a configuration, and that the agents and the broker can be reached with it
    ///
    /// Streams that do not exist are created, unless create_streams is false.
    Check {
        /// The configuration file
        config: PathBuf,
        /// Check the file only
        #[arg(long)]
        offline: bool,
    },
    /// Relay until a signal stops it
    Run {
        /// The configuration file
        config: PathBuf,
    },
    /// Events that a webhook's receiver has not taken
    DeadLetters {
        /// The command.
        #[command(subcommand)]
        command: DeadLetters,
    },
}

/// `dead-letters`.
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// List them: id, webhook, agent, kind, time, and why
    List {
        /// The configuration file
        config: PathBuf,
        /// Only those of this webhook
        #[arg(long, value_name = "NAME")]
        webhook: Option<String>,
        /// An object for each
        #[arg(long)]
        json: bool,
    },
    /// Deliver them again, and remove those that are delivered
    Replay(Chosen),
    /// Remove them without delivering them
    Drop(Chosen),
}

/// Which dead letters.
#[derive(Debug, Args)]
pub struct Chosen {
    /// The configuration file
    pub config: PathBuf,
    /// Their ids
    #[arg(
        value_name = "ID",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub ids: Vec<String>,
    /// All of them
    #[arg(long)]
    pub all: bool,
    /// Only those of this webhook
    #[arg(long, value_name = "NAME")]
    pub webhook: Option<String>,
}

impl Command {
    /// The path of its configuration file.
    #[must_use]
    pub fn config(&self) -> &Path {
        match self {
            Self::Check { config, .. } | Self::Run { config } => config,
            Self::DeadLetters { command } => match command {
                DeadLetters::List { config, .. } => config,
                DeadLetters::Replay(chosen) | DeadLetters::Drop(chosen) => &chosen.config,
            },
        }
    }
}

impl From<Chosen> for Which {
    fn from(Chosen { ids, webhook, .. }: Chosen) -> Self {
        Self { webhook, ids }
    }
}
