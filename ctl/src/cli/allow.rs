//! Arguments of `allow`: whose messages are allowed.

use clap::{Args, Subcommand};

/// `allow`.
#[derive(Debug, Args)]
pub(crate) struct AllowArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: AllowCommand,
}

/// What `allow` does.
#[derive(Debug, Subcommand)]
pub(crate) enum AllowCommand {
    /// List allowed senders and groups, with the line of the rule.
    List {
        /// No effect: numbers are shown whole unless --mask is given.
        #[arg(long, hide = true)]
        show_numbers: bool,
    },
    /// Allow a number or a group in addition to the agent's file, permanently.
    Add {
        /// A number such as +15550100123, a LID (…@lid), or a group's JID (…@g.us).
        who: String,
    },
    /// Remove an added entry.
    Remove {
        /// The entry as it was added.
        who: String,
    },
    /// Reload the agent's allowlist file.
    Reload,
}
