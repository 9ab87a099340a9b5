//! Authorisation of changes: a receipt, edit, deletion, reaction or vote is only applied if its sender is entitled to
//! it.

use openclaw_proto::v1::SendState;
use openclaw_proto::v1::content::Kind as Content;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::{Word as _, v1 as pb};
use openclaw_sim::{By, content};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::pin_in_chat_message::Type as PinType;
use whatsapp_rust::waproto::whatsapp::message::{PinInChatMessage, PollUpdateMessage};

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, request, seconds};

const CLARA: &str = "+15550100004";

impl World {
    /// Waits until everything has arrived, and returns the events.
    async fn settled(&self) -> Vec<Kind> {
        self.all_acked().await;
        let mut events = self.watch().await;
        let last = self.peer(CLARA);
        let last = last.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
        events
            .event(|event| match &event.kind {
                Some(Kind::Message(message)) if message.origin().id == last => Some(()),
                _ => None,
            })
            .await;
        let events = self.events().await;
        events.into_iter().filter_map(|event| event.kind).collect()
    }

    async fn wait_for_read(&self, seconds_: i64) -> Result<pb::SendResponse, tonic::Status> {
        self.send_with(pb::SendRequest {
            client_token: "t".to_owned(),
            wait: SendState::Read.into(),
            timeout: seconds(seconds_),
            ..request(ANNA, WORD)
        })
        .await
    }
}

fn check(target: Option<&pb::Target>) -> pb::AuthorCheck {
    target.unwrap().check()
}

/// The check, and the author of the message.
fn judged(target: Option<&pb::Target>) -> (pb::AuthorCheck, String) {
    let author = target.unwrap().author.clone().unwrap();
    (check(target), author.phone)
}

fn sender(origin: &pb::Origin) -> String {
    origin.sender.clone().unwrap().phone
}

fn rejected(kind: &Kind) -> Option<&pb::Rejected> {
    match kind {
        Kind::Rejected(rejected) => Some(rejected),
        _ => None,
    }
}

#[tokio::test]
async fn changes_of_unknown_messages_and_admin_deletions_are_marked_unchecked() {
    let world = World::linked().await;
    let members = [ACCOUNT, ANNA, BERT];
    let group = world.phone().create_group(WORD, &members).await.unwrap();
    let (anna, bert) = (world.peer(ANNA), world.peer(BERT));
    let id = bert.send_to_group(&group, WORD).await.unwrap();
    world.settled().await;
    // From before this device was linked.
    let old = "3EB0000000000000000001";
    let edit = content::edit(old, WORD);
    anna.send(ACCOUNT, edit, By::Lid, None).await.unwrap();
    let read = anna.send_receipt(ACCOUNT, old, Some("read"), By::Lid);
    read.await.unwrap();
    let bert_ = BERT.parse().unwrap();
    let gone = content::deletion_by_admin(&id, &bert_);
    anna.send_group_message(&group, gone, None).await.unwrap();
    // An admin may delete another member's message, but change nothing else.
    let wrong = content::deletion_by_admin(&id, &CLARA.parse().unwrap());
    anna.send_group_message(&group, wrong, None).await.unwrap();
    // A direct chat has no admins.
    let ours = world.send(ANNA, WORD).await.unwrap().message_id;
    let gone = content::deletion_by_admin(&ours, &ACCOUNT.parse().unwrap());
    anna.send(ACCOUNT, gone, By::Lid, None).await.unwrap();
    let reported = world.settled().await;
    let mut checks: Vec<_> = reported
        .iter()
        .filter_map(|kind| match kind {
            Kind::Edit(it) => Some(("edit", check(it.target.as_ref()))),
            Kind::Receipt(it) if it.message_ids == [old] => Some(("receipt", it.check())),
            Kind::Deletion(it) => Some(("deletion", check(it.target.as_ref()))),
            _ => None,
        })
        .collect();
    // Receipts are not ordered with messages.
    checks.sort_by_key(|(what, _)| *what);
    let expected = [
        ("deletion", pb::AuthorCheck::AdminAssumed),
        ("edit", pb::AuthorCheck::Unknown),
        ("receipt", pb::AuthorCheck::Unknown),
    ];
    assert_eq!(checks, expected);
    let rejected = reported.iter().filter_map(rejected);
    let reasons: Vec<_> = rejected.map(|it| (&*it.change, it.reason())).collect();
    assert_eq!(reasons, [("deletion", pb::RejectReason::NotTheAuthor); 2]);
    world.finish().await;
}

