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
    /// List whose messages are allowed, and by which line.
    List {
        /// Numbers are shown whole anyway, unless --mask is given.
        #[arg(long, hide = true)]
        show_numbers: bool,
    },
    /// Allow a number or a group in addition to the agent's file, permanently.
    Add {
        /// A number such as +15550100123, a LID (…@lid), or a group's JID (…@g.us).
        who: String,
    },
    /// Take back what was added.
    Remove {
        /// As it was added.
        who: String,
    },
    /// Have the agent read its file again.
    Reload,
}
