//! Sending everything besides plain text, as seen by its recipient: replies, mentions, reactions, edits, deletions,
//! locations, contact cards, polls and votes.

mod refused;
mod spelled;
mod stopped;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::content::Kind as Body;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::message_ref::By as Ref;
use openclaw_proto::v1::send_request::Payload;
use openclaw_sim::{By, Shown, content};
use serde_json::{Value, json};
use tonic::Status;

use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, WORD, World, lid, request};

const WEEK: u32 = 604_800;

pub(crate) fn by_seq(seq: u64) -> Option<pb::MessageRef> {
    let by = Some(Ref::Seq(seq));
    Some(pb::MessageRef { by })
}

/// A message by its id.
pub(crate) fn by_key(chat: &str, id: &str, sender: Option<&str>) -> Option<pb::MessageRef> {
    let sender = sender.map(|phone| pb::Contact {
        phone: phone.to_owned(),
        lid: String::new(),
    });
    let by = Some(Ref::Key(pb::MessageKey {
        chat: chat.to_owned(),
        id: id.to_owned(),
        sender,
    }));
    Some(pb::MessageRef { by })
}

fn payload(payload: Payload) -> pb::SendRequest {
    pb::SendRequest {
        payload: Some(payload),
        ..Default::default()
    }
}

fn reaction(target: Option<pb::MessageRef>, emoji: &str) -> pb::SendRequest {
    let emoji = emoji.to_owned();
    payload(Payload::Reaction(pb::ReactionDraft { target, emoji }))
}

fn edit(target: Option<pb::MessageRef>, text: &str) -> pb::SendRequest {
    let content = Some(pb::Content::of_text(text));
    payload(Payload::Edit(pb::EditDraft { target, content }))
}

fn deletion(target: Option<pb::MessageRef>) -> pb::SendRequest {
    payload(Payload::Deletion(pb::DeletionDraft { target }))
}

pub(crate) fn vote(target: Option<pb::MessageRef>, names: &[&str]) -> pb::SendRequest {
    let options = options(names);
    payload(Payload::PollVote(pb::PollVoteDraft { target, options }))
}

fn options(names: &[&str]) -> Vec<pb::PollOption> {
    let names = names.iter().map(|name| (*name).to_owned());
    names.map(|name| pb::PollOption { name }).collect()
}

pub(crate) fn new(to: &str, kind: Body) -> pb::SendRequest {
    pb::SendRequest {
        to: to.to_owned(),
        ..payload(Payload::Content(pb::Content {
            kind: Some(kind),
            ..Default::default()
        }))
    }
}

fn location() -> Body {
    Body::Location(pb::Location {
        latitude: -36.848_461,
        longitude: 174.763_336,
        name: WORD.to_owned(),
        address: "Quay Street".to_owned(),
        caption: format!("{WORD} here"),
        ..Default::default()
    })
}

fn cards(names: &[&str]) -> Body {
    let card = |name: &&str| pb::ContactCard {
        name: (*name).to_owned(),
        phones: vec![BERT.to_owned()],
        vcard: String::new(),
    };
    Body::Contacts(pb::ContactCards {
        cards: names.iter().map(card).collect(),
    })
}

pub(crate) fn poll(selectable: u32) -> Body {
    Body::Poll(pb::Poll {
        question: format!("{WORD}?"),
        options: options(&["yes", "no", "later"]),
        selectable,
    })
}

impl World {
    /// Anna's message, and the seq of its event.
    async fn anna_said(&self, content: &Value) -> (String, u64) {
        let mut events = self.watch().await;
        let content: content::Content = serde_json::from_value(content.clone()).unwrap();
        let anna = self.peer(ANNA);
        let message = anna.compose(&content, By::Lid).unwrap();
        let id = anna.send(ACCOUNT, message, By::Lid, None).await.unwrap();
        let is_it = |event: &pb::Event| match &event.kind {
            Some(Kind::Message(message)) if message.origin().id == id => Some(event.seq),
            _ => None,
        };
        let seq = events.event(is_it).await;
        (id, seq)
    }

    /// The seq of the first outcome event of one of our messages.
    async fn outcome_of(&self, id: &str) -> u64 {
        let is_it = |event: &pb::Event| match &event.kind {
            Some(Kind::Outcome(outcome)) if outcome.message_id == id => Some(event.seq),
            _ => None,
        };
        self.watch().await.event(is_it).await
    }

    /// How a message appears to a person.
    fn seen_by(&self, number: &str, id: &str) -> Option<Shown> {
        let mut seen = self.peer(number).sees().into_iter();
        seen.find(|shown| shown.received.id == id)
    }

