//! The arguments of what the account does in chats besides sending, and of lookups.

use std::time::Duration;

use clap::Args;

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
