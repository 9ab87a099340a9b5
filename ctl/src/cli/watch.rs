//! The arguments of watching and listing events.

use clap::{Args, Subcommand};
use openclaw_proto::v1::{ChatKind, EventKind};

use super::words::words;

/// `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Start after this event; 0 is the oldest that is kept [default: where the last watch ended].
    #[arg(long, value_name = "SEQ")]
    pub(crate) after: Option<u64>,
    /// Start at the oldest event that is kept.
    #[arg(long, conflicts_with = "after")]
    pub(crate) from_start: bool,
    /// The events to print.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Name of a consumer: the agent stores the position, instead of a file of this user.
    ///
    /// A new consumer starts with new events, or at --from-start or --after.
    #[arg(long, value_name = "NAME")]
    pub(crate) consumer: Option<String>,
    /// Stop at the newest event instead of waiting for more.
    #[arg(long, visible_alias = "once")]
    pub(crate) no_follow: bool,
}

/// `events`.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// The events to print.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Maximum number of events.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

/// The events to print.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only events of this kind. Repeat it, or separate several by commas.
    #[arg(
        long = "kind",
        alias = "kinds",
        value_parser = words::<EventKind>(),
        value_delimiter = ',',
        value_name = "KIND"
    )]
    pub(crate) kinds: Vec<EventKind>,
    /// Only events of this chat: a number, a LID or a group's JID. Repeat it, or separate several by commas.
    #[arg(
        long = "chat",
        alias = "chats",
        value_delimiter = ',',
        value_name = "CHAT"
    )]
    pub(crate) chats: Vec<String>,
    /// Only events of chats of this kind [default: person,group].
    #[arg(
        long = "chat-kind",
        value_parser = words::<ChatKind>(),
        value_delimiter = ',',
        value_name = "KIND"
    )]
    pub(crate) chat_kinds: Vec<ChatKind>,
}

/// `consumers`.
#[derive(Debug, Args)]
pub(crate) struct ConsumersArgs {
    /// What to do [default: list].
    #[command(subcommand)]
    pub(crate) command: Option<ConsumersCommand>,
}

/// The commands of `consumers`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConsumersCommand {
    /// List them.
    List,
    /// Forget one.
    Remove {
        /// Its name.
        name: String,
    },
}