    /// Waits until a message appears like this to a person.
    async fn sees(&self, number: &str, id: &str, so: impl Fn(&Shown) -> bool) -> Shown {
        let seen = || self.seen_by(number, id).is_some_and(|shown| so(&shown));
        let in_time = self.sim.until(TEST_TIMEOUT, seen).await;
        let shown = self.seen_by(number, id);
        in_time.unwrap_or_else(|_| panic!("{number} sees {shown:#?}"));
        shown.unwrap()
    }

    pub(crate) async fn sent(&self, request: pb::SendRequest) -> pb::SendResponse {
        let sent: Result<_, Status> = self.send_with(request).await;
        sent.unwrap()
    }
}

fn as_json(shown: &Shown) -> Value {
    serde_json::to_value(&shown.content).unwrap()
}

#[tokio::test]
async fn a_reply_quotes_mentions_and_has_the_chats_timer() {
    let world = World::linked().await;
    let anna = world.peer(ANNA);
    let message = content::disappearing(WORD, WEEK);
    let mut events = world.watch().await;
    let id = anna.send(ACCOUNT, message, By::Lid, None).await.unwrap();
    let seq = events.event(|event| {
        let is_message = matches!(event.kind, Some(Kind::Message(_)));
        is_message.then_some(event.seq)
    });
    let seq = seq.await;
    let mention = pb::Contact {
        phone: BERT.to_owned(),
        lid: String::new(),
    };
    for (to, reply_to) in [
        ("", by_seq(seq)),
        (ANNA, by_seq(seq)),
        ("", by_key(ANNA, &id, Some(ANNA))),
    ] {
        let text = format!("{WORD} for @{}", &BERT[1..]);
        let content = pb::Content {
            mentions: vec![mention.clone()],
            ..pb::Content::of_text(&*text)
        };
        let reply = pb::SendRequest {
            to: to.to_owned(),
            reply_to,
            ..payload(Payload::Content(content))
        };
        let sent = world.sent(reply).await;
        assert_eq!(sent.chat, format!("{}@lid", lid(ANNA)));
        assert_eq!(sent.recipient.unwrap().phone, ANNA);
        let seen = world.sees(ANNA, &sent.message_id, |_| true).await;
        assert_eq!(seen.received.text.as_deref(), Some(&*text));
        assert_eq!(seen.received.expiration, Some(WEEK));
        let extended = &seen.received.message.extended_text_message;
        let context = extended.context_info.as_option().unwrap();
        assert_eq!(context.stanza_id.as_deref(), Some(&*id));
        let names = [
            format!("{}@lid", lid(ANNA)),
            format!("{}@s.whatsapp.net", &ANNA[1..]),
        ];
        assert!(names.contains(context.participant.as_ref().unwrap()));
        let bert = format!("{}@s.whatsapp.net", &BERT[1..]);
        assert_eq!(context.mentioned_jid, [bert]);
        let quoted = context.quoted_message.as_option().unwrap();
        assert_eq!(quoted.conversation.as_deref(), Some(WORD));
    }
    // A reply to a message from this device quotes it too.
    let own = world.send(ANNA, &format!("{WORD} own")).await.unwrap();
    let reply = pb::SendRequest {
        reply_to: by_key(ANNA, &own.message_id, None),
        ..payload(Payload::Content(pb::Content::of_text(WORD)))
    };
    let sent = world.sent(reply).await;
    let seen = world.sees(ANNA, &sent.message_id, |_| true).await;
    let extended = &seen.received.message.extended_text_message;
    let quoted = &extended.context_info.quoted_message;
    assert_eq!(quoted.conversation, Some(format!("{WORD} own")));
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn a_reaction_is_seen_until_it_is_taken_back() {
    let world = World::linked().await;
    let (id, seq) = world.anna_said(&json!({ "text": WORD })).await;
    for (target, emoji) in [
        (by_seq(seq), "👍"),
        (by_key(ANNA, &id, Some(ANNA)), "🐟"),
        (by_seq(seq), ""),
    ] {
        world.sent(reaction(target, emoji)).await;
        let wanted = Some(emoji).filter(|emoji| !emoji.is_empty());
        let is_so = |shown: &Shown| shown.reactions.get(ACCOUNT).map(String::as_str) == wanted;
        world.sees(ANNA, &id, is_so).await;
    }
    // A reaction to one of our messages.
    let own = world.send(ANNA, WORD).await.unwrap().message_id;
    world.sent(reaction(by_key(ANNA, &own, None), "🐟")).await;
    let is_so = |shown: &Shown| shown.reactions.contains_key(ACCOUNT);
    world.sees(ANNA, &own, is_so).await;
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn a_sent_text_is_edited_and_deleted() {
    let world = World::linked().await;
    let id = world.send(ANNA, WORD).await.unwrap().message_id;
    let seq = world.outcome_of(&id).await;
    for (target, text) in [
        (by_seq(seq), format!("{WORD} two")),
        (by_key(ANNA, &id, None), format!("{WORD} three")),
    ] {
        let sent = world.sent(edit(target, &text)).await;
        assert_ne!(sent.message_id, id, "an edit is a message of its own");
        let is_so = |shown: &Shown| shown.received.text.as_deref() == Some(&*text);
        let seen = world.sees(ANNA, &id, is_so).await;
        assert!(seen.edited);
    }
    world.sent(deletion(by_seq(seq))).await;
    world.sees(ANNA, &id, |shown| shown.content.is_none()).await;
    assert_eq!(world.peer(ANNA).sees().len(), 1);
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn a_location_contact_cards_and_a_poll_are_received_as_such() {
    let world = World::linked().await;
    // All of them have the chat's timer.
    let timer = content::disappearing(WORD, WEEK);
    let anna = world.peer(ANNA);
    anna.send(ACCOUNT, timer, By::Lid, None).await.unwrap();
    world.all_acked().await;
    let cases = [
        (location(), "location"),
        (cards(&["Bert"]), "contacts"),
        (cards(&["Bert", "Bertha"]), "contacts"),
        (poll(1), "poll"),
        (poll(0), "poll"),
    ];
    for (kind, name) in cases {
        let sent = world.sent(new(ANNA, kind)).await;
        let seen = world.sees(ANNA, &sent.message_id, |_| true).await;
        let content = as_json(&seen);
        assert!(content.get(name).is_some(), "{name}: {content}");
        assert_eq!(seen.received.expiration, Some(WEEK), "{name}");
        let text = content.to_string();
        let words = match name {
            "location" => vec![WORD, "Quay Street", "-36.84846", "174.7633"],
            "contacts" => vec!["Bert"],
            _ => vec![WORD, "yes", "no", "later"],
        };
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn the_last_vote_counts() {
    let world = World::linked().await;
    let description =
        json!({ "poll": { "question": WORD, "options": ["a", "b", "c"], "selectable": 2 } });
    let (id, seq) = world.anna_said(&description).await;
    for chosen in [&["a"][..], &["b", "c"], &[]] {
        world.sent(vote(by_seq(seq), chosen)).await;
        let is_so = |shown: &Shown| {
            let votes = shown.votes.get(ACCOUNT);
            votes.is_some_and(|votes| votes == chosen)
        };
        world.sees(ANNA, &id, is_so).await;
    }
    // The same in one of our polls.
    let own = world.sent(new(ANNA, poll(1))).await.message_id;
    world.sent(vote(by_key(ANNA, &own, None), &["later"])).await;
    let is_so = |shown: &Shown| shown.votes.get(ACCOUNT).is_some_and(|it| it == &["later"]);
    world.sees(ANNA, &own, is_so).await;
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn in_a_group_references_include_the_author() {
    let world = World::linked().await;
    let members = [ANNA, BERT];
    let group = world.phone().create_group(WORD, &members).await.unwrap();
    let mut events = world.watch().await;
    let theirs = world.peer(BERT).send_to_group(&group, WORD).await.unwrap();
    let seq = events.event(|event| {
        let is_message = matches!(event.kind, Some(Kind::Message(_)));
        is_message.then_some(event.seq)
    });
    let seq = seq.await;
    world.sent(reaction(by_seq(seq), "🐟")).await;
    let is_so = |shown: &Shown| shown.reactions.contains_key(ACCOUNT);
    world.sees(ANNA, &theirs, is_so).await;
    let reply = pb::SendRequest {
        reply_to: by_seq(seq),
        ..request(&group, &format!("{WORD} indeed"))
    };
    let sent = world.sent(reply).await;
    assert_eq!(sent.chat, group);
    let seen = world.sees(ANNA, &sent.message_id, |_| true).await;
    let context = &seen.received.message.extended_text_message.context_info;
    let author = format!("{}@lid", lid(BERT));
    assert_eq!(context.participant.as_deref(), Some(&*author));
    // The account created the group, so as an admin it may delete messages of others.
    world.sent(deletion(by_seq(seq))).await;
    world
        .sees(ANNA, &theirs, |shown| shown.content.is_none())
        .await;
    // Its own message is edited, and its own poll voted in.
    let text = format!("{WORD} after all");
    world
        .sent(edit(by_key(&group, &sent.message_id, None), &text))
        .await;
    let is_so = |shown: &Shown| shown.received.text.as_deref() == Some(&*text);
    world.sees(BERT, &sent.message_id, is_so).await;
    let own = world.sent(new(&group, poll(0))).await.message_id;
    world
        .sent(vote(by_key(&group, &own, None), &["yes", "no"]))
        .await;
    let is_so = |shown: &Shown| shown.votes.contains_key(ACCOUNT);
    world.sees(BERT, &own, is_so).await;
    world.all_acked().await;
    world.finish().await;
}
