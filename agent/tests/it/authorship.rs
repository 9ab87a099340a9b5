//! Who may change what: a receipt, an edit, a deletion, a reaction or a vote counts only from a person who may make it.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::SendState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, content};
use tonic::Code;

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, reason, request, seconds};

const CLARA: &str = "+15550100004";

impl World {
    /// Returns what has arrived by the time that a later message has.
    async fn settled(&self) -> Vec<Kind> {
        let mut events = self.watch().await;
        let last = self.peer(CLARA);
        let last = last.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
        events
            .event(|event| match &event.kind {
                Some(Kind::Message(message)) if message.id == last => Some(()),
                _ => None,
            })
            .await;
        let events = self.events().await;
        events.into_iter().filter_map(|event| event.kind).collect()
    }

    async fn wait_for_read(&self, seconds_: i64) -> Result<pb::SendResponse, tonic::Status> {
        self.send_with(pb::SendRequest {
            token: "t".to_owned(),
            wait: SendState::Read.into(),
            timeout: seconds(seconds_),
            ..request(ANNA, WORD)
        })
        .await
    }
}

#[tokio::test]
async fn a_receipt_by_someone_else_changes_nothing() {
    let world = World::linked().await;
    let sent = pb::SendRequest {
        token: "t".to_owned(),
        wait: SendState::Delivered.into(),
        ..request(ANNA, WORD)
    };
    let id = world.send_with(sent).await.unwrap().message_id;
    for (who, by, kind) in [
        (BERT, By::Lid, Some("read")),
        (CLARA, By::Pn, Some("read")),
        (BERT, By::Pn, Some("played")),
        (CLARA, By::Lid, None),
    ] {
        let other = world.peer(who);
        other.send_receipt(ACCOUNT, &id, kind, by).await.unwrap();
    }
    let late = world.wait_for_read(2).await;
    assert_ne!(late.map(|sent| sent.state()).ok(), Some(SendState::Read));
    let receipts = world
        .settled()
        .await
        .into_iter()
        .filter_map(|kind| match kind {
            Kind::Receipt(receipt) => Some(receipt.by.unwrap().phone),
            _ => None,
        });
    let by: Vec<_> = receipts.collect();
    assert!(by.iter().all(|by| by == ANNA), "{by:?}");
    // By the other name than the one that it was sent to.
    let anna = world.peer(ANNA);
    let read = anna.send_receipt(ACCOUNT, &id, Some("read"), By::Pn);
    read.await.unwrap();
    let sent = world.wait_for_read(20).await.unwrap();
    assert_eq!(sent.state(), SendState::Read);
    world.finish().await;
}

#[tokio::test]
async fn a_receipt_for_a_message_that_is_not_ours_changes_nothing() {
    let world = World::linked().await;
    let bert = world.peer(BERT);
    let theirs = bert.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    world.settled().await;
    let anna = world.peer(ANNA);
    let read = anna.send_receipt(ACCOUNT, &theirs, Some("read"), By::Lid);
    read.await.unwrap();
    let receipts = world.settled().await;
    let told = receipts.iter().any(|kind| match kind {
        Kind::Receipt(receipt) => receipt.message_ids.contains(&theirs),
        _ => false,
    });
    assert!(!told);
    world.finish().await;
}

#[tokio::test]
async fn an_edit_or_a_deletion_by_another_than_the_author_is_not_applied() {
    let world = World::linked().await;
    let members = [ACCOUNT, ANNA, BERT];
    let group = world.phone().create_group(WORD, &members).await.unwrap();
    let (anna, bert) = (world.peer(ANNA), world.peer(BERT));
    // Bert's in the group, Bert's in his own chat, and ours in Anna's chat.
    let in_group = bert.send_to_group(&group, WORD).await.unwrap();
    let in_chat = bert.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    let ours = world.send(ANNA, WORD).await.unwrap().message_id;
    world.settled().await;
    let text = format!("{WORD} changed");
    for id in [&in_group, &in_chat, &ours] {
        for change in [content::edit(id, &text), content::deletion(id)] {
            anna.send(ACCOUNT, change, By::Lid, None).await.unwrap();
        }
    }
    for change in [
        content::edit(&in_group, &text),
        content::deletion(&in_group),
    ] {
        let sent = anna.send_group_message(&group, change, None);
        sent.await.unwrap();
    }
    let told = world.settled().await;
    let applied = told
        .iter()
        .filter(|kind| matches!(kind, Kind::Edit(_) | Kind::Deletion(_)));
    assert_eq!(applied.count(), 0);
    // The author's own are.
    bert.send_group_message(&group, content::edit(&in_group, &text), None)
        .await
        .unwrap();
    bert.send(ACCOUNT, content::deletion(&in_chat), By::Pn, None)
        .await
        .unwrap();
    let told = world.settled().await;
    let applied = told
        .iter()
        .filter(|kind| matches!(kind, Kind::Edit(_) | Kind::Deletion(_)));
    assert_eq!(applied.count(), 2);
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn a_reaction_reaches_only_messages_of_its_chat() {
    let world = World::linked().await;
    let bert = world.peer(BERT);
    let theirs = bert.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    let ours = world.send(BERT, WORD).await.unwrap().message_id;
    world.settled().await;
    let anna = world.peer(ANNA);
    for id in [&theirs, &ours] {
        let reaction = content::reaction(id, "👍");
        anna.send(ACCOUNT, reaction, By::Lid, None).await.unwrap();
    }
    let told = world.settled().await;
    assert!(!told.iter().any(|kind| matches!(kind, Kind::Reaction(_))));
    let reaction = content::reaction(&ours, "👍");
    bert.send(ACCOUNT, reaction, By::Lid, None).await.unwrap();
    let told = world.settled().await;
    assert!(told.iter().any(|kind| matches!(kind, Kind::Reaction(_))));
    world.finish().await;
}

#[tokio::test]
async fn a_wait_for_read_that_only_another_reported_ends_in_its_timeout() {
    let world = World::linked().await;
    let sent = pb::SendRequest {
        token: "t".to_owned(),
        ..request(ANNA, WORD)
    };
    let id = world.send_with(sent).await.unwrap().message_id;
    let bert = world.peer(BERT);
    bert.send_receipt(ACCOUNT, &id, Some("read"), By::Lid)
        .await
        .unwrap();
    let late = world.wait_for_read(2).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded, "{}", reason(&late));
    world.finish().await;
}
