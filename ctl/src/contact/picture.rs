//! Saves the picture of a person or a group: complete, or not at all.

use std::path::Path;
use std::time::Duration;

use openclaw_proto::v1::get_picture_response::Item;
use openclaw_proto::v1::{GetPictureRequest, GetPictureResponse, PictureStart};
use serde::Serialize;
use tonic::Streaming;

use crate::address::Address;
use crate::cli::PictureArgs;
use crate::failure::{Exit, Failure};
use crate::media::Output;
use crate::render::size::size;
use crate::stop::Stops;
use crate::{client, console, text};

/// The agent waits for two answers of WhatsApp and for the whole picture, and others may be before this one.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(180);

/// A saved picture, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Saved {
    picture_id: String,
    /// Its path; `-` for stdout.
    file: String,
    mime_type: String,
    size_bytes: u64,
}

/// Saves the picture of a person or a group, `of`, as `file`.
pub(crate) async fn save(
    address: &Address,
    of: String,
    file: &Path,
    PictureArgs { preview, force }: PictureArgs,
    json: bool,
) -> Result<Exit, Failure> {
    // Opened first: a name that is taken costs no question.
    let output = Output::at(file, force)?;
    let mut stops = Stops::listen()?;
    let mut contacts = client::contacts(address).await?;
    let request = GetPictureRequest { of, preview };
    let saving = async {
        let call = contacts.get_picture(request);
        let stream = client::answer_within(address, PICTURE_TIMEOUT, call).await?;
        receive(stream, output).await
    };
    let saved = stops.or(stopped, saving).await?;
    report(&saved, json);
    Ok(Exit::Done)
}

async fn receive(
    mut stream: Streaming<GetPictureResponse>,
    mut output: Output,
) -> Result<Saved, Failure> {
    let first = stream.message().await?.and_then(|first| first.item);
    let Some(Item::Start(start)) = first else {
        return Err(cut_short());
    };
    let mut written = 0;
    while let Some(response) = stream.message().await? {
        if let Some(Item::Chunk(bytes)) = response.item {
            output.write(&bytes)?;
            written += u64::try_from(bytes.len()).unwrap_or_default();
        }
    }
    let PictureStart {
        picture_id,
        mime_type,
        size_bytes,
    } = start;
    if written != size_bytes {
        return Err(cut_short());
    }
    let file = output.shown();
    output.finish()?;
    Ok(Saved {
        picture_id,
        file,
        mime_type,
        size_bytes,
    })
}

fn report(saved: &Saved, json: bool) {
    let file = text::one_line(&saved.file);
    let mime_type = text::one_line(&saved.mime_type);
    let line = format!("Saved {file} ({mime_type}, {})", size(saved.size_bytes));
    console::saved(saved, &line, saved.file == "-", json);
}

fn stopped() -> Failure {
    Failure::new("stopped before the picture was complete: it was not saved")
        .with_reason("STOPPED")
        .with_hint("run it again: it starts over")
}

fn cut_short() -> Failure {
    Failure::new("the agent ended the picture before it was complete")
        .with_reason("STREAM_TRUNCATED")
        .with_hint("see the agent's log, and run it again")
}
