//! Downloads of message files: complete whatever the media host does, and independent of the link.

mod faults;
mod limits;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::download_response::Item;
use openclaw_proto::v1::files_client::FilesClient;
use openclaw_sim::By;
use openclaw_sim::content::Content;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, WORD, World, lid, refusal, sample};

/// A complete download.
#[derive(Debug)]
pub(crate) struct Taken {
    start: pb::DownloadStart,
    pub(crate) bytes: Vec<u8>,
    restarts: usize,
}

/// The next item, with a deadline.
async fn next(stream: &mut Streaming<pb::DownloadResponse>) -> Result<Option<Item>, Status> {
    let item = tokio::time::timeout(TEST_TIMEOUT, stream.message()).await;
    let item = item.expect("an item in time")?;
    Ok(item.map(|response| response.item.expect("no item is empty")))
}

/// All items, in the order that the contract defines.
async fn take(mut stream: Streaming<pb::DownloadResponse>) -> Result<Taken, Status> {
    let Some(Item::Start(start)) = next(&mut stream).await? else {
        panic!("the first item is `start`");
    };
    let (mut bytes, mut restarts) = (Vec::new(), 0);
    loop {
        match next(&mut stream).await? {
            Some(Item::Chunk(chunk)) => {
                assert!((1..=65_536).contains(&chunk.len()));
                bytes.extend(chunk);
            }
            Some(Item::Restart(_)) => {
                bytes.clear();
                restarts += 1;
            }
            Some(Item::End(end)) => {
                assert_eq!(end.size_bytes, u64::try_from(bytes.len()).unwrap());
                assert_eq!(end.sha256, Sha256::digest(&bytes).as_slice());
                assert_eq!(next(&mut stream).await?, None, "`end` is the last item");
                return Ok(Taken {
                    start,
                    bytes,
                    restarts,
                });
            }
            other => panic!("no `end` but {other:?}"),
        }
    }
}

