//! What is not stored, and what is not sent.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::files_client::FilesClient;
use openclaw_proto::v1::upload_request::Item;
use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use super::{CHUNK, World, document, fill, item, picture, send_request, start, sticker, voice};
use crate::harness::{MAX_PASSING_KIB, WORD, private_kib, refusal};

/// How many files are stored.
const MAX_FILES: usize = 64;

#[tokio::test]
async fn a_file_that_is_not_what_its_client_says_is_refused_with_a_hint() {
    let world = World::linked().await;
    let declared = |size_bytes| pb::UploadStart {
        size_bytes,
        ..document()
    };
    let short = &voice()[..200];
    for (start, file, reason) in [
        (start(pb::MediaKind::Voice), short, "NOT_A_VOICE_MESSAGE"),
        (
            start(pb::MediaKind::Voice),
            &sticker(),
            "NOT_A_VOICE_MESSAGE",
        ),
        (start(pb::MediaKind::Sticker), &picture(), "NOT_A_STICKER"),
        (document(), b"", "EMPTY_FILE"),
        (declared(5), b"1234", "INVALID_ARGUMENT"),
        (declared(5), b"123456", "INVALID_ARGUMENT"),
        (declared(2_147_483_649), b"1", "MEDIA_TOO_LARGE"),
        (start(pb::MediaKind::Unspecified), b"1", "INVALID_ARGUMENT"),
        (start(pb::MediaKind::Document), b"1", "INVALID_ARGUMENT"),
        (start(pb::MediaKind::VideoNote), b"1", "CONTENT_UNSUPPORTED"),
    ] {
        let error = world.upload(start, file).await.unwrap_err();
        assert_eq!(refusal(&error).1, reason);
    }
    assert!(world.staged().is_empty());
    world.finish().await;
}

/// An upload that has begun over a connection of its own, which has 16 streams at most, until it is dropped.
struct Begun {
    chunks: Option<mpsc::Sender<pb::UploadRequest>>,
    call: JoinHandle<Result<(), Status>>,
    /// Whatever belongs to the connection ends with it, as with a process.
    client: Option<Runtime>,
}

impl Begun {
    async fn new(world: &World) -> Self {
        let (chunks, items) = mpsc::channel(8);
        chunks.send(item(Item::Start(document()))).await.unwrap();
        let socket = format!("unix:{}", world.agent.socket.display());
        let client = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let call = client.spawn(async move {
            let channel = Endpoint::from_shared(socket).unwrap().connect().await;
            let mut files = FilesClient::new(channel.unwrap());
            files.upload(ReceiverStream::new(items)).await.map(drop)
        });
        Self {
            chunks: Some(chunks),
            call,
            client: Some(client),
        }
    }

    async fn send(&self, chunk: &[u8]) {
        let chunk = item(Item::Chunk(chunk.to_vec()));
        self.chunks.as_ref().unwrap().send(chunk).await.unwrap();
    }

    async fn end(mut self) -> Result<(), Status> {
        self.chunks = None;
        (&mut self.call).await.unwrap()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // Its sender of chunks is still there: the file does not end.
        if let Some(client) = self.client.take() {
            client.shutdown_background();
        }
    }
}

#[tokio::test]
async fn a_client_that_dies_leaves_nothing() {
    let world = World::linked().await;
    let upload = Begun::new(&world).await;
    upload.send(&fill(65_536)).await;
    world.until_staged(1).await;
    drop(upload);
    world.until_staged(0).await;
    world.everything_reports_connected().await;
    world.finish().await;
}

#[tokio::test]
async fn two_files_come_at_once_and_others_wait_for_their_turn() {
    let world = World::linked().await;
    let first = Begun::new(&world).await;
    let second = Begun::new(&world).await;
    world.until_staged(2).await;
    // One of these comes too late, whichever.
    let mut waiting = Vec::new();
    for _ in 0..17 {
        waiting.push(Begun::new(&world).await);
    }
    let calls = waiting.iter_mut().map(|upload| &mut upload.call);
    let (refused, at, _) = futures::future::select_all(calls).await;
    let busy = (Code::ResourceExhausted, "MEDIA_BUSY".to_owned());
    assert_eq!(refusal(&refused.unwrap().unwrap_err()), busy);
    drop(waiting.remove(at));
    assert_eq!(world.staged().len(), 2);
    // One that ends makes room.
    first.send(&fill(5)).await;
    first.end().await.unwrap();
    world.until_staged(3).await;
    // A client that dies while it waits takes no turn.
    drop((second, waiting));
    world.until_staged(1).await;
    world.finish().await;
}

