//! Faults of the media host, and the phone's answers.

use openclaw_sim::{Fault, MediaFault, Reupload, Spoilt, Transfer};
use serde_json::json;
use tonic::Code;

use super::{World, fill};
use crate::harness::{ANNA, BERT, WORD, fact, refusal};

const SIZE: u64 = 100_000;

impl World {
    async fn spoil(&self, how: Spoilt, count: u32) {
        let on = Transfer::Download;
        let fault = MediaFault::Next { on, how, count };
        self.sim.fault(Fault::Media(fault)).await;
    }

    async fn image(&self) -> (u64, String) {
        self.receives_content(&json!({ "image": { "fill": SIZE } }))
            .await
    }
}

#[tokio::test]
async fn a_download_survives_temporary_faults_of_the_host() {
    let world = World::linked().await;
    let (seq, _) = world.image().await;
    for (how, restarts) in [
        (Spoilt::Status(500), 0),
        (Spoilt::Status(302), 0),
        (Spoilt::Cut(0), 0),
        // It continues where it was interrupted, invisibly to the client.
        (Spoilt::Cut(90_000), 0),
        (Spoilt::Stall(90_000), 0),
        (Spoilt::Short(90_000), 1),
        (Spoilt::WrongMac, 1),
        (Spoilt::WrongHash, 1),
    ] {
        world.spoil(how, 1).await;
        let taken = world.download(seq).await.unwrap();
        assert_eq!(taken.bytes, fill(SIZE), "{how:?}");
        assert_eq!(taken.restarts, restarts, "{how:?}");
    }
    world.sim.fault(Fault::Media(MediaFault::NoRange)).await;
    world.spoil(Spoilt::Cut(90_000), 1).await;
    let taken = world.download(seq).await.unwrap();
    assert_eq!((taken.bytes, taken.restarts), (fill(SIZE), 0));
    world.everything_reports_connected().await;
    world.finish().await;
}

#[tokio::test]
async fn a_permanent_fault_has_its_own_reason_and_does_not_affect_the_link() {
    let world = World::linked().await;
    let (seq, _) = world.image().await;
    world.download(seq).await.unwrap();
    let links = || async {
        let events = world.events().await.into_iter();
        let is_link = |event: &openclaw_proto::v1::Event| {
            matches!(event.kind, Some(openclaw_proto::v1::event::Kind::Link(_)))
        };
        events.filter(is_link).count()
    };
    let before = links().await;
    for (how, count, code, reason) in [
        (
            Spoilt::Status(500),
            3,
            Code::Unavailable,
            "MEDIA_HOST_ERROR",
        ),
        (
            Spoilt::Status(302),
            3,
            Code::Unavailable,
            "MEDIA_HOST_ERROR",
        ),
        (
            Spoilt::Cut(1_000),
            3,
            Code::Unavailable,
            "MEDIA_INTERRUPTED",
        ),
        (Spoilt::Stall(10), 3, Code::Unavailable, "MEDIA_STALLED"),
        (Spoilt::Short(90_000), 2, Code::DataLoss, "MEDIA_TRUNCATED"),
        (Spoilt::WrongMac, 2, Code::DataLoss, "MEDIA_CORRUPTED"),
        (Spoilt::WrongHash, 2, Code::DataLoss, "MEDIA_WRONG_HASH"),
    ] {
        world.spoil(how, count).await;
        let error = world.download(seq).await.unwrap_err();
        assert_eq!(refusal(&error), (code, reason.to_owned()), "{how:?}");
        if let Spoilt::Status(status) = how {
            assert_eq!(fact(&error, "http_status"), Some(status.to_string()));
        }
        assert_eq!(
            world.download(seq).await.unwrap().bytes,
            fill(SIZE),
            "{how:?}"
        );
    }
    world.everything_reports_connected().await;
    assert_eq!(links().await, before);
    world.finish().await;
}

#[tokio::test]
async fn the_phone_is_asked_once_for_a_file_that_is_gone() {
    let world = World::linked().await;
    let group = world.phone().create_group(WORD, &[ANNA, BERT]).await;
    let group = group.unwrap();
    world.all_acked().await;
    for status in [401, 403, 404, 410] {
        let (seq, id) = world.image().await;
        world.phone().remove_media(&id, status).unwrap();
        let taken = world.download(seq).await.unwrap();
        assert_eq!((taken.bytes, taken.restarts), (fill(SIZE), 0), "{status}");
        // The new path is stored.
        world.phone().answer_reuploads(Reupload::NotFound);
        assert_eq!(world.download(seq).await.unwrap().bytes, fill(SIZE));
        world.phone().answer_reuploads(Reupload::Success);
    }
    let image = world.annas(&json!({ "image": { "fill": SIZE } }));
    let anna = world.peer(ANNA);
    let id = anna.send_group_message(&group, image, None).await.unwrap();
    let seq = world.seq_of(&id).await;
    world.phone().remove_media(&id, 410).unwrap();
    assert_eq!(world.download(seq).await.unwrap().bytes, fill(SIZE));
    world.finish().await;
}

#[tokio::test]
async fn a_file_removed_during_its_download_is_downloaded_again() {
    let world = World::linked().await;
    let (seq, _) = world.image().await;
    world.spoil(Spoilt::Cut(90_000), 1).await;
    world.spoil(Spoilt::Status(410), 1).await;
    let taken = world.download(seq).await.unwrap();
    // Whether any data was delivered before that depends on the network's buffers.
    assert!(taken.bytes == fill(SIZE) && taken.restarts <= 1);
    world.finish().await;
}

#[tokio::test]
async fn each_answer_of_the_phone_has_its_own_reason() {
    let world = World::linked().await;
    let (seq, id) = world.image().await;
    world.phone().remove_media(&id, 410).unwrap();
    for (answer, code, reason) in [
        (Reupload::NotFound, Code::NotFound, "MEDIA_GONE"),
        (
            Reupload::GeneralError,
            Code::Unavailable,
            "MEDIA_PHONE_ERROR",
        ),
        (
            Reupload::DecryptionError,
            Code::Unavailable,
            "MEDIA_PHONE_ERROR",
        ),
        (Reupload::Silent, Code::Unavailable, "MEDIA_PHONE_SILENT"),
    ] {
        world.phone().answer_reuploads(answer);
        let error = world.download(seq).await.unwrap_err();
        assert_eq!(refusal(&error), (code, reason.to_owned()), "{answer:?}");
    }
    world.phone().answer_reuploads(Reupload::Success);
    // The new copy is missing too: the phone is not asked repeatedly.
    world.spoil(Spoilt::Status(404), 2).await;
    let error = world.download(seq).await.unwrap_err();
    assert_eq!(refusal(&error), (Code::NotFound, "MEDIA_GONE".to_owned()));
    assert_eq!(world.download(seq).await.unwrap().bytes, fill(SIZE));
    world.finish().await;
}
