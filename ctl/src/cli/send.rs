//! `send`, and the commands that refer to a message.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use openclaw_proto::v1::SendState;

use super::words::states;
use crate::duration;

/// Delivery options, and the state to wait for.
#[derive(Debug, Args)]
pub(crate) struct DeliveryArgs {
    /// State to wait for: the agent has the message, WhatsApp's server has it, a device of the recipient has it, or the recipient has read it. Exits with 5 if WhatsApp's server has it, but the state was not reached in time.
    #[arg(long, value_parser = states(), default_value = "server-ack")]
    pub(crate) wait: SendState,
    /// Token of this message: a second command with the same token does not send it again [default: generated].
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// How long to wait for that state.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
    /// Let the agent queue the message if it is not connected, or if too many messages were sent recently. The queue
    /// survives restarts. `watch` reports the outcome.
    #[arg(long)]
    pub(crate) queue: bool,
    /// How long to keep the message queued, at most 7d [default: 1h]. After that it fails.
    #[arg(long, alias = "deadline", value_name = "TIME", value_parser = duration::parse, requires = "queue")]
    pub(crate) keep_for: Option<Duration>,
}

/// The message that a command refers to.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// The message: the seq (number) of its event, as `watch` and `events` print it; with --chat, its id.
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: String,
    /// Chat of the message, if MESSAGE is its id: a number, a LID (…@lid), or a group's JID (…@g.us).
    #[arg(long, value_name = "CHAT")]
    pub(crate) chat: Option<String>,
    /// Author of the message, if MESSAGE is its id [default: this account].
    #[arg(long, value_name = "WHO", requires = "chat")]
    pub(crate) sender: Option<String>,
}

/// `send`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("other").args([
    "location", "contact", "image", "video", "gif", "document", "audio", "voice", "sticker",
]))]
#[command(group = ArgGroup::new("file").args([
    "image", "video", "gif", "document", "audio", "voice", "sticker",
]))]
pub(crate) struct SendArgs {
    /// Recipient: a phone number such as +15550100123, a LID (…@lid), or a group's JID (…@g.us).
    pub(crate) to: String,
    /// The text; `-` reads it from stdin, and so does leaving it out, unless stdin is a terminal. With --location: the caption.
    #[arg(
        allow_hyphen_values = true,
        conflicts_with_all = ["contact", "file"],
        value_parser = text_that_is_no_option
    )]
    pub(crate) text: Option<String>,
    /// Reply to this message, by the seq of its event, as `watch` and `events` print it.
    #[arg(long, value_name = "SEQ")]
    pub(crate) reply: Option<u64>,
    /// Mention this person, by number or LID; repeatable. Write @15550100123 in the text where the mention is shown.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) mention: Vec<String>,
    /// Send a location, in degrees: --location=-36.84846,174.76333.
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
    pub(crate) location: Option<String>,
    /// Name of the place.
    #[arg(long, requires = "location")]
    pub(crate) name: Option<String>,
    /// Address of the place.
    #[arg(long, requires = "location")]
    pub(crate) address: Option<String>,
    /// Send a contact card; repeatable.
    #[arg(long, value_name = "NAME:NUMBER")]
    pub(crate) contact: Vec<String>,
    /// The file to send, if any.
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// Delivery options.
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
}

/// A file to send.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// Send a picture.
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,
    /// Send a video.
    #[arg(long, value_name = "FILE")]
    pub(crate) video: Option<PathBuf>,
    /// Send a video that loops without sound.
    #[arg(long, value_name = "FILE")]
    pub(crate) gif: Option<PathBuf>,
    /// Send a document: any file, with its name.
    #[arg(long, value_name = "FILE")]
    pub(crate) document: Option<PathBuf>,
    /// Send a sound file.
    #[arg(long, value_name = "FILE")]
    pub(crate) audio: Option<PathBuf>,
    /// Send a voice message: Opus in an Ogg container.
    #[arg(long, value_name = "FILE")]
    pub(crate) voice: Option<PathBuf>,
    /// Send a sticker: WebP.
    #[arg(long, value_name = "FILE")]
    pub(crate) sticker: Option<PathBuf>,
    /// Caption of a picture, a video, a GIF or a document.
    #[arg(
        long,
        value_name = "TEXT",
        requires = "file",
        allow_hyphen_values = true
    )]
    pub(crate) caption: Option<String>,
    /// Let the recipient open the file only once; for a picture, a video or a voice message.
    #[arg(long, requires = "file")]
    pub(crate) view_once: bool,
    /// MIME type [default: by the content or the name of the file].
    #[arg(long, value_name = "TYPE", requires = "file")]
    pub(crate) mime: Option<String>,
    /// Small JPEG that clients show until the file is downloaded, at most 64 KiB.
    #[arg(long, value_name = "FILE", requires = "file")]
    pub(crate) thumbnail: Option<PathBuf>,
}

/// `react`.
#[derive(Debug, Args)]
pub(crate) struct ReactArgs {
    /// The message.
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The emoji.
    #[arg(required_unless_present = "remove")]
    pub(crate) emoji: Option<String>,
    /// Remove the reaction.
    #[arg(long, conflicts_with = "emoji")]
    pub(crate) remove: bool,
    /// Delivery options.
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
}

/// `edit`.
#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The message.
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The new text; `-` reads it from stdin, and so does leaving it out, unless stdin is a terminal.
    #[arg(allow_hyphen_values = true, value_parser = text_that_is_no_option)]
    pub(crate) text: Option<String>,
    /// Mention this person, by number or LID; repeatable.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) mention: Vec<String>,
    /// Delivery options.
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
}

/// `delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The message.
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Delivery options.
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
}

/// `poll`.
#[derive(Debug, Args)]
pub(crate) struct PollArgs {
    /// Recipient: a phone number such as +15550100123, a LID (…@lid), or a group's JID (…@g.us).
    pub(crate) to: String,
    /// The question.
    pub(crate) question: String,
    /// The options: 2 to 12.
    #[arg(value_name = "OPTION", required = true, num_args = 2..)]
    pub(crate) options: Vec<String>,
    /// How many options one person may select; 0 for any number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) max: u32,
    /// Delivery options.
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
}

/// `vote`.
#[derive(Debug, Args)]
pub(crate) struct VoteArgs {
    /// The message with the poll.
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The selected options, as in the poll; they replace those of an earlier vote.
    #[arg(value_name = "OPTION", required_unless_present = "remove")]
    pub(crate) options: Vec<String>,
    /// Remove the vote.
    #[arg(long, conflicts_with = "options")]
    pub(crate) remove: bool,
    /// Delivery options.
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
}

/// A text may begin with a dash, as an item of a list does. But a mistyped option must not be sent to a person.
fn text_that_is_no_option(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("--").unwrap_or_default();
    let name = name.split('=').next().unwrap_or_default();
    let is_option = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match is_option {
        true => Err("there is no such option; a text like this can be given on stdin".to_owned()),
        false => Ok(text.to_owned()),
    }
}
