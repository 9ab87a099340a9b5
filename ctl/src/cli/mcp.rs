//! The arguments of the MCP server.

use std::path::PathBuf;

use clap::Args;

use crate::bytes;

/// `mcp`.
#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// Also offer the tools that change something: send, react, edit, delete, mark as read.
    ///
    /// The agent still refuses what this client may not do: its role, and its recipients (`clients invite --send-to`).
    #[arg(long)]
    pub(crate) allow_send: bool,
    /// Send to these recipients only: a number, a LID or a group's JID. Repeatable, or separated by commas
    /// [default: everyone to whom this client may send].
    #[arg(
        long,
        value_name = "NUMBER",
        value_delimiter = ',',
        requires = "allow_send"
    )]
    pub(crate) send_to: Vec<String>,
    /// Directory whose files the assistant may send by their path; others it cannot read.
    #[arg(long, value_name = "DIR", requires = "allow_send")]
    pub(crate) files: Option<PathBuf>,
    /// Largest file of a message that the assistant gets, for example 500kB, at most 32MB.
    #[arg(long, value_name = "SIZE", default_value = "4MB", value_parser = max_media)]
    pub(crate) max_media: u64,
}

/// It is held in memory, and a third more as base64.
const MAX_MEDIA_BYTES: u64 = 32_000_000;

fn max_media(text: &str) -> Result<u64, String> {
    match bytes::parse(text)? {
        bytes if bytes > MAX_MEDIA_BYTES => Err("is above 32MB".to_owned()),
        bytes => Ok(bytes),
    }
}
