//! What can be said of watching.

use clap::{Args, Subcommand, ValueEnum};

/// `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Start after this event; 0 is the oldest that is kept [default: where the last watch ended].
    #[arg(long, value_name = "SEQ")]
    pub(crate) after: Option<u64>,
    /// Start at the oldest event that is kept.
    #[arg(long, conflicts_with = "after")]
    pub(crate) from_start: bool,
    /// Only events of this kind. Repeat it, or separate several by commas.
    #[arg(
        long = "kind",
        alias = "kinds",
        value_enum,
        value_delimiter = ',',
        value_name = "KIND"
    )]
    pub(crate) kinds: Vec<Kind>,
    /// Only what happens in this chat: a number, a LID or a group's JID. Repeat it, or separate several by commas.
    #[arg(
        long = "chat",
        alias = "chats",
        value_delimiter = ',',
        value_name = "CHAT"
    )]
    pub(crate) chats: Vec<String>,
    /// Only what happens in chats of this kind [default: person,group].
    #[arg(
        long = "chat-kind",
        value_enum,
        value_delimiter = ',',
        value_name = "KIND"
    )]
    pub(crate) chat_kinds: Vec<ChatKind>,
    /// Let the agent remember the place, under this name, instead of a file of this user.
    #[arg(long, value_name = "NAME")]
    pub(crate) consumer: Option<String>,
    /// Stop at the newest event instead of waiting for more.
    #[arg(long, visible_alias = "once")]
    pub(crate) no_follow: bool,
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

/// The kinds of chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChatKind {
    /// Chats of two.
    Person,
    /// Groups.
    Group,
    /// People's statuses.
    Status,
    /// Channels that the account follows.
    Channel,
}

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A message arrived.
    Message,
    /// A message of ours was delivered or read.
    Receipt,
    /// The link changed its state.
    Link,
    /// A message of ours changed its state.
    Send,
    /// A message arrived that could not be decrypted.
    Undecryptable,
    /// A message was changed by its author.
    Edit,
    /// A message was deleted for everyone.
    Deletion,
    /// Somebody reacted to a message, or no longer does.
    Reaction,
    /// WhatsApp was told that the agent has a message, and the agent may not have it.
    Lost,
    /// A message arrived from somebody who is not on the allowlist.
    Dropped,
    /// A change arrived from a person who may not make it, and was not applied.
    Rejected,
}
