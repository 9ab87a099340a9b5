//! `media get`: downloads files of messages, and verifies them before they get their names.

mod destination;
pub(crate) mod name;
pub(crate) mod whole;

use data_encoding::HEXLOWER;
use openclaw_proto::Word as _;
use openclaw_proto::v1::download_response::Item;
use openclaw_proto::v1::files_client::FilesClient;
use openclaw_proto::v1::{
    DownloadEnd, DownloadRequest, DownloadResponse, DownloadStart, MessageRef, message_ref,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tonic::Streaming;
use tonic::transport::Channel;

use crate::address::Address;
use crate::cli::MediaGetArgs;
use crate::failure::{Exit, Failure};
use crate::progress::Progress;
use crate::render::size::size;
use crate::stop::Stops;
use crate::{client, console, text};

pub(crate) use destination::{Destination, Output};

/// A downloaded file, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct Saved {
    seq: u64,
    message_id: String,
    /// Its path; `-` for stdout.
    file: String,
    kind: &'static str,
    mime_type: String,
    size_bytes: u64,
    /// In hexadecimal.
    sha256: String,
}

impl Saved {
    /// The line for a person.
    pub(crate) fn line(&self) -> String {
        let file = text::one_line(&self.file);
        let mime_type = text::one_line(&self.mime_type);
        format!("Saved {file} ({mime_type}, {})", size(self.size_bytes))
    }
}

/// The file to download.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileRequest {
    pub(crate) seq: u64,
    pub(crate) quoted: bool,
    pub(crate) max_size: Option<u64>,
}

/// Downloads the files in order. A failed one does not stop the others; the exit code is that of the first failure.
pub(crate) async fn get(
    address: &Address,
    args: &MediaGetArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let place = Destination::of(args.output.as_deref(), args.force)?;
    if args.seqs.len() > 1 && !place.is_dir() {
        return Err(Failure::usage("several files need a directory as output"));
    }
    let mut stops = Stops::listen()?;
    let mut files = client::files(address).await?;
    let mut first = None;
    for &seq in &args.seqs {
        let wanted = FileRequest {
            seq,
            quoted: args.quoted,
            max_size: args.max_size,
        };
        let fetched = fetch(&mut files, wanted, &place, json);
        let fetched = stops.or(stopped, fetched).await;
        match fetched {
            Ok(saved) => report(&saved, json),
            // The others would fail in the same way.
            Err(failure) if is_general(&failure) => return Err(failure),
            Err(failure) if first.is_none() && args.seqs.len() == 1 => return Err(failure),
            Err(failure) => {
                console::failure(&failure, json);
                first.get_or_insert(failure.exit());
            }
        }
    }
    Ok(first.unwrap_or(Exit::Done))
}

fn is_general(failure: &Failure) -> bool {
    matches!(failure.reason(), Some("STOPPED" | "CONNECTION_LOST"))
}

fn stopped() -> Failure {
    Failure::new("stopped before the file was complete: it was not saved")
        .with_reason("STOPPED")
        .with_hint("run it again: it starts over")
}

fn report(saved: &Saved, json: bool) {
    console::saved(saved, &saved.line(), saved.file == "-", json);
}

/// Downloads one file.
pub(crate) async fn fetch(
    files: &mut FilesClient<Channel>,
    wanted: FileRequest,
    place: &Destination,
    json: bool,
) -> Result<Saved, Failure> {
    let FileRequest {
        seq,
        quoted,
        max_size,
    } = wanted;
    let request = DownloadRequest {
        message: Some(MessageRef {
            by: Some(message_ref::By::Seq(seq)),
        }),
        quoted,
        max_bytes: max_size.unwrap_or_default(),
    };
    let stream = files.download(request).await?.into_inner();
    receive(stream, place, json).await
}

async fn receive(
    mut stream: Streaming<DownloadResponse>,
    place: &Destination,
    json: bool,
) -> Result<Saved, Failure> {
    let mut progress = Progress::new(json);
    let first = stream.message().await?.and_then(|first| first.item);
    let Some(Item::Start(start)) = first else {
        return Err(cut_short());
    };
    let mut output = place.open(&start)?;
    let mut hash = Sha256::new();
    let mut written = 0;
    while let Some(response) = stream.message().await? {
        match response.item {
            Some(Item::Chunk(bytes)) => {
                output.write(&bytes)?;
                hash.update(&bytes);
                written += u64::try_from(bytes.len()).unwrap_or_default();
                progress.show(|| far(&start, written, &output));
            }
            Some(Item::Restart(_)) => {
                output.restart()?;
                (hash, written) = (Sha256::new(), 0);
            }
            Some(Item::End(DownloadEnd { sha256, size_bytes })) => {
                let found = hash.finalize();
                if size_bytes != written || sha256 != found.as_slice() {
                    return Err(cut_short());
                }
                let file = output.shown();
                output.finish()?;
                return Ok(saved(start, file, size_bytes, &sha256));
            }
            Some(Item::Start(_)) | None => {}
        }
    }
    Err(cut_short())
}

/// The progress: `photo.jpg: 1.2 MB of 3.4 MB`.
fn far(start: &DownloadStart, written: u64, output: &Output) -> String {
    let name = text::one_line(&output.shown());
    let declared = start.media.as_ref().map_or(0, |media| media.size_bytes);
    match declared {
        0 => format!("{name}: {}", size(written)),
        all => format!("{name}: {} of {}", size(written), size(all.max(written))),
    }
}

fn saved(start: DownloadStart, file: String, size_bytes: u64, sha256: &[u8]) -> Saved {
    let DownloadStart {
        seq,
        message_id,
        media,
    } = start;
    let media = media.unwrap_or_default();
    Saved {
        seq,
        message_id,
        file,
        kind: media.kind().word(),
        mime_type: media.mime_type,
        size_bytes,
        sha256: HEXLOWER.encode(sha256),
    }
}

fn cut_short() -> Failure {
    Failure::new("the agent ended the download before the file was complete")
        .with_reason("STREAM_TRUNCATED")
        .with_hint("see the agent's log, and run it again")
}
