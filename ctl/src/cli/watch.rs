//! The arguments of watching and listing events.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use openclaw_proto::v1::{ChatKind, EventKind};

use super::words::words;
use crate::bytes;

/// `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Start after this event; 0 is the oldest that is kept [default: where the last watch ended].
    #[arg(long, value_name = "SEQ")]
    pub(crate) after: Option<u64>,
    /// Start at the oldest event that is kept.
    #[arg(long, conflicts_with = "after")]
    pub(crate) from_start: bool,
    /// Event filter.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Let the agent store the position, under this consumer name, instead of a file of this user.
    ///
    /// A new consumer starts with new events, or at --from-start or --after.
    #[arg(long, value_name = "NAME")]
    pub(crate) consumer: Option<String>,
    /// Also print who is online and who types in this chat, as it happens: a number, a LID or a group's JID. Repeatable, or
    /// separated by commas.
    ///
    /// The account is online while this runs, and so the phone shows no notifications.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "CHAT",
        conflicts_with = "no_follow"
    )]
    pub(crate) presence: Vec<String>,
    /// Stop at the newest event instead of waiting for more.
    #[arg(long, visible_alias = "once")]
    pub(crate) no_follow: bool,
    /// Save the files of messages in this directory as they arrive, each as SEQ-NAME.
    ///
    /// A file is saved before its event is printed. A file that exists already is not downloaded again.
    #[arg(long, value_name = "DIR")]
    pub(crate) save_media: Option<PathBuf>,
    /// With --save-media: skip a file that is larger, for example 500kB, 16MB or 1GB.
    #[arg(long, value_name = "SIZE", requires = "save_media", value_parser = bytes::parse)]
    pub(crate) max_size: Option<u64>,
}

/// `events`.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Event filter.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Maximum number of events.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

/// Event filter.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only events of this kind. Repeatable, or separated by commas.
    #[arg(
        long = "kind",
        alias = "kinds",
        value_parser = words::<EventKind>(),
        value_delimiter = ',',
        value_name = "KIND"
    )]
    pub(crate) kinds: Vec<EventKind>,
    /// Only events of this chat: a number, a LID or a group's JID. Repeatable, or separated by commas.
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
    /// List the consumers.
    List,
    /// Remove a consumer: the agent deletes its position.
    Remove {
        /// Its name.
        name: String,
    },
}
