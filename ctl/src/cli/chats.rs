//! The arguments of what the account does in chats besides sending, of lookups, and of lists of chats.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use openclaw_proto::v1::ChatKind;

use super::words::words;
use crate::duration;

/// `read`.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Messages, by the seq (number) of their events, as `watch` and `events` print it.
    #[arg(required = true, value_name = "SEQ")]
    pub(crate) seqs: Vec<u64>,
}

/// `typing`.
#[derive(Debug, Args)]
pub(crate) struct TypingArgs {
    /// Chat: a phone number such as +15550100123, a LID (…@lid), or a group's JID (…@g.us).
    pub(crate) to: String,
    /// Show that the account records a voice message, instead of typing.
    #[arg(long)]
    pub(crate) recording: bool,
    /// End after this time [default: at Ctrl-C].
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    pub(crate) lasts: Option<Duration>,
}

/// `lookup`.
#[derive(Debug, Args)]
pub(crate) struct LookupArgs {
    /// Phone numbers, such as +15550100123, at most 20.
    #[arg(required = true, value_name = "NUMBER", num_args = 1..=20)]
    pub(crate) numbers: Vec<String>,
}

/// `contact`.
#[derive(Debug, Args)]
pub(crate) struct ContactArgs {
    /// Person: a phone number such as +15550100123, or a LID (…@lid).
    #[arg(value_name = "NUMBER")]
    pub(crate) who: String,
    /// Ask WhatsApp, also if the agent has asked lately.
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Save the person's picture, a JPEG, instead of showing what is known; `-` is stdout.
    ///
    /// The picture is written to FILE.part, and renamed to FILE when it is complete.
    #[arg(long, value_name = "FILE", conflicts_with = "refresh")]
    pub(crate) picture: Option<PathBuf>,
    /// How to save it.
    #[command(flatten)]
    pub(crate) saving: PictureArgs,
}

/// How to save a picture.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PictureArgs {
    /// Save the small picture that WhatsApp's clients show in lists.
    #[arg(long)]
    pub(crate) preview: bool,
    /// Replace the file if it exists.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `chats`.
#[derive(Debug, Args)]
pub(crate) struct ChatsArgs {
    /// Maximum number of chats.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// Only chats of this kind [default: person,group]. Repeatable, or separated by commas.
    #[arg(
        long = "kind",
        value_parser = words::<ChatKind>(),
        value_delimiter = ',',
        value_name = "KIND"
    )]
    pub(crate) kinds: Vec<ChatKind>,
}
