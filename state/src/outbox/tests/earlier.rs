//! Volumes of earlier formats can be opened, with their journal and their outbox: see tests/fixtures/volumes.

use openclaw_types::{Body, Event, MediaKind, Outgoing, Text};

use super::*;
use crate::vault::trial::Volume;

fn volume(name: &str) -> Volume {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/volumes");
    let key = std::array::from_fn(|at| at as u8);
    Volume::of_key(&format!("{folder}/{name}"), key)
}

fn events(volume: &Volume) -> Vec<Event> {
    let journal = journal(&volume.vault);
    journal.read(Seq(0), 1_000).events
}

#[tokio::test]
async fn a_journal_from_before_the_first_release_is_read() {
    let volume = volume("before-0.1.0");
    let (mut texts, mut pictures, mut names) = (Vec::new(), 0, Vec::new());
    for event in events(&volume) {
        let name = event.what.kind().name();
        if !names.contains(&name) {
            names.push(name);
        }
        let EventData::Message(message) = event.what else {
            continue;
        };
        match message.content.body {
            Body::Text(text) => texts.push(text),
            Body::Media(media) => {
                assert_eq!((media.kind, media.bytes), (MediaKind::Image, 81_234));
                assert!(media.caption.starts_with("a "), "{}", media.caption);
                pictures += 1;
            }
            Body::TimerChange(_) => texts.push("a timer".into()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        (texts, pictures),
        (vec!["hi".to_owned(), "a timer".into()], 2)
    );
    names.sort_unstable();
    let expected = [
        "deletion", "edit", "link", "message", "outcome", "reaction", "receipt",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn an_outbox_from_before_the_first_release_keeps_its_tokens_and_queue() {
    let volume = volume("before-0.1.0");
    let outbox = Outbox::open(
        volume.vault.clone(),
        journal(&volume.vault),
        Limits::default(),
    );
    let [waiting] = &outbox.queued()[..] else {
        panic!("{:?}", outbox.queued())
    };
    assert_eq!(waiting.token.as_str(), "fixture-queued");
    let payload = row::load_payload(&volume.vault, &waiting.token).unwrap();
    let text = Text::kept("still to be sent".into());
    assert!(Outgoing::decode(&payload) == Some(Outgoing::of_text(text)));
    // The same draft is accepted as the same message and another draft is refused, so the fingerprint has not
    // changed. The time is long after the fixture was created.
    let now = at(1_800_000_000);
    let (token, same) = request("fixture-sent", "+15550100002", "hello from before");
    let progress = outbox.submit(&token, same, now).unwrap();
    assert_eq!(progress.borrow().sent.state, SendState::Delivered);
    let (token, other) = request("fixture-sent", "+15550100002", "something else");
    assert_eq!(
        outbox.submit(&token, other, now).unwrap_err(),
        SubmitDenied::TokenReused
    );
}
