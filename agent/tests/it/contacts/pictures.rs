//! Pictures of people and groups: whole or an error, whatever the media host does.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::contacts_client::ContactsClient;
use openclaw_proto::v1::get_picture_response::Item;
use openclaw_sim::{Config, Fault, IqError, MediaFault, Spoilt, Transfer};
use tonic::{Code, Status};

use super::named;
use crate::harness::{ANNA, BERT, TEST_TIMEOUT, UNREGISTERED, WORD, World, fact, refusal};

/// The limit of the contract.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// So many bytes that begin like a JPEG.
pub(super) fn jpeg(bytes: usize) -> Vec<u8> {
    let begin = [0xff, 0xd8, 0xff, 0xe0];
    let rest = (begin.len()..bytes).map(|at| u8::try_from(at % 251).unwrap());
    begin.into_iter().chain(rest).collect()
}

impl World {
    async fn picture(
        &self,
        of: &str,
        preview: bool,
    ) -> Result<(pb::PictureStart, Vec<u8>), Status> {
        let mut contacts = ContactsClient::new(self.agent.channel());
        let of = of.to_owned();
        let request = pb::GetPictureRequest { of, preview };
        let mut stream = contacts.get_picture(request).await?.into_inner();
        let (mut start, mut bytes) = (None, Vec::new());
        loop {
            let item = tokio::time::timeout(TEST_TIMEOUT, stream.message()).await;
            let Some(item) = item.expect("an item in time")? else {
                break;
            };
            match item.item.expect("no item is empty") {
                Item::Start(first) => assert!(start.replace(first).is_none()),
                Item::Chunk(chunk) => {
                    assert!(start.is_some() && (1..=65_536).contains(&chunk.len()));
                    bytes.extend(chunk);
                }
            }
        }
        let start = start.expect("a start");
        assert_eq!(start.size_bytes, u64::try_from(bytes.len()).unwrap());
        assert_eq!(start.mime_type, "image/jpeg");
        Ok((start, bytes))
    }

    async fn no_picture(&self, of: &str, code: Code, reason: &str) -> Status {
        let refused = self.picture(of, false).await.unwrap_err();
        assert_eq!(refusal(&refused), (code, reason.to_owned()));
        refused
    }
}

#[tokio::test]
async fn pictures_of_people_and_groups_are_read_and_the_removed_and_hidden_are_not() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    let group = world.phone().create_group(WORD, &[ANNA, BERT]).await;
    let group = group.unwrap();
    world.all_acked().await;
    for of in [ANNA, &group] {
        world.no_picture(of, Code::NotFound, "NO_PICTURE").await;
    }
    let large = jpeg(300_000);
    let id = anna.set_picture(Some(&large)).unwrap().unwrap();
    for preview in [false, true] {
        let (start, bytes) = world.picture(ANNA, preview).await.unwrap();
        assert_eq!((start.picture_id, bytes), (id.to_string(), large.clone()));
    }
    let small = jpeg(5);
    let id = world
        .phone()
        .set_group_picture(&group, Some(&small))
        .unwrap();
    let (start, bytes) = world.picture(&group, false).await.unwrap();
    assert_eq!((start.picture_id, bytes), (id.unwrap().to_string(), small));
    anna.set_privacy("profile", "none", &[]).unwrap();
    world.no_picture(ANNA, Code::NotFound, "NO_PICTURE").await;
    world.sim.unknown(UNREGISTERED).unwrap();
    world
        .no_picture(UNREGISTERED, Code::NotFound, "NOT_ON_WHATSAPP")
        .await;
    world
        .no_picture("", Code::InvalidArgument, "INVALID_ARGUMENT")
        .await;
    world.finish().await;
}

