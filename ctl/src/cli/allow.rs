//! Arguments of `allow`, which shows and changes the allowlist.

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
    /// List the allowed people and groups, each with its line in the file.
    List {
        /// No effect: numbers are shown in full unless --mask is set.
        #[arg(long, hide = true)]
        show_numbers: bool,
    },
    /// Allow a number or a group in addition to the agent's file, permanently.
    Add {
        /// A number such as +15550100123, a LID (…@lid), or a group's JID (…@g.us).
        who: String,
    },
    /// Remove an entry that was added.
    Remove {
        /// The number, LID or group, as it was added.
        who: String,
    },
    /// Reload the agent's allowlist file.
    Reload,
}