#[tokio::test]
async fn changes_in_the_same_backlog_as_their_message_are_judged_by_it() {
    let world = World::linked().await;
    let (anna, bert) = (world.peer(ANNA), world.peer(BERT));
    let members = [ACCOUNT, ANNA, BERT];
    let group = world.phone().create_group(WORD, &members).await.unwrap();
    world.cut_off().await;
    let id = bert.send_to_group(&group, WORD).await.unwrap();
    for who in [&anna, &bert] {
        let edit = content::edit(&id, WORD);
        who.send_group_message(&group, edit, None).await.unwrap();
    }
    world.sim.fault(openclaw_sim::Fault::Clear).await;
    let reported = world.settled().await;
    let edits = reported.iter().filter_map(|kind| match kind {
        Kind::Edit(it) => Some((check(it.target.as_ref()), sender(it.origin()))),
        _ => None,
    });
    let by_bert = (pb::AuthorCheck::Checked, BERT.to_owned());
    assert_eq!(edits.collect::<Vec<_>>(), [by_bert]);
    assert_eq!(reported.iter().filter_map(rejected).count(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_receipt_by_someone_else_changes_nothing() {
    let world = World::linked().await;
    let sent = pb::SendRequest {
        client_token: "t".to_owned(),
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
            Kind::Receipt(receipt) => Some(receipt.recipient.unwrap().phone),
            _ => None,
        });
    let by: Vec<_> = receipts.collect();
    assert!(by.iter().all(|by| by == ANNA), "{by:?}");
    // By the other address of the recipient.
    let anna = world.peer(ANNA);
    let read = anna.send_receipt(ACCOUNT, &id, Some("read"), By::Pn);
    read.await.unwrap();
    let sent = world.wait_for_read(20).await.unwrap();
    assert_eq!(sent.state(), SendState::Read);
    world.finish().await;
}

#[tokio::test]
async fn a_receipt_for_another_senders_message_changes_nothing() {
    let world = World::linked().await;
    let bert = world.peer(BERT);
    let theirs = bert.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    world.settled().await;
    let anna = world.peer(ANNA);
    let read = anna.send_receipt(ACCOUNT, &theirs, Some("read"), By::Lid);
    read.await.unwrap();
    let receipts = world.settled().await;
    let reported = receipts.iter().any(|kind| match kind {
        Kind::Receipt(receipt) => receipt.message_ids.contains(&theirs),
        _ => false,
    });
    assert!(!reported);
    world.finish().await;
}

#[tokio::test]
async fn an_edit_or_a_deletion_by_another_than_the_author_is_not_applied() {
    let world = World::linked().await;
    let members = [ACCOUNT, ANNA, BERT];
    let group = world.phone().create_group(WORD, &members).await.unwrap();
    let (anna, bert) = (world.peer(ANNA), world.peer(BERT));
    // Bert's message in the group, Bert's in his own chat, and the account's in Anna's chat.
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
    let reported = world.settled().await;
    let applied = reported
        .iter()
        .filter(|kind| matches!(kind, Kind::Edit(_) | Kind::Deletion(_)));
    assert_eq!(applied.count(), 0);
    let rejected: Vec<_> = reported.iter().filter_map(rejected).collect();
    let mut found: Vec<_> = rejected
        .iter()
        .map(|it| {
            let author = it.author.as_ref().unwrap();
            (
                it.reason().word(),
                &*it.change,
                &*it.message_ids[0],
                &*author.phone,
            )
        })
        .collect();
    let two = |id, reason, author| {
        let (deletion, edit) = ("deletion", "edit");
        [(reason, deletion, id, author), (reason, edit, id, author)]
    };
    let mut expected = [
        two(&*in_group, "other_chat", ""),
        two(&in_chat, "other_chat", ""),
        two(&ours, "not_the_author", ACCOUNT),
        two(&in_group, "not_the_author", BERT),
    ]
    .concat();
    // Order is only guaranteed within a chat.
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let by_anna = |it: &&pb::Rejected| sender(it.origin()) == ANNA;
    assert!(rejected.iter().all(by_anna));
    // The author's own changes are applied.
    bert.send_group_message(&group, content::edit(&in_group, &text), None)
        .await
        .unwrap();
    bert.send(ACCOUNT, content::deletion(&in_chat), By::Pn, None)
        .await
        .unwrap();
    let reported = world.settled().await;
    let applied = reported
        .iter()
        .filter(|kind| matches!(kind, Kind::Edit(_) | Kind::Deletion(_)));
    let checked = applied.map(|kind| match kind {
        Kind::Edit(it) => judged(it.target.as_ref()),
        Kind::Deletion(it) => judged(it.target.as_ref()),
        _ => unreachable!(),
    });
    let by_bert = (pb::AuthorCheck::Checked, BERT.to_owned());
    assert_eq!(checked.collect::<Vec<_>>(), [by_bert.clone(), by_bert]);
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
    let reported = world.settled().await;
    assert!(
        !reported
            .iter()
            .any(|kind| matches!(kind, Kind::Reaction(_)))
    );
    let reaction = content::reaction(&ours, "👍");
    bert.send(ACCOUNT, reaction, By::Lid, None).await.unwrap();
    let reported = world.settled().await;
    assert!(
        reported
            .iter()
            .any(|kind| matches!(kind, Kind::Reaction(_)))
    );
    world.finish().await;
}

fn pin(id: &str, r#type: PinType) -> wa::Message {
    wa::Message {
        pin_in_chat_message: MessageField::some(PinInChatMessage {
            key: key(id),
            r#type: Some(r#type),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn vote(id: &str) -> wa::Message {
    wa::Message {
        poll_update_message: MessageField::some(PollUpdateMessage {
            poll_creation_message_key: key(id),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn key(id: &str) -> MessageField<wa::MessageKey> {
    MessageField::some(wa::MessageKey {
        id: Some(id.to_owned()),
        ..Default::default()
    })
}

#[tokio::test]
async fn a_pin_and_a_vote_name_their_message_its_author_and_the_check() {
    let world = World::linked().await;
    let bert = world.peer(BERT);
    let theirs = bert.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    let ours = world.send(BERT, WORD).await.unwrap().message_id;
    world.settled().await;
    let before = "3EB0000000000000000001";
    for change in [
        pin(&ours, PinType::PIN_FOR_ALL),
        pin(&ours, PinType::UNPIN_FOR_ALL),
        vote(&theirs),
        vote(before),
    ] {
        bert.send(ACCOUNT, change, By::Lid, None).await.unwrap();
    }
    // From another chat.
    let anna = world.peer(ANNA);
    let pinned = pin(&theirs, PinType::PIN_FOR_ALL);
    anna.send(ACCOUNT, pinned, By::Lid, None).await.unwrap();
    let reported = world.settled().await;
    let found: Vec<_> = reported
        .iter()
        .filter_map(|kind| match kind {
            Kind::Message(message) => message.content.as_ref()?.kind.as_ref(),
            _ => None,
        })
        .filter_map(|content| match content {
            Content::Pin(pin) => Some((if pin.unpinned { "unpin" } else { "pin" }, &pin.target)),
            Content::PollVote(vote) => Some(("poll_vote", &vote.target)),
            _ => None,
        })
        .map(|(what, target)| {
            let target = target.as_ref().unwrap();
            let author = target.author.clone().unwrap_or_default();
            (what, &*target.id, target.check(), author.phone)
        })
        .collect();
    let (checked, unknown) = (pb::AuthorCheck::Checked, pb::AuthorCheck::Unknown);
    let expected = [
        ("pin", &*ours, checked, ACCOUNT.to_owned()),
        ("unpin", &ours, checked, ACCOUNT.to_owned()),
        ("poll_vote", &theirs, checked, BERT.to_owned()),
        ("poll_vote", before, unknown, String::new()),
    ];
    assert_eq!(found, expected);
    let rejected: Vec<_> = reported.iter().filter_map(rejected).collect();
    assert_eq!(rejected.len(), 1);
    assert_eq!(
        (&*rejected[0].change, sender(rejected[0].origin())),
        ("pin", ANNA.to_owned())
    );
    let origin = rejected[0].origin();
    assert!(origin.sent_at.is_some());
    assert_eq!((origin.from_me, origin.offline), (Some(false), Some(false)));
    world.finish().await;
}

#[tokio::test]
async fn a_read_receipt_by_someone_else_does_not_end_a_wait_for_read() {
    let world = World::linked().await;
    let sent = pb::SendRequest {
        client_token: "t".to_owned(),
        ..request(ANNA, WORD)
    };
    let id = world.send_with(sent).await.unwrap().message_id;
    let bert = world.peer(BERT);
    bert.send_receipt(ACCOUNT, &id, Some("read"), By::Lid)
        .await
        .unwrap();
    let late = world.wait_for_read(2).await.unwrap();
    assert!(late.wait_expired);
    assert_eq!(late.state(), SendState::Delivered);
    world.finish().await;
}
