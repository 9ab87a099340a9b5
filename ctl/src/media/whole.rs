//! The file of a message, in memory and verified.

use data_encoding::HEXLOWER;
use openclaw_proto::v1::download_response::Item;
use openclaw_proto::v1::{DownloadEnd, DownloadRequest, Media, MessageRef, message_ref};
use sha2::{Digest as _, Sha256};

use crate::address::Address;
use crate::client;
use crate::failure::{Exit, Failure};
use crate::render::size::size;

/// A file.
pub(crate) struct Fetched {
    pub(crate) media: Media,
    pub(crate) bytes: Vec<u8>,
    /// In hexadecimal.
    pub(crate) sha256: String,
}

/// Who is notified of each chunk.
pub(crate) trait Progress: Send {
    /// The bytes so far, and those that are declared; 0 is unknown.
    fn report(&mut self, bytes: u64, declared: u64) -> impl Future<Output = ()> + Send;
}

/// No one.
impl Progress for () {
    async fn report(&mut self, _bytes: u64, _declared: u64) {}
}

/// Which file.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) seq: u64,
    pub(crate) quoted: bool,
    pub(crate) max_bytes: u64,
}

/// Downloads it.
///
/// # Errors
/// Those of the agent, a file that is too large, and one that is not complete.
pub(crate) async fn fetch(
    address: &Address,
    wanted: Wanted,
    progress: &mut impl Progress,
) -> Result<Fetched, Failure> {
    let Wanted {
        seq,
        quoted,
        max_bytes,
    } = wanted;
    let mut files = client::files(address).await?;
    let call = files.download(DownloadRequest {
        message: Some(MessageRef {
            by: Some(message_ref::By::Seq(seq)),
        }),
        quoted,
        max_bytes,
    });
    let mut stream = client::answer(address, call)
        .await
        .map_err(explain(max_bytes))?;
    let mut media = None;
    let mut bytes = Vec::new();
    while let Some(response) = stream.message().await? {
        match response.item {
            Some(Item::Start(start)) => media = start.media,
            Some(Item::Chunk(chunk)) => {
                bytes.extend(chunk);
                if length(&bytes) > max_bytes {
                    return Err(too_large(max_bytes));
                }
                let declared = media.as_ref().map_or(0, |media| media.size_bytes);
                progress.report(length(&bytes), declared).await;
            }
            Some(Item::Restart(_)) => bytes.clear(),
            Some(Item::End(DownloadEnd { sha256, size_bytes })) => {
                let found = Sha256::digest(&bytes);
                if size_bytes != length(&bytes) || sha256 != found.as_slice() {
                    return Err(cut_short());
                }
                return Ok(Fetched {
                    media: media.unwrap_or_default(),
                    bytes,
                    sha256: HEXLOWER.encode(&found),
                });
            }
            None => {}
        }
    }
    Err(cut_short())
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The agent does not know where its limit comes from.
fn explain(max_bytes: u64) -> impl Fn(Failure) -> Failure {
    move |failure| match failure.reason() {
        Some("MEDIA_TOO_LARGE") => too_large(max_bytes),
        _ => failure,
    }
}

fn too_large(max_bytes: u64) -> Failure {
    let limit = size(max_bytes);
    Failure::new(format!("the file is larger than the limit of {limit}"))
        .with_exit(Exit::Refused)
        .with_reason("MEDIA_TOO_LARGE")
        .with_hint("`openclawctl media get SEQ` saves it")
}

fn cut_short() -> Failure {
    Failure::new("the agent ended the download before the file was complete")
        .with_reason("STREAM_TRUNCATED")
        .with_hint("try again")
}
