//! Files to send: uploaded to the agent, then to WhatsApp, and received unchanged, also if something ends in between.

mod files;
mod kills;
mod limits;

use std::fs;
use std::path::PathBuf;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::content::Kind;
use openclaw_proto::v1::files_client::FilesClient;
use openclaw_proto::v1::send_request::Payload;
use openclaw_proto::v1::upload_request::Item;
use openclaw_sim::{Fault, MediaFault, Received, Spoilt, Transfer};
use sha2::{Digest as _, Sha256};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{ANNA, TEST_TIMEOUT, WORD, World, refusal, sample};

const CHUNK: usize = 65_536;

/// A file of a kind.
fn start(kind: pb::MediaKind) -> pb::UploadStart {
    pb::UploadStart {
        kind: kind.into(),
        ..Default::default()
    }
}

fn document() -> pb::UploadStart {
    pb::UploadStart {
        mime_type: "application/pdf".to_owned(),
        file_name: "report.pdf".to_owned(),
        ..start(pb::MediaKind::Document)
    }
}

fn fill(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

fn item(item: Item) -> pb::UploadRequest {
    pb::UploadRequest { item: Some(item) }
}

/// An upload, item by item.
fn items(start: pb::UploadStart, file: &[u8]) -> Vec<pb::UploadRequest> {
    let chunks = file.chunks(CHUNK);
    let chunks = chunks.map(|chunk| item(Item::Chunk(chunk.to_vec())));
    std::iter::once(item(Item::Start(start)))
        .chain(chunks)
        .collect()
}

/// 160 by 120 pixels.
fn picture() -> Vec<u8> {
    sample("still.jpg")
}

/// Two seconds, rounded up.
fn voice() -> Vec<u8> {
    sample("voice-ffmpeg.ogg")
}

/// 512 by 512 pixels, animated.
fn sticker() -> Vec<u8> {
    sample("animated.webp")
}

fn send_request(media_id: &str, caption: &str) -> pb::SendRequest {
    let media = pb::Media {
        media_id: media_id.to_owned(),
        caption: caption.to_owned(),
        ..Default::default()
    };
    pb::SendRequest {
        to: ANNA.to_owned(),
        payload: Some(Payload::Content(pb::Content {
            kind: Some(Kind::Media(media)),
            ..Default::default()
        })),
        ..Default::default()
    }
}

impl World {
    fn upload_client(&self) -> FilesClient<Channel> {
        FilesClient::new(self.agent.channel())
    }

    async fn upload(
        &self,
        start: pb::UploadStart,
        file: &[u8],
    ) -> Result<pb::UploadResponse, Status> {
        let items = tokio_stream::iter(items(start, file));
        let uploaded = self.upload_client().upload(items).await?.into_inner();
        assert_eq!(uploaded.sha256, Sha256::digest(file).as_slice());
        Ok(uploaded)
    }

    /// The names of the files on the volume.
    fn staged(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.agent.volume().join("uploads")) else {
            return Vec::new();
        };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    async fn until_staged(&self, count: usize) {
        let staged = async {
            while self.staged().len() != count {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let staged = tokio::time::timeout(TEST_TIMEOUT, staged).await;
        assert!(staged.is_ok(), "{:?}", self.staged());
    }

    /// What Anna got under this id. The simulator has downloaded, decrypted and verified its file.
    async fn anna_got(&self, id: &str) -> Received {
        let anna = self.peer(ANNA);
        let got = anna.wait_for(|got| got.id == id, TEST_TIMEOUT).await;
        let got = got.unwrap();
        assert_eq!(got.media, Some(Ok(())));
        got
    }

    /// Sends a picture to Anna, who receives it unchanged.
    pub(crate) async fn sends_a_picture(&self) {
        let uploaded = self.upload(start(pb::MediaKind::Image), &picture()).await;
        let sent = self.send_with(send_request(&uploaded.unwrap().media_id, ""));
        self.anna_got(&sent.await.unwrap().message_id).await;
    }

    async fn spoil_upload(&self, how: Spoilt, count: u32) {
        let on = Transfer::Upload;
        let fault = MediaFault::Next { on, how, count };
        self.sim.fault(Fault::Media(fault)).await;
    }
}

#[tokio::test]
async fn every_kind_of_file_is_received_as_it_was_uploaded() {
    let world = World::linked().await;
    for (start, file) in [
        (start(pb::MediaKind::Image), picture()),
        (start(pb::MediaKind::Video), sample("camera.mp4")),
        (start(pb::MediaKind::Gif), sample("gif.mp4")),
        (start(pb::MediaKind::Audio), fill(65_536)),
        (start(pb::MediaKind::Voice), voice()),
        (start(pb::MediaKind::Sticker), sticker()),
        (document(), fill(6_000_000)),
    ] {
        let kind = start.kind();
        let uploaded = world.upload(start, &file).await.unwrap();
        let media = uploaded.media.unwrap();
        assert_eq!(media.kind(), kind);
        assert_eq!(media.size_bytes, u64::try_from(file.len()).unwrap());
        let sent = world.send_with(send_request(&uploaded.media_id, "")).await;
        let got = world.anna_got(&sent.unwrap().message_id).await.message;
        match kind {
            pb::MediaKind::Image => {
                let image = got.image_message.as_option().unwrap();
                assert_eq!((image.width, image.height), (Some(160), Some(120)));
                assert_eq!(image.mimetype.as_deref(), Some("image/jpeg"));
            }
            pb::MediaKind::Video | pb::MediaKind::Gif => {
                let video = got.video_message.as_option().unwrap();
                let gif = (kind == pb::MediaKind::Gif).then_some(true);
                assert_eq!(video.gif_playback, gif);
                assert!(video.streaming_sidecar.is_some());
            }
            pb::MediaKind::Voice => {
                let audio = got.audio_message.as_option().unwrap();
                assert_eq!((audio.ptt, audio.seconds), (Some(true), Some(2)));
                assert_eq!(audio.waveform.as_ref().map(Vec::len), Some(64));
                assert_eq!(audio.mimetype.as_deref(), Some("audio/ogg; codecs=opus"));
            }
            pb::MediaKind::Audio => {
                let audio = got.audio_message.as_option().unwrap();
                assert_eq!((audio.ptt, &audio.waveform), (Some(false), &None));
            }
            pb::MediaKind::Sticker => {
                let sticker = got.sticker_message.as_option().unwrap();
                assert_eq!((sticker.width, sticker.height), (Some(512), Some(512)));
                assert_eq!(sticker.is_animated, Some(true));
            }
            _ => {
                let document = got.document_message.as_option().unwrap();
                assert_eq!(document.file_name.as_deref(), Some("report.pdf"));
                assert_eq!(document.mimetype.as_deref(), Some("application/pdf"));
            }
        }
    }
    // What the server has is not kept.
    world.until_staged(0).await;
    world.finish().await;
}

/// A message that can be viewed once.
fn once(media_id: &str, caption: &str) -> pb::SendRequest {
    let mut request = send_request(media_id, caption);
    if let Some(Payload::Content(content)) = &mut request.payload
        && let Some(Kind::Media(media)) = &mut content.kind
    {
        media.view_once = true;
    }
    request
}

#[tokio::test]
async fn what_is_viewed_once_and_a_document_with_a_caption_have_an_envelope() {
    let world = World::linked().await;
    for (start, file, caption, view_once) in [
        (start(pb::MediaKind::Image), picture(), WORD, true),
        (start(pb::MediaKind::Video), fill(900), "", true),
        (start(pb::MediaKind::Voice), voice(), "", true),
        (start(pb::MediaKind::Image), picture(), WORD, false),
        (document(), fill(900), WORD, false),
        (document(), fill(900), "", false),
    ] {
        let kind = start.kind();
        let uploaded = world.upload(start, &file).await.unwrap();
        let request = match view_once {
            true => once(&uploaded.media_id, caption),
            false => send_request(&uploaded.media_id, caption),
        };
        let sent = world.send_with(request).await.unwrap();
        let got = world.anna_got(&sent.message_id).await.message;
        let envelope = match (kind, view_once) {
            (pb::MediaKind::Voice, _) => &got.view_once_message_v2_extension,
            (_, true) => &got.view_once_message_v2,
            (_, false) => &got.document_with_caption_message,
        };
        let inner = envelope.as_option().and_then(|it| it.message.as_option());
        let is_bare = kind == pb::MediaKind::Image || caption.is_empty();
        assert_eq!(inner.is_none(), is_bare && !view_once, "{kind:?}");
        let inner = inner.unwrap_or(&got);
        let flag = view_once.then_some(true);
        let caption = Some(caption).filter(|caption| !caption.is_empty());
        if let Some(image) = inner.image_message.as_option() {
            assert_eq!(image.view_once, flag);
            assert_eq!(image.caption.as_deref(), caption);
        } else if let Some(video) = inner.video_message.as_option() {
            assert_eq!(video.view_once, flag);
        } else if let Some(audio) = inner.audio_message.as_option() {
            assert_eq!(audio.view_once, flag);
        } else {
            let document = inner.document_message.as_option().unwrap();
            assert_eq!(document.caption.as_deref(), caption);
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn the_time_to_wait_begins_when_the_file_is_at_whatsapp() {
    let world = World::linked().await;
    let uploaded = world.upload(document(), &fill(6_000_000)).await.unwrap();
    let slow = Fault::Media(MediaFault::Slow(1_000_000));
    world.sim.fault(slow).await;
    let request = pb::SendRequest {
        timeout: Some(prost_types::Duration {
            seconds: 1,
            nanos: 0,
        }),
        ..send_request(&uploaded.media_id, "")
    };
    let begun = std::time::Instant::now();
    let sent = world.send_with(request).await.unwrap();
    assert!(begun.elapsed() > std::time::Duration::from_secs(4));
    assert!(sent.state() >= pb::SendState::ServerAck);
    world.anna_got(&sent.message_id).await;
    world.finish().await;
}

#[tokio::test]
async fn a_file_is_for_one_message_and_a_token_is_one_message() {
    let world = World::linked().await;
    let uploaded = world.upload(document(), &fill(5_000)).await.unwrap();
    let request = pb::SendRequest {
        client_token: "t-1".to_owned(),
        ..send_request(&uploaded.media_id, "")
    };
    let sent = world.send_with(request.clone()).await.unwrap();
    // Asked again, by the same name, and with the file uploaded again.
    let again = world.send_with(request.clone()).await.unwrap();
    assert_eq!(again.message_id, sent.message_id);
    let second = world.upload(document(), &fill(5_000)).await.unwrap();
    assert_ne!(second.media_id, uploaded.media_id);
    let again = pb::SendRequest {
        client_token: "t-1".to_owned(),
        ..send_request(&second.media_id, "")
    };
    let again = world.send_with(again).await.unwrap();
    assert_eq!(again.message_id, sent.message_id);
    // Another file is another message.
    let other = world.upload(document(), &fill(5_001)).await.unwrap();
    let other = pb::SendRequest {
        client_token: "t-1".to_owned(),
        ..send_request(&other.media_id, "")
    };
    let error = world.send_with(other).await.unwrap_err();
    assert_eq!(refusal(&error).1, "TOKEN_REUSED");
    world.until_staged(1).await;
    let error = world.send_with(send_request(&uploaded.media_id, "")).await;
    let gone = (Code::NotFound, "NO_SUCH_MEDIA".to_owned());
    assert_eq!(refusal(&error.unwrap_err()), gone);
    assert_eq!(world.peer(ANNA).inbox_len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn an_upload_gets_over_a_fault_of_the_host() {
    let world = World::linked().await;
    let faults = [
        Spoilt::Status(500),
        Spoilt::Status(401),
        Spoilt::Status(507),
        Spoilt::Cut(0),
        Spoilt::Cut(90_000),
        Spoilt::Stall(90_000),
    ];
    for (at, how) in faults.into_iter().enumerate() {
        let file = fill(200_000 + at);
        let uploaded = world.upload(document(), &file).await.unwrap();
        world.spoil_upload(how, 1).await;
        let sent = world.send_with(send_request(&uploaded.media_id, "")).await;
        let sent = sent.unwrap_or_else(|error| panic!("{how:?}: {error:?}"));
        world.anna_got(&sent.message_id).await;
    }
    // The token for uploads has expired.
    world.sim.fault(Fault::Media(MediaFault::Expired)).await;
    let uploaded = world.upload(document(), &fill(7)).await.unwrap();
    let sent = world.send_with(send_request(&uploaded.media_id, "")).await;
    world.anna_got(&sent.unwrap().message_id).await;
    world.everything_reports_connected().await;
    world.finish().await;
}

#[tokio::test]
async fn what_a_host_never_takes_fails_and_the_file_can_be_sent_by_another_message() {
    let world = World::linked().await;
    let uploaded = world.upload(document(), &fill(5_000)).await.unwrap();
    let request = send_request(&uploaded.media_id, "");
    world.spoil_upload(Spoilt::Status(413), 1).await;
    let error = world.send_with(request.clone()).await.unwrap_err();
    let refused = (Code::FailedPrecondition, "FILE_REFUSED".to_owned());
    assert_eq!(refusal(&error), refused);
    let sent = async {
        loop {
            // Released a moment later.
            match world.send_with(request.clone()).await {
                Ok(sent) => return sent,
                Err(error) => assert_eq!(refusal(&error).1, "MEDIA_IN_USE"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let sent = tokio::time::timeout(TEST_TIMEOUT, sent).await.unwrap();
    world.anna_got(&sent.message_id).await;
    assert_eq!(world.peer(ANNA).inbox_len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn other_messages_do_not_wait_for_a_file() {
    let world = World::linked().await;
    let uploaded = world.upload(document(), &fill(2_000_000)).await.unwrap();
    let slow = Fault::Media(MediaFault::Slow(1_000_000));
    world.sim.fault(slow).await;
    let sending = world.send_with(send_request(&uploaded.media_id, ""));
    let text = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        world.send(crate::harness::BERT, WORD).await.unwrap();
        assert_eq!(world.peer(ANNA).inbox_len(), 0, "the file came first");
    };
    let (sent, ()) = tokio::join!(sending, text);
    world.anna_got(&sent.unwrap().message_id).await;
    world.finish().await;
}
