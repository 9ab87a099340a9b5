//! What the account does in chats besides sending: it marks messages as read, types, and follows who is online.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::chats_client::ChatsClient;
use openclaw_proto::v1::message_ref::By as Ref;
use openclaw_proto::v1::watch_events_response::Item;
use openclaw_sim::{By, Fault};
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::harness::{ACCOUNT, ANNA, BERT, Client, TEST_TIMEOUT, TLS, WORD, World, lid, refusal};

fn by_seq(seq: u64) -> pb::MessageRef {
    pb::MessageRef {
        by: Some(Ref::Seq(seq)),
    }
}

/// A message by its key.
fn by_key(chat: &str, id: &str, sender: Option<&str>) -> pb::MessageRef {
    let sender = sender.map(|phone| pb::Contact {
        phone: phone.to_owned(),
        lid: String::new(),
    });
    let (chat, id) = (chat.to_owned(), id.to_owned());
    let key = pb::MessageKey { chat, id, sender };
    pb::MessageRef {
        by: Some(Ref::Key(key)),
    }
}

impl World {
    fn chats(&self) -> ChatsClient<Channel> {
        ChatsClient::new(self.agent.channel())
    }

    async fn mark_read(&self, messages: Vec<pb::MessageRef>) -> Result<(), Status> {
        let request = pb::MarkReadRequest { messages };
        self.chats().mark_read(request).await.map(drop)
    }

    /// The stream, once WhatsApp was notified.
    async fn types(&self, to: &str, recording: bool) -> Streaming<pb::SetTypingResponse> {
        let to = to.to_owned();
        let request = pb::SetTypingRequest { to, recording };
        let mut stream = self.chats().set_typing(request).await.unwrap().into_inner();
        let first = tokio::time::timeout(TEST_TIMEOUT, stream.message()).await;
        assert!(first.unwrap().unwrap().unwrap().shown);
        stream
    }

    /// Waits until the contact has been shown just this, one after the other.
    async fn is_shown(&self, number: &str, states: &[&str]) {
        let peer = self.peer(number);
        let seen = || {
            let typing = peer.typing();
            let found: Vec<_> = typing.iter().map(|it| it.state.as_str()).collect();
            found == states
        };
        let waited = self.sim.until(TEST_TIMEOUT, seen).await;
        waited.unwrap_or_else(|error| panic!("{error}: {:?}", peer.typing()));
    }

    /// Waits until the account's device has announced this.
    async fn shows(&self, presence: &str) {
        let shown = || {
            let devices = self.phone().companions();
            let mut shown = devices.iter().map(|device| device.presence.as_deref());
            shown.any(|shown| shown == Some(presence))
        };
        let waited = self.sim.until(TEST_TIMEOUT, shown).await;
        waited.unwrap_or_else(|error| panic!("never {presence}: {error}"));
    }

    /// The seq of the event with a message.
    async fn seq_with(&self, id: &str) -> u64 {
        let mut events = self.watch().await;
        let seq = events.event(|event| match &event.kind {
            Some(pb::event::Kind::Message(message)) if message.origin().id == id => Some(event.seq),
            _ => None,
        });
        seq.await
    }

    /// Waits until the contact has a receipt that the message is read.
    async fn knows_read(&self, number: &str, id: &str) {
        let peer = self.peer(number);
        let read = || {
            let receipts = peer.receipts();
            receipts.iter().any(|it| it.id == id && it.kind == "read")
        };
        let waited = self.sim.until(TEST_TIMEOUT, read).await;
        waited.unwrap_or_else(|error| panic!("{error}: {:?}", peer.receipts()));
    }
}

