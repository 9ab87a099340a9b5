//! The arguments of downloads.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::bytes;

/// `media`.
#[derive(Debug, Subcommand)]
pub(crate) enum MediaCommand {
    /// Download the files of messages.
    ///
    /// A file is written to NAME.part, and renamed to NAME when it is complete and verified. WhatsApp removes files
    /// after some weeks; the agent then asks the phone once to upload the file again.
    Get(MediaGetArgs),
}

/// `media get`.
#[derive(Debug, Args)]
pub(crate) struct MediaGetArgs {
    /// Messages, by the seq (number) of their events, as `watch` and `events` print it.
    #[arg(required = true, value_name = "SEQ")]
    pub(crate) seqs: Vec<u64>,
    /// Output file, or an existing directory; `-` is stdout [default: a file in the current directory].
    ///
    /// In a directory a file gets the name that its sender chose, without characters that are unsafe in names, and with a
    /// number added if that name is taken; a file without a name is named by its kind and seq. On stdout, do not use the output unless the
    /// command exits with 0: a file can be verified only at its end.
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Download the file of the message that this one quotes, instead of its own.
    #[arg(long)]
    pub(crate) quoted: bool,
    /// Reject a file that is larger, for example 500kB, 16MB or 1GB [default: WhatsApp's limit of 2 GiB].
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse)]
    pub(crate) max_size: Option<u64>,
    /// Replace files that exist.
    #[arg(long)]
    pub(crate) force: bool,
}
