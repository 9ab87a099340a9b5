//! What is said of those whose messages are admitted.

use clap::{Args, Subcommand};

/// `allow`.
#[derive(Debug, Args)]
pub(crate) struct AllowArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: AllowCommand,
}

/// What can be done with the list of those who are admitted.
#[derive(Debug, Subcommand)]
pub(crate) enum AllowCommand {
    /// Say who is admitted, and by which line.
    List {
        /// Numbers are shown whole anyway, unless --mask is given.
        #[arg(long, hide = true)]
        show_numbers: bool,
    },
    /// Admit somebody beside those in the agent's file, for good.
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