#[tokio::test]
async fn a_picture_is_complete_or_an_error_with_a_name() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    anna.set_picture(Some(&jpeg(300_000))).unwrap();
    world.picture(ANNA, false).await.unwrap();
    for (how, code, reason) in [
        (Spoilt::Status(404), Code::Unavailable, "MEDIA_HOST_ERROR"),
        (Spoilt::Status(302), Code::Unavailable, "MEDIA_HOST_ERROR"),
        (Spoilt::Cut(0), Code::Unavailable, "MEDIA_INTERRUPTED"),
        (Spoilt::Cut(200_000), Code::Unavailable, "MEDIA_INTERRUPTED"),
        (Spoilt::Stall(200_000), Code::Unavailable, "MEDIA_STALLED"),
        (Spoilt::Short(2), Code::DataLoss, "MEDIA_CORRUPTED"),
    ] {
        let on = Transfer::Download;
        let fault = MediaFault::Next { on, how, count: 1 };
        world.sim.fault(Fault::Media(fault)).await;
        let refused = world.no_picture(ANNA, code, reason).await;
        if let Spoilt::Status(status) = how {
            assert_eq!(fact(&refused, "http_status"), Some(status.to_string()));
        }
    }
    // Nothing of it affects the next call, or the link.
    world.picture(ANNA, false).await.unwrap();
    anna.set_picture(Some(&jpeg(MAX_BYTES))).unwrap();
    let (_, bytes) = world.picture(ANNA, false).await.unwrap();
    assert_eq!(bytes.len(), MAX_BYTES);
    anna.set_picture(Some(&jpeg(MAX_BYTES + 1))).unwrap();
    world
        .no_picture(ANNA, Code::FailedPrecondition, "MEDIA_TOO_LARGE")
        .await;
    anna.set_picture(Some(b"<html>not a picture</html>"))
        .unwrap();
    world
        .no_picture(ANNA, Code::DataLoss, "MEDIA_CORRUPTED")
        .await;
    world.finish().await;
}

#[tokio::test]
async fn a_picture_needs_whatsapps_answer_and_counts_as_a_question() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    anna.set_picture(Some(&jpeg(5))).unwrap();
    world.picture(ANNA, false).await.unwrap();
    let error = IqError {
        xmlns: "w:profile:picture".to_owned(),
        code: 503,
        count: 1,
    };
    world.fault(Fault::IqError(error)).await;
    world
        .no_picture(ANNA, Code::Unavailable, "NOT_CHECKED")
        .await;
    // The number was looked up first.
    for _ in 3..100 {
        world.picture(ANNA, false).await.unwrap();
    }
    world
        .no_picture(ANNA, Code::ResourceExhausted, "LOOKUP_LIMIT")
        .await;
    let unlinked = World::with(Config::default(), &[]).await;
    unlinked
        .no_picture(ANNA, Code::FailedPrecondition, "NOT_LINKED")
        .await;
    unlinked.finish().await;
    world.finish().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_no_more_than_its_own_picture_and_its_end_frees_the_turn()
{
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    anna.set_about(&named("at sea"));
    anna.set_picture(Some(&jpeg(MAX_BYTES))).unwrap();
    let mut contacts = ContactsClient::new(world.agent.channel());
    let request = pb::GetPictureRequest {
        of: ANNA.to_owned(),
        preview: false,
    };
    let stalled = contacts.get_picture(request).await.unwrap();
    let channel = world.agent.channel();
    let waiting = tokio::spawn(async move {
        let mut contacts = ContactsClient::new(channel);
        let of = BERT.to_owned();
        let request = pb::GetPictureRequest { of, preview: true };
        contacts.get_picture(request).await.map(drop)
    });
    // What is not about pictures does not wait.
    assert_eq!(world.contact(ANNA).await.about, named("at sea"));
    assert!(!waiting.is_finished());
    drop(stalled);
    let refused = waiting.await.unwrap().unwrap_err();
    assert_eq!(refusal(&refused), (Code::NotFound, "NO_PICTURE".to_owned()));
    world.finish().await;
}
