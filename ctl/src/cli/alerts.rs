//! Arguments of `alerts`.

use clap::{Args, Subcommand};

/// `alerts`.
#[derive(Debug, Args)]
pub(crate) struct AlertsArgs {
    /// What to do [default: list].
    #[command(subcommand)]
    pub(crate) command: Option<AlertsCommand>,
}

/// The commands of `alerts`.
#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Send a test alert and print the result.
    Test,
    /// List pending and recent alerts, oldest first.
    List,
}
