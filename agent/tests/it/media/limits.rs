//! Limits of downloads: size, concurrency and memory.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::download_response::Item;
use openclaw_proto::v1::files_client::FilesClient;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};

use super::{World, fill, next, of_seq, take};
use crate::harness::{MAX_PASSING_KIB, fact, private_kib, refusal};

/// Larger than all buffers between the host and a client that does not read.
const LARGE: u64 = 5_000_000;
/// How long to wait for an event that must not happen.
const QUIET: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_its_first_byte() {
    let world = World::linked().await;
    let limited = |seq, max_bytes| pb::DownloadRequest {
        max_bytes,
        ..of_seq(seq)
    };
    let too_large = (Code::FailedPrecondition, "MEDIA_TOO_LARGE".to_owned());
    let (seq, _) = world
        .receives_content(&json!({ "image": { "fill": 100_000 } }))
        .await;
    let error = world.download_with(limited(seq, 99_999)).await.unwrap_err();
    assert_eq!(refusal(&error), too_large);
    assert_eq!(fact(&error, "size").as_deref(), Some("100000"));
    let taken = world.download_with(limited(seq, 100_000)).await;
    assert_eq!(taken.unwrap().bytes, fill(100_000));
    // The stated size is too small.
    let lie = json!({ "image": { "fill": 200_000, "file": { "size": 5 } } });
    let (seq, _) = world.receives_content(&lie).await;
    let stream = world.files().download(limited(seq, 99_999)).await;
    let mut stream = stream.unwrap().into_inner();
    assert!(matches!(next(&mut stream).await, Ok(Some(Item::Start(_)))));
    let error = next(&mut stream).await.unwrap_err();
    assert_eq!(refusal(&error), too_large);
    assert_eq!(fact(&error, "size"), None);
    // A wrong size alone is no reason to refuse.
    assert_eq!(world.download(seq).await.unwrap().bytes, fill(200_000));
    world.finish().await;
}

/// A client with its own connection: one connection has at most 16 streams.
async fn client(world: &World) -> FilesClient<Channel> {
    let socket = format!("unix:{}", world.agent.socket.display());
    let channel = Endpoint::from_shared(socket).unwrap().connect().await;
    FilesClient::new(channel.unwrap())
}

async fn begun(world: &World, seq: u64) -> Streaming<pb::DownloadResponse> {
    let stream = client(world).await.download(of_seq(seq)).await;
    let mut stream = stream.unwrap().into_inner();
    assert!(matches!(next(&mut stream).await, Ok(Some(Item::Start(_)))));
    stream
}

#[tokio::test]
async fn two_downloads_run_at_once_and_others_are_queued() {
    let world = World::linked().await;
    let (seq, _) = world
        .receives_content(&json!({ "video": { "fill": LARGE } }))
        .await;
    let mut running = vec![begun(&world, seq).await, begun(&world, seq).await];
    for stream in &mut running {
        assert!(matches!(next(stream).await, Ok(Some(Item::Chunk(_)))));
    }
    let mut waiting = Vec::new();
    for _ in 0..16 {
        waiting.push(begun(&world, seq).await);
    }
    let error = client(&world).await.download(of_seq(seq)).await;
    let busy = (Code::ResourceExhausted, "MEDIA_BUSY".to_owned());
    assert_eq!(refusal(&error.unwrap_err()), busy);
    let mut first = waiting.remove(0);
    let early = tokio::time::timeout(QUIET, first.message()).await;
    assert!(early.is_err(), "a third one has begun");
    // All other calls are answered meanwhile.
    world.everything_reports_connected().await;
    // A client that disconnects frees its slot, of a running or a queued download.
    drop(running.pop());
    drop(waiting);
    assert!(matches!(next(&mut first).await, Ok(Some(Item::Chunk(_)))));
    drop(first);
    drop(running);
    let taken = take(
        client(&world)
            .await
            .download(of_seq(seq))
            .await
            .unwrap()
            .into_inner(),
    );
    assert_eq!(taken.await.unwrap().bytes.len() as u64, LARGE);
    world.finish().await;
}

#[tokio::test]
async fn a_large_file_takes_little_memory() {
    passes_through_little_memory(64 * 1024 * 1024).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn the_largest_file_takes_little_memory() {
    passes_through_little_memory(2 * 1024 * 1024 * 1024).await;
}

async fn passes_through_little_memory(file_size: u64) {
    let world = World::linked().await;
    let (small, _) = world
        .receives_content(&json!({ "video": { "fill": 200_000 } }))
        .await;
    let (large, _) = world
        .receives_content(&json!({ "video": { "fill": file_size } }))
        .await;
    world.download(small).await.unwrap();
    let before = private_kib(world.agent.pid());
    let mut stream = begun(&world, large).await;
    let (mut bytes, mut most, mut hash) = (0, 0, Sha256::new());
    let end = loop {
        match next(&mut stream).await.unwrap() {
            Some(Item::Chunk(chunk)) => {
                if bytes % (file_size / 16) == 0 {
                    most = most.max(private_kib(world.agent.pid()));
                }
                bytes += u64::try_from(chunk.len()).unwrap();
                hash.update(&chunk);
            }
            Some(Item::End(end)) => break end,
            other => panic!("no chunk but {other:?}"),
        }
    };
    assert_eq!((bytes, end.size_bytes), (file_size, file_size));
    assert_eq!(end.sha256, hash.finalize().as_slice());
    let more = most.saturating_sub(before);
    println!("{file_size} bytes: private memory {before} KiB before, at most {most} KiB meanwhile");
    assert!(more < MAX_PASSING_KIB, "{more} KiB more than before");
    world.finish().await;
}
