//! A file that is sent to the agent in chunks, as a stream of requests.

use std::io::{self, Read};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use crate::failure::Failure;

/// The largest chunk in the contract.
const CHUNK_BYTES: usize = 64 * 1024;
/// Requests that were read ahead.
const MAX_QUEUED_REQUESTS: usize = 2;

/// Sends `first`, then `input` in chunks, and returns the agent's response. Stops early if the agent responds before it
/// has everything. `what` names the input in an error; `sent` gets the number of bytes after each chunk.
pub(crate) async fn send<Q, A, C>(
    what: &str,
    input: &mut impl Read,
    first: Q,
    request: impl Fn(Vec<u8>) -> Q,
    call: impl FnOnce(ReceiverStream<Q>) -> C,
    sent: impl FnMut(u64),
) -> Result<A, Failure>
where
    C: Future<Output = Result<Response<A>, Status>>,
{
    let (sender, requests) = mpsc::channel(MAX_QUEUED_REQUESTS);
    let answer = call(ReceiverStream::new(requests));
    let fed = feed(what, input, first, request, sender, sent);
    tokio::pin!(answer);
    let early = tokio::select! {
        answer = &mut answer => Some(answer),
        fed = fed => { fed?; None }
    };
    let answer = match early {
        Some(answer) => answer,
        None => answer.await,
    };
    Ok(answer?.into_inner())
}

/// Stops early if the agent stops reading: its response then has the reason.
async fn feed<Q>(
    what: &str,
    input: &mut impl Read,
    first: Q,
    request: impl Fn(Vec<u8>) -> Q,
    sender: mpsc::Sender<Q>,
    mut sent: impl FnMut(u64),
) -> Result<(), Failure> {
    let mut next = first;
    let mut bytes = 0;
    loop {
        if sender.send(next).await.is_err() {
            return Ok(());
        }
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = input
            .by_ref()
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut chunk)
            .map_err(|error: io::Error| Failure::new(format!("cannot read {what}: {error}")))?;
        if read == 0 {
            return Ok(());
        }
        bytes += u64::try_from(read).unwrap_or_default();
        sent(bytes);
        next = request(chunk);
    }
}
