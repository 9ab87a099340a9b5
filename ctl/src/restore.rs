//! `restore`: restores a backup's account into an agent that has none. The file is verified here first, so that its
//! problems are reported before anything is sent.

use std::io::{Read, Seek as _};

use openclaw_proto::v1::admin_client::AdminClient;
use openclaw_proto::v1::restore_request::Frame;
use openclaw_proto::v1::{
    LinkStatus, RestoreRequest, RestoreResponse, RestoreStart, StatusRequest,
};
use openclaw_vault::Secret;
use prost_types::Timestamp;
use serde::Serialize;
use tonic::transport::Channel;

use crate::address::Address;
use crate::backup::{self, checked};
use crate::cli::RestoreArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::Numbers;
use crate::progress::Progress;
use crate::render::size::{count, size};
use crate::rollback::check::RollbackCheck;
use crate::secret::{Use, is_dash, obtain, to_wire};
use crate::stop::Stops;
use crate::{chunks, client, console};

const NEXT: &str = "next: the phone need not scan again, `openclawctl status` shows the connection; never start the old agent again";

#[derive(Serialize)]
struct Json {
    restored: bool,
    #[serde(flatten)]
    answer: RestoreResponse,
}

/// Restores a backup. Exit code 0 means that the account is restored durably.
pub(crate) async fn run(
    address: &Address,
    args: &RestoreArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let RestoreArgs {
        file: path,
        secret,
        show_numbers: _,
    } = args;
    if is_dash(path) {
        return Err(
            Failure::usage("a backup is restored from a file, not from stdin")
                .with_hint("it is read twice: once to check it, once to send it"),
        );
    }
    let mut stops = Stops::listen()?;
    let mut file = backup::open(path)?;
    let again = file
        .try_clone()
        .map_err(|error| Failure::new(format!("cannot open the backup twice: {error}")))?;
    let (mut admin, mut agent) = client::admin(address).await?;
    let status = client::answer(address, agent.status(StatusRequest {})).await?;
    has_none(&status.link.unwrap_or_default(), "restore")?;
    let secret = obtain(secret, Use::Open, &mut stops).await?;
    let stopped = || {
        Failure::new("stopped before the agent confirmed the restore")
            .with_reason("STOPPED")
            .with_hint("`openclawctl status` shows whether it was completed")
    };
    let send = async {
        let (whole, secret) = checked(path, again, secret, json).await?;
        file.rewind()
            .map_err(|error| Failure::new(format!("cannot read the backup again: {error}")))?;
        deliver(&mut admin, &secret, file, whole.bytes, json).await
    };
    let restored = stops.or(stopped, send).await?;
    report(restored, json);
    RollbackCheck::new(json).look(&mut agent).await;
    Ok(Exit::Done)
}

/// Sends a backup of this size, and returns the agent's response.
pub(crate) async fn deliver(
    admin: &mut AdminClient<Channel>,
    secret: &Secret,
    mut backup: impl Read,
    bytes: u64,
    json: bool,
) -> Result<RestoreResponse, Failure> {
    let mut progress = Progress::new(json);
    let request = |frame| RestoreRequest { frame: Some(frame) };
    let start = RestoreStart {
        secret: Some(to_wire(secret)),
    };
    chunks::send(
        "the backup",
        &mut backup,
        request(Frame::Start(start)),
        |chunk| request(Frame::Chunk(chunk)),
        |frames| admin.restore(frames),
        |sent| progress.show(|| format!("Sent {} of {}", size(sent), size(bytes))),
    )
    .await
}

/// The agent refuses as well; this reports it before anything is prompted for or sent.
pub(crate) fn has_none(link: &LinkStatus, bring: &str) -> Result<(), Failure> {
    if link.phone.is_empty() {
        return Ok(());
    }
    Err(Failure::new("the agent already has an account")
        .with_reason("ALREADY_LINKED")
        .with_hint(format!("start an agent with an empty volume and {bring} there; do not unpair this agent for it: that ends the link in every backup of this account"))
        .with_exit(Exit::Refused))
}

fn report(restored: RestoreResponse, json: bool) {
    if json {
        return console::report_json(&Json {
            restored: true,
            answer: restored,
        });
    }
    let RestoreResponse {
        phone,
        records_kept,
        sessions_dropped,
        sender_keys_dropped,
        others_dropped,
        tokens_known_until,
        tokens_kept,
        waiting_dropped,
    } = restored;
    let phone = Numbers::chosen().show(&phone);
    console::report(&format!(
        "Restored: {phone}, {}",
        count(records_kept, "record")
    ));
    console::report(&format!(
        "Not restored: {}, {}, {} (their keys must not be used twice)",
        count(sessions_dropped, "session"),
        count(sender_keys_dropped, "sender key"),
        count(others_dropped, "other record"),
    ));
    if let Some(until) = tokens_known_until {
        console::report(&format!(
            "Tokens:   {} known; those used after {} are unknown, so repeating one of them sends the message again",
            tokens_kept,
            Timestamp { nanos: 0, ..until }
        ));
    }
    if waiting_dropped > 0 {
        console::note(&format!(
            "warning: {} waited to be sent when the backup was made, and may have been sent since: to send one, repeat it with the same token",
            count(waiting_dropped, "message")
        ));
    }
    console::note(NEXT);
}