#[tokio::test]
async fn messages_are_marked_as_read_for_those_who_wrote_them() {
    let world = World::linked().await;
    let (anna, bert) = (world.peer(ANNA), world.peer(BERT));
    let one = anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    let two = anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    let group = world.phone().create_group(WORD, &[ANNA, BERT]).await;
    let group = group.unwrap();
    let in_group = bert.send_to_group(&group, WORD).await.unwrap();
    let seq = world.seq_with(&one).await;
    world.seq_with(&two).await;
    let group_seq = world.seq_with(&in_group).await;
    let marked = vec![
        by_seq(seq),
        by_key(ANNA, &two, Some(ANNA)),
        by_seq(group_seq),
    ];
    world.mark_read(marked).await.unwrap();
    for (number, id) in [(ANNA, &one), (ANNA, &two), (BERT, &in_group)] {
        world.knows_read(number, id).await;
    }
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn if_one_message_cannot_be_marked_none_is() {
    let world = World::linked().await;
    let anna = world.peer(ANNA);
    let id = anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    let seq = world.seq_with(&id).await;
    let sent = world.send(ANNA, WORD).await.unwrap();
    for (other, code, reason) in [
        (by_seq(u64::MAX), Code::NotFound, "NO_SUCH_EVENT"),
        (
            by_key(ANNA, &sent.message_id, None),
            Code::FailedPrecondition,
            "OWN_MESSAGE",
        ),
    ] {
        let refused = world.mark_read(vec![by_seq(seq), other]).await;
        assert_eq!(refusal(&refused.unwrap_err()), (code, reason.to_owned()));
    }
    let read = anna.receipts().iter().any(|it| it.kind == "read");
    assert!(!read, "{:?}", anna.receipts());
    world.finish().await;
}

#[tokio::test]
async fn typing_lasts_as_long_as_the_client_holds_it_and_so_does_being_online() {
    let world = World::linked().await;
    world.shows("unavailable").await;
    let typing = world.types(ANNA, false).await;
    world.shows("available").await;
    world.is_shown(ANNA, &["composing"]).await;
    let recording = world.types(BERT, true).await;
    world.is_shown(BERT, &["recording"]).await;
    drop(typing);
    world.is_shown(ANNA, &["composing", "paused"]).await;
    world.shows("available").await;
    drop(recording);
    world.is_shown(BERT, &["recording", "paused"]).await;
    world.shows("unavailable").await;
    world.finish().await;
}

#[tokio::test]
async fn typing_is_shown_again_every_ten_seconds_and_after_a_lost_connection() {
    let world = World::linked().await;
    let typing = world.types(ANNA, false).await;
    world.fault(Fault::Drop).await;
    world.agent.until_state(pb::LinkState::Connected).await;
    world.shows("available").await;
    world.is_shown(ANNA, &["composing", "composing"]).await;
    drop(typing);
    world
        .is_shown(ANNA, &["composing", "composing", "paused"])
        .await;
    world.shows("unavailable").await;
    world.finish().await;
}

#[tokio::test]
async fn typing_needs_a_connection() {
    let world = World::new().await;
    let request = pb::SetTypingRequest {
        to: ANNA.to_owned(),
        recording: false,
    };
    let refused = world.chats().set_typing(request).await.unwrap_err();
    let expected = (Code::FailedPrecondition, "NOT_LINKED".to_owned());
    assert_eq!(refusal(&refused), expected);
    world.finish().await;
}

#[tokio::test]
async fn presence_and_typing_of_others_are_items_of_a_stream_that_asks_for_them() {
    let world = World::linked().await;
    let request = pb::WatchEventsRequest {
        follow: true,
        presence_of: vec![ANNA.to_owned()],
        ..Default::default()
    };
    let mut events = world.watch_with(request).await;
    world.shows("available").await;
    let (anna, bert) = (world.peer(ANNA), world.peer(BERT));
    bert.show_typing(ACCOUNT, "composing").unwrap();
    anna.set_available(true);
    let chat = format!("{}@lid", lid(ANNA));
    loop {
        match events.item().await.unwrap().unwrap() {
            Item::Presence(presence) => {
                assert_eq!(presence.chat, chat);
                if presence.online {
                    assert_eq!(presence.contact.unwrap().phone, ANNA);
                    break;
                }
            }
            Item::Typing(_) => panic!("Bert was not asked for"),
            _ => {}
        }
    }
    for (state, expected) in [
        ("composing", pb::TypingState::Typing),
        ("recording", pb::TypingState::Recording),
        ("paused", pb::TypingState::Stopped),
    ] {
        anna.show_typing(ACCOUNT, state).unwrap();
        let typing = loop {
            if let Item::Typing(typing) = events.item().await.unwrap().unwrap() {
                break typing;
            }
        };
        assert_eq!((typing.state(), &typing.chat), (expected, &chat));
    }
    let before = world.events().await.len();
    drop(events);
    world.shows("unavailable").await;
    assert_eq!(world.events().await.len(), before, "nothing of it is kept");
    world.finish().await;
}

#[tokio::test]
async fn presence_is_not_for_readers_nor_for_a_stream_that_ends() {
    let world = World::with(openclaw_sim::Config::default(), &TLS).await;
    let reader = Client::invited(&world.agent, pb::Role::Reader).await;
    let mut request = pb::WatchEventsRequest {
        follow: true,
        presence_of: vec![ANNA.to_owned()],
        ..Default::default()
    };
    let mut client = reader.client(&world.agent).await;
    let refused = client.watch_events(request.clone()).await.unwrap_err();
    let expected = (Code::PermissionDenied, "ROLE".to_owned());
    assert_eq!(refusal(&refused), expected);
    request.follow = false;
    let refused = world.client().watch_events(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    world.finish().await;
}