#[tokio::test]
async fn so_many_files_are_stored() {
    let world = World::linked().await;
    for at in 0..MAX_FILES {
        world.upload(document(), &fill(10 + at)).await.unwrap();
    }
    let error = world.upload(document(), &fill(5)).await.unwrap_err();
    let full = (Code::ResourceExhausted, "UPLOADS_FULL".to_owned());
    assert_eq!(refusal(&error), full);
    assert_eq!(world.staged().len(), MAX_FILES);
    world.finish().await;
}

#[tokio::test]
async fn what_a_kind_of_file_does_not_have_is_refused() {
    let world = World::linked().await;
    let uploaded = world.upload(start(pb::MediaKind::Voice), &voice()).await;
    let captioned = send_request(&uploaded.unwrap().media_id, WORD);
    let error = world.send_with(captioned).await.unwrap_err();
    let no_caption = (Code::InvalidArgument, "NO_CAPTION".to_owned());
    assert_eq!(refusal(&error), no_caption);
    let never = format!("m-{}", "0".repeat(48));
    let error = world.send_with(send_request(&never, "")).await.unwrap_err();
    let gone = (Code::NotFound, "NO_SUCH_MEDIA".to_owned());
    assert_eq!(refusal(&error), gone);
    world.finish().await;
}

/// The most memory that is used until `work` has ended.
async fn most_memory<T>(world: &World, work: impl Future<Output = T>) -> (T, u64) {
    let mut most = 0;
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(Duration::from_millis(20), &mut work).await {
            Ok(done) => return (done, most),
            Err(_) => most = most.max(private_kib(world.agent.pid())),
        }
    }
}

#[tokio::test]
async fn a_large_file_passes_through_little_memory_on_both_ways() {
    passes_through_little_memory(64 * 1024 * 1024).await;
}

#[tokio::test]
#[ignore = "takes minutes, and 4 GiB of memory for the simulator"]
async fn the_largest_file_passes_through_little_memory_on_both_ways() {
    passes_through_little_memory(2 * 1024 * 1024 * 1024).await;
}

/// An upload of so many bytes, made while it is sent.
fn long_items(start: pb::UploadStart, size: usize) -> impl Iterator<Item = pb::UploadRequest> {
    let chunk = fill(CHUNK);
    let chunks = (0..size / CHUNK).map(move |_| item(Item::Chunk(chunk.clone())));
    std::iter::once(item(Item::Start(start))).chain(chunks)
}

async fn passes_through_little_memory(size: usize) {
    let config = openclaw_sim::Config {
        // The sent file, and what encrypting adds to it.
        media_limit: size + 256 * 1024 * 1024,
        ..openclaw_sim::Config::default()
    };
    let world = World::with(config, &[]).await;
    world.link().await;
    let video = || start(pb::MediaKind::Video);
    let small = world.upload(video(), &fill(200_000)).await.unwrap();
    let sent = world.send_with(send_request(&small.media_id, "")).await;
    world.anna_got(&sent.unwrap().message_id).await;
    let before = private_kib(world.agent.pid());
    let items = tokio_stream::iter(long_items(video(), size));
    let mut client = world.upload_client();
    let (uploaded, received) = most_memory(&world, client.upload(items)).await;
    let request = send_request(&uploaded.unwrap().into_inner().media_id, "");
    let (sent, hosted) = most_memory(&world, world.send_with(request)).await;
    world.anna_got(&sent.unwrap().message_id).await;
    println!("{before} KiB before, {received} while it came, {hosted} while it left");
    let more = received.max(hosted).saturating_sub(before);
    assert!(more < MAX_PASSING_KIB, "{more} KiB more than before");
    world.until_staged(0).await;
    world.finish().await;
}
