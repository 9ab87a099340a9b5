//! The arguments of `history`.

use clap::Args;

/// `history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Chat, for messages before the oldest one that the agent has: a phone number such as +15550100123, a LID (…@lid), or a
    /// group's JID (…@g.us).
    #[arg(required_unless_present = "before", conflicts_with = "before")]
    pub(crate) chat: Option<String>,
    /// Messages before the one of this event, in its chat, as `watch` and `events` number it.
    #[arg(long, value_name = "SEQ")]
    pub(crate) before: Option<u64>,
    /// How many, at most 500; the phone is asked for 50 at a time.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) count: u32,
}