/// The content that the simulator generates for `fill`.
fn fill(size: u64) -> Vec<u8> {
    (0..size)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

fn of_seq(seq: u64) -> pb::DownloadRequest {
    pb::DownloadRequest {
        message: Some(pb::MessageRef {
            by: Some(pb::message_ref::By::Seq(seq)),
        }),
        ..Default::default()
    }
}

fn of_key(chat: &str, id: &str, phone: Option<&str>) -> pb::DownloadRequest {
    let sender = phone.map(|phone| pb::Contact {
        phone: phone.to_owned(),
        ..Default::default()
    });
    let key = pb::MessageKey {
        chat: chat.to_owned(),
        id: id.to_owned(),
        sender,
    };
    pb::DownloadRequest {
        message: Some(pb::MessageRef {
            by: Some(pb::message_ref::By::Key(key)),
        }),
        ..Default::default()
    }
}

impl World {
    fn files(&self) -> FilesClient<Channel> {
        FilesClient::new(self.agent.channel())
    }

    async fn download_with(&self, request: pb::DownloadRequest) -> Result<Taken, Status> {
        take(self.files().download(request).await?.into_inner()).await
    }

    pub(crate) async fn download(&self, seq: u64) -> Result<Taken, Status> {
        self.download_with(of_seq(seq)).await
    }

    fn annas(&self, content: &Value) -> wa::Message {
        let content: Content = serde_json::from_value(content.clone()).unwrap();
        self.peer(ANNA).compose(&content, By::Lid).unwrap()
    }

    /// Anna sends this to the account. Returns its seq and id.
    async fn receives(&self, message: wa::Message) -> (u64, String) {
        let sent = self.peer(ANNA).send(ACCOUNT, message, By::Lid, None).await;
        let id = sent.unwrap();
        (self.seq_of(&id).await, id)
    }

    async fn receives_content(&self, content: &Value) -> (u64, String) {
        let id = self.anna_sends(content).await;
        (self.seq_of(&id).await, id)
    }
}

/// Each kind of file, with its kind in the contract.
fn every_kind(size: u64) -> Vec<(Value, pb::MediaKind)> {
    let file = |more: Value| {
        let mut file = json!({ "fill": size });
        file.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        file
    };
    vec![
        (
            json!({ "image": file(json!({ "caption": WORD })) }),
            pb::MediaKind::Image,
        ),
        (
            json!({ "video": file(json!({ "seconds": 3 })) }),
            pb::MediaKind::Video,
        ),
        (
            json!({ "video": file(json!({ "gif": true })) }),
            pb::MediaKind::Gif,
        ),
        (
            json!({ "video_note": file(json!({})) }),
            pb::MediaKind::VideoNote,
        ),
        (json!({ "audio": file(json!({})) }), pb::MediaKind::Audio),
        (
            json!({ "audio": file(json!({ "voice": true })) }),
            pb::MediaKind::Voice,
        ),
        (
            json!({ "document": file(json!({ "name": WORD, "mime": "application/pdf" })) }),
            pb::MediaKind::Document,
        ),
        (
            json!({ "sticker": file(json!({})) }),
            pb::MediaKind::Sticker,
        ),
    ]
}

#[tokio::test]
async fn every_kind_of_file_is_downloaded_from_direct_chats_and_groups() {
    let world = World::linked().await;
    let group = world.phone().create_group(WORD, &[ANNA, BERT]).await;
    let group = group.unwrap();
    world.all_acked().await;
    for (content, kind) in every_kind(150_000) {
        let message = world.annas(&content);
        let (seq, id) = world.receives(message.clone()).await;
        let anna = world.peer(ANNA);
        let in_group = anna.send_group_message(&group, message, None).await;
        let in_group = in_group.unwrap();
        let sent = [(seq, id), (world.seq_of(&in_group).await, in_group.clone())];
        for (seq, id) in sent {
            let taken = world.download(seq).await.unwrap();
            assert_eq!(taken.bytes, fill(150_000), "{content}");
            let pb::DownloadStart {
                seq: of,
                message_id,
                media,
            } = taken.start;
            let media = media.unwrap();
            assert_eq!((of, message_id), (seq, id));
            assert_eq!((media.kind(), media.size_bytes), (kind, 150_000));
            assert!(media.downloadable);
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn files_of_real_life_are_downloaded_as_they_were_sent() {
    let world = World::linked().await;
    for (kind, name) in [
        ("image", "turned.jpg"),
        ("image", "photo.heic"),
        ("video", "camera.mp4"),
        ("audio", "voice-phone.ogg"),
        ("sticker", "animated.webp"),
        ("document", "contract.docx"),
        ("document", "one-byte"),
    ] {
        let file = sample(name);
        let content = json!({ kind: { "bytes": STANDARD.encode(&file) } });
        let (seq, _) = world.receives_content(&content).await;
        assert_eq!(world.download(seq).await.unwrap().bytes, file, "{name}");
    }
    world.finish().await;
}

#[tokio::test]
async fn files_of_all_sizes_are_complete() {
    let world = World::linked().await;
    for size in [1, 16, 65_535, 65_536, 65_537, 1_000_000] {
        let (seq, _) = world
            .receives_content(&json!({ "document": { "fill": size } }))
            .await;
        assert_eq!(world.download(seq).await.unwrap().bytes, fill(size));
    }
    world.finish().await;
}

#[tokio::test]
async fn a_file_sent_by_the_account_is_downloaded() {
    let world = World::linked().await;
    let message = world.annas(&json!({ "image": { "fill": 500 } }));
    let id = world.phone().send(ANNA, message).await.unwrap();
    let seq = world.seq_of(&id).await;
    assert_eq!(world.download(seq).await.unwrap().bytes, fill(500));
    let chat = format!("{}@lid", lid(ANNA));
    let by_key = world.download_with(of_key(&chat, &id, None)).await;
    assert_eq!(by_key.unwrap().start.seq, seq);
    // The phone is asked for a message of the account itself.
    world.phone().remove_media(&id, 410).unwrap();
    assert_eq!(world.download(seq).await.unwrap().bytes, fill(500));
    world.finish().await;
}

#[tokio::test]
async fn a_message_is_found_by_key_with_every_name_of_its_chat() {
    let world = World::linked().await;
    let (seq, id) = world
        .receives_content(&json!({ "image": { "fill": 500 } }))
        .await;
    let anna_lid = format!("{}@lid", lid(ANNA));
    for chat in [ANNA, &anna_lid] {
        let taken = world.download_with(of_key(chat, &id, Some(ANNA))).await;
        let taken = taken.unwrap();
        assert_eq!((taken.start.seq, taken.bytes), (seq, fill(500)), "{chat}");
    }
    for (chat, id, sender) in [
        (BERT, id.as_str(), Some(ANNA)),
        (ANNA, "3EB0", Some(ANNA)),
        (ANNA, &id, Some(BERT)),
        (ANNA, &id, None),
    ] {
        let error = world.download_with(of_key(chat, id, sender)).await;
        let found = refusal(&error.unwrap_err());
        assert_eq!(found, (Code::NotFound, "NO_SUCH_MESSAGE".to_owned()));
    }
    world.finish().await;
}

#[tokio::test]
async fn a_message_without_a_file_is_refused_with_a_reason() {
    let world = World::linked().await;
    let (text, _) = world.receives_content(&json!({ "text": WORD })).await;
    let pathless = json!({ "image": { "fill": 5, "file": { "direct_path": "" } } });
    let (pathless, _) = world.receives_content(&pathless).await;
    let quoted = pb::DownloadRequest {
        quoted: true,
        ..of_seq(text)
    };
    let events = world.events().await;
    let is_link = |event: &&pb::Event| matches!(event.kind, Some(pb::event::Kind::Link(_)));
    let link = of_seq(events.iter().find(is_link).unwrap().seq);
    for (request, code, reason) in [
        (of_seq(text), Code::FailedPrecondition, "NO_MEDIA"),
        (link, Code::FailedPrecondition, "NO_MEDIA"),
        (quoted, Code::FailedPrecondition, "NO_MEDIA"),
        (of_seq(pathless), Code::FailedPrecondition, "NO_POINTER"),
        (of_seq(0), Code::NotFound, "NO_SUCH_MESSAGE"),
        (of_seq(99_999), Code::NotFound, "NO_SUCH_MESSAGE"),
        (of_seq(u64::MAX), Code::NotFound, "NO_SUCH_MESSAGE"),
        (
            pb::DownloadRequest::default(),
            Code::InvalidArgument,
            "INVALID_ARGUMENT",
        ),
        (
            of_key("x", "3EB0", None),
            Code::InvalidArgument,
            "INVALID_ARGUMENT",
        ),
    ] {
        let error = world.download_with(request).await.unwrap_err();
        assert_eq!(refusal(&error), (code, reason.to_owned()));
    }
    world.finish().await;
}

/// A reply, with the message that it quotes.
fn answer(id: &str, quoted: Option<wa::Message>) -> wa::Message {
    let context = wa::ContextInfo {
        stanza_id: Some(id.to_owned()),
        participant: Some(format!("{}@s.whatsapp.net", &ANNA[1..])),
        quoted_message: quoted.map(MessageField::some).unwrap_or_default(),
        ..Default::default()
    };
    wa::Message {
        extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
            text: Some(WORD.to_owned()),
            context_info: MessageField::some(context),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_quoted_file_is_downloaded_from_the_quote_or_the_original() {
    let world = World::linked().await;
    let image = world.annas(&json!({ "image": { "fill": 500, "caption": WORD } }));
    // The agent never received the first message.
    let (unknown, _) = world.receives(answer("3EB0FF", Some(image.clone()))).await;
    let (_, id) = world.receives(image).await;
    let (bare, _) = world.receives(answer(&id, None)).await;
    for seq in [unknown, bare] {
        let request = pb::DownloadRequest {
            quoted: true,
            ..of_seq(seq)
        };
        let taken = world.download_with(request).await.unwrap();
        assert_eq!(taken.bytes, fill(500));
        let own = world.download(seq).await.unwrap_err();
        assert_eq!(refusal(&own).1, "NO_MEDIA");
    }
    // The event contains the quoted message.
    let events = world.events().await;
    let quoted = events.iter().find_map(|event| match &event.kind {
        Some(pb::event::Kind::Message(message)) if event.seq == unknown => message.quoted.clone(),
        _ => None,
    });
    let media = quoted.unwrap().media.unwrap();
    assert_eq!(
        (media.kind(), media.downloadable),
        (pb::MediaKind::Image, true)
    );
    world.finish().await;
}

#[tokio::test]
async fn files_are_downloaded_without_a_link_and_after_a_restart() {
    let mut world = World::linked().await;
    let (first, _) = world
        .receives_content(&json!({ "image": { "fill": 70_000 } }))
        .await;
    let (second, id) = world
        .receives_content(&json!({ "image": { "fill": 80_000 } }))
        .await;
    // Only the simulator's media host is known without a link.
    world.download(first).await.unwrap();
    world.cut_off().await;
    assert_eq!(world.download(second).await.unwrap().bytes, fill(80_000));
    // The phone can only be asked over the link.
    world.phone().remove_media(&id, 404).unwrap();
    let error = world.download(second).await.unwrap_err();
    let expired = (Code::FailedPrecondition, "MEDIA_EXPIRED".to_owned());
    assert_eq!(refusal(&error), expired);
    world.agent.kill().await;
    world.agent.start_again(&world.sim.url()).await;
    let error = world.download(first).await.unwrap_err();
    let unreachable = (Code::Unavailable, "MEDIA_UNREACHABLE".to_owned());
    assert_eq!(refusal(&error), unreachable);
    world.sim.fault(openclaw_sim::Fault::Clear).await;
    world.agent.until_state(pb::LinkState::Connected).await;
    for (seq, size) in [(first, 70_000), (second, 80_000)] {
        assert_eq!(world.download(seq).await.unwrap().bytes, fill(size));
    }
    world.finish().await;
}

#[tokio::test]
async fn a_running_download_does_not_delay_a_stop() {
    let world = World::linked().await;
    let (seq, _) = world
        .receives_content(&json!({ "video": { "fill": 5_000_000 } }))
        .await;
    let stream = world.files().download(of_seq(seq)).await;
    let mut stream = stream.unwrap().into_inner();
    assert!(matches!(next(&mut stream).await, Ok(Some(Item::Start(_)))));
    assert!(matches!(next(&mut stream).await, Ok(Some(Item::Chunk(_)))));
    world.finish().await;
    let rest = async {
        while let Ok(Some(item)) = next(&mut stream).await {
            assert!(!matches!(item, Item::End(_)));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), rest)
        .await
        .expect("the stream ends");
}
