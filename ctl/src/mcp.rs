//! `mcp`: a server of the Model Context Protocol on stdin and stdout, by which an assistant uses the agent.
//!
//! Only messages of the protocol go to stdout. Each call connects to the agent anew, so that an agent that is down is an
//! error of that call, and the server continues. What people wrote reaches the assistant in `untrusted_text` only.

mod args;
mod call;
mod error;
mod files;
mod gate;
mod handshake;
mod link;
mod media;
mod place;
mod progress;
mod read;
mod recipients;
mod resource;
mod search;
mod send;
mod server;
mod shown;
mod stdin;
mod token;
mod tool;
mod untrusted;

use std::io::{self, IsTerminal as _};

use rmcp::service::ServerInitializeError;
use rmcp::transport::async_rw::AsyncRwTransport;

use crate::address::Address;
use crate::cli::McpArgs;
use crate::console;
use crate::failure::{Exit, Failure};
use crate::stop::Stops;
use call::Settings;
use files::Files;
use gate::Gate;
use link::Link;
use recipients::Recipients;
use server::Server;
use stdin::Lines;
use token::Tokens;

/// A request is one line. The largest one has a file of [`send::MAX_DATA_BYTES`] in base64.
const MAX_LINE_BYTES: usize = 8 << 20;

/// Serves until stdin ends or a signal arrives.
pub(crate) async fn run(address: &Address, args: &McpArgs, json: bool) -> Result<Exit, Failure> {
    let recipients = Recipients::parse(&args.send_to)?;
    let files = args.files.as_deref().map(Files::open).transpose()?;
    let settings = Settings {
        allow_send: args.allow_send,
        max_media: args.max_media,
        recipients,
        files,
        tokens: Tokens::new()?,
    };
    greet(address, args, json);
    let mut stops = Stops::listen()?;
    let served = serve(Server::new(Link::new(address.clone()), settings));
    tokio::select! {
        served = served => served,
        // A message that the agent has accepted is sent all the same.
        () = stops.next() => Ok(Exit::Done),
    }
}

async fn serve(server: Server) -> Result<Exit, Failure> {
    let stdin = Lines::new(tokio::io::stdin(), MAX_LINE_BYTES);
    let lines = AsyncRwTransport::new_server(stdin, tokio::io::stdout());
    let transport = Gate::new(lines.with_max_line_length(MAX_LINE_BYTES));
    match rmcp::serve_server(server, transport).await {
        Ok(running) => match running.waiting().await {
            Ok(_) => Ok(Exit::Done),
            Err(error) => Err(Failure::new(format!("the server failed: {error}"))),
        },
        // The client went away before it asked for anything.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(Exit::Done),
        Err(error) => Err(Failure::new(format!(
            "the MCP client does not begin a session: {error}"
        ))
        .with_reason("NO_SESSION")
        .with_hint("start it from an MCP client: docs/mcp.md")),
    }
}

/// One line in the log of the MCP client, which shows stderr.
fn greet(address: &Address, args: &McpArgs, json: bool) {
    if json {
        return;
    }
    let sending = match (args.allow_send, args.send_to.is_empty()) {
        (false, _) => "reading only",
        (true, true) => "sending allowed",
        (true, false) => "sending allowed to --send-to",
    };
    console::note(&format!("MCP server for the agent at {address}, {sending}"));
    if io::stdin().is_terminal() {
        console::note(
            "hint: this is for MCP clients, which start it themselves (docs/mcp.md); Ctrl-C ends it",
        );
    }
}
