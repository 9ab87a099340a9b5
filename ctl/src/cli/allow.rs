//! What is said of those whose messages are admitted.

use clap::{Args, Subcommand};

use super::parse_phone;

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
        /// Show phone numbers in full.
        #[arg(long)]
        show_numbers: bool,
    },
    /// Admit somebody beside those in the agent's file, for good.
    Add {
        /// A number such as +15550100123, a LID (…@lid), or a group's JID (…@g.us).
        #[arg(value_parser = parse_admitted)]
        who: String,
    },
    /// Take back what was added.
    Remove {
        /// As it was added.
        #[arg(value_parser = parse_admitted)]
        who: String,
    },
    /// Have the agent read its file again.
    Reload,
}

/// A number, a LID or a group.
fn parse_admitted(given: &str) -> Result<String, String> {
    if given.ends_with("@g.us") || given.ends_with("@lid") {
        return Ok(given.to_owned());
    }
    parse_phone(given).ok_or_else(|| {
        "give a number such as +15550100123, a LID (…@lid) or a group's JID (…@g.us)".to_owned()
    })
}
