//! Older messages of a chat from the account's phone: what they are, and that hostile or absent answers do no harm.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::chats_client::ChatsClient;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::fetch_history_request::Start;
use openclaw_sim::{By, History, content};
use serde_json::json;
use tonic::{Code, Status};

use crate::access::ONLY_ANNA;
use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, WORD, World, lid, refusal};
use crate::sending::{by_key, by_seq};

/// The additional memory at the peak of a hostile answer, in a debug build: what is inflated, and its copies.
const SPARE_KIB: u64 = 48 * 1024;

fn before(message: Option<pb::MessageRef>) -> pb::FetchHistoryRequest {
    pb::FetchHistoryRequest {
        start: message.map(Start::Before),
        ..Default::default()
    }
}

fn of_chat(chat: &str) -> pb::FetchHistoryRequest {
    pb::FetchHistoryRequest {
        start: Some(Start::Chat(chat.to_owned())),
        ..Default::default()
    }
}

/// The messages before the last one of a page.
fn next(page: &pb::FetchHistoryResponse, sender: Option<&str>) -> pb::FetchHistoryRequest {
    let last = page.messages.last().unwrap().message.as_ref().unwrap();
    let origin = last.origin();
    pb::FetchHistoryRequest {
        sent_at: origin.sent_at,
        ..before(by_key(&origin.chat, &origin.id, sender))
    }
}

impl World {
    async fn fetch(
        &self,
        request: pb::FetchHistoryRequest,
    ) -> Result<pb::FetchHistoryResponse, Status> {
        let mut chats = ChatsClient::new(self.agent.channel());
        Ok(chats.fetch_history(request).await?.into_inner())
    }

    /// Anna's last message, and the seq of its event.
    async fn anna_now(&self) -> u64 {
        let anna = self.peer(ANNA);
        let id = anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
        self.seq_of(&id).await
    }
}

/// The texts, and whether they are of the account.
fn texts(page: &pb::FetchHistoryResponse) -> Vec<(String, bool)> {
    let messages = page.messages.iter().map(|one| {
        let message = one.message.as_ref().unwrap();
        (message.text().to_owned(), message.origin().from_me())
    });
    messages.collect()
}

fn text(number: usize, from_me: bool) -> (String, bool) {
    let who = if from_me { "answered" } else { "asked" };
    (format!("{WORD} {who} {number}"), from_me)
}

/// An agent that was linked after these messages.
async fn linked_after(count: usize) -> World {
    let world = World::new().await;
    let (anna, phone) = (world.peer(ANNA), world.phone());
    for number in 0..count {
        let (asked, _) = text(number, false);
        anna.send_text(ACCOUNT, &asked, By::Lid).await.unwrap();
        let (answered, _) = text(number, true);
        phone.send_text(ANNA, &answered).await.unwrap();
    }
    world.link().await;
    world
}

#[tokio::test]
async fn older_messages_of_a_chat_come_newest_first_and_are_not_recorded() {
    let world = linked_after(3).await;
    let seq = world.anna_now().await;
    let request = pb::FetchHistoryRequest {
        count: 4,
        ..before(by_seq(seq))
    };
    let page = world.fetch(request).await.unwrap();
    let expected = [text(2, true), text(2, false), text(1, true), text(1, false)];
    assert_eq!(texts(&page), expected);
    assert!(page.more);
    let origin = page.messages[1].message.as_ref().unwrap().origin();
    assert_eq!(origin.chat, format!("{}@lid", lid(ANNA)));
    assert_eq!(origin.sender.as_ref().unwrap().phone, ANNA);
    assert_eq!(page.messages[0].chat_with.as_ref().unwrap().phone, ANNA);
    for answer in [History::Hosted, History::Inline] {
        world.phone().answer_history(answer);
        let rest = world.fetch(next(&page, Some(ANNA))).await.unwrap();
        assert_eq!(texts(&rest), [text(0, true), text(0, false)]);
        assert!(!rest.more);
        let end = world.fetch(next(&rest, Some(ANNA))).await.unwrap();
        assert_eq!((texts(&end), end.more), (vec![], false));
    }
    // From the oldest message that the agent has, and by number.
    let all = world.fetch(of_chat(ANNA)).await.unwrap();
    assert_eq!(all.messages.len(), 6);
    let is_older = |event: &pb::Event| match &event.kind {
        Some(Kind::Message(message)) => message.text() != WORD,
        _ => false,
    };
    assert!(!world.events().await.iter().any(is_older));
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn older_messages_have_the_content_of_events_files_and_quotes_included() {
    let world = World::new().await;
    let group = world.phone().create_group(WORD, &[ANNA, BERT]).await;
    let group = group.unwrap();
    let anna = world.peer(ANNA);
    let first = anna.send_to_group(&group, WORD).await.unwrap();
    let picture = content::image(WORD);
    anna.send_group_message(&group, picture, None)
        .await
        .unwrap();
    let author = format!("{}@lid", lid(ANNA));
    let quote = json!({ "id": first, "author": author, "content": { "text": WORD } });
    let reply = json!({ "text": WORD, "context": { "quote": quote } });
    let reply: content::Content = serde_json::from_value(reply).unwrap();
    let bert = world.peer(BERT);
    let reply = bert.compose(&reply, By::Lid).unwrap();
    bert.send_group_message(&group, reply, None).await.unwrap();
    world.link().await;
    let now = anna.send_to_group(&group, WORD).await.unwrap();
    world.all_acked().await;
    let request = before(by_key(&group, &now, Some(ANNA)));
    let page = world.fetch(request).await.unwrap();
    let [reply, picture, text] = &page.messages[..] else {
        panic!("{} messages", page.messages.len());
    };
    let message = |one: &pb::HistoryMessage| one.message.clone().unwrap();
    let senders = [reply, picture, text].map(|one| {
        let sender = message(one).origin().sender.clone();
        sender.unwrap().lid
    });
    assert_eq!(
        senders,
        [BERT, ANNA, ANNA].map(|it| format!("{}@lid", lid(it)))
    );
    assert_eq!(message(reply).quoted.unwrap().id, first);
    match message(picture).content.unwrap().kind {
        Some(pb::content::Kind::Media(media)) => assert_eq!(media.caption, WORD),
        other => panic!("{other:?}"),
    }
    assert_eq!(message(text).origin().chat, group);
    assert!(text.chat_with.is_none());
    world.finish().await;
}

#[tokio::test]
async fn the_allowlist_hides_messages_of_the_past_too() {
    let rules = tempfile::tempdir().unwrap();
    let file = rules.path().join("openclaw.yml");
    std::fs::write(&file, ONLY_ANNA).unwrap();
    let world = World::linked_with(&["--config", file.to_str().unwrap()]).await;
    let group = world.phone().create_group(WORD, &[ANNA, BERT]).await;
    let group = group.unwrap();
    for peer in [ANNA, BERT, ANNA] {
        let sent = world.peer(peer).send_to_group(&group, WORD).await;
        sent.unwrap();
    }
    let now = world.peer(ANNA).send_to_group(&group, WORD).await.unwrap();
    let seq = world.seq_of(&now).await;
    let request = before(by_seq(seq));
    let page = world.fetch(request).await.unwrap();
    for one in &page.messages {
        let sender = one.message.as_ref().unwrap().origin().sender.clone();
        assert_eq!(sender.unwrap().phone, ANNA);
    }
    assert_eq!((page.messages.len(), page.not_allowed), (2, 1));
    // One at a time, past the one that is hidden.
    let mut request = pb::FetchHistoryRequest {
        count: 1,
        ..before(by_seq(seq))
    };
    for expected in [(1, true), (0, true), (1, false)] {
        let page = world.fetch(request).await.unwrap();
        assert_eq!((page.messages.len(), page.more), expected);
        request = pb::FetchHistoryRequest {
            count: 1,
            sent_at: page.next_sent_at,
            ..before(page.next_before)
        };
    }
    world.finish().await;
}

#[tokio::test]
async fn a_request_that_cannot_be_answered_has_a_reason() {
    let mut world = linked_after(1).await;
    let seq = world.anna_now().await;
    world.phone().answer_history(History::Silent);
    // One of them waits for the phone meanwhile.
    let (one, other) = tokio::join!(
        world.fetch(before(by_seq(seq))),
        world.fetch(before(by_seq(seq)))
    );
    let mut refused = [one, other].map(|it| refusal(&it.unwrap_err()));
    refused.sort_by(|one, other| one.1.cmp(&other.1));
    let expected = [
        (Code::ResourceExhausted, "HISTORY_BUSY".to_owned()),
        (Code::Unavailable, "PHONE_SILENT".to_owned()),
    ];
    assert_eq!(refused, expected);
    world.phone().answer_history(History::Hosted);
    let unknown = by_key(ANNA, "3EB0FF", Some(ANNA));
    for (request, code, reason) in [
        (before(None), Code::InvalidArgument, "INVALID_ARGUMENT"),
        (before(unknown), Code::InvalidArgument, "INVALID_ARGUMENT"),
        (of_chat(BERT), Code::NotFound, "NO_KNOWN_MESSAGE"),
        (before(by_seq(seq + 999)), Code::NotFound, "NO_SUCH_EVENT"),
    ] {
        let refused = world.fetch(request).await.unwrap_err();
        assert_eq!(refusal(&refused), (code, reason.to_owned()));
    }
    let page = world.fetch(before(by_seq(seq))).await.unwrap();
    assert_eq!(page.messages.len(), 2);
    // Without a connection.
    world.agent.kill().await;
    world.agent.start_again("ws://127.0.0.1:9/ws/chat").await;
    let refused = world.fetch(before(by_seq(seq))).await.unwrap_err();
    let refused = refusal(&refused);
    assert_eq!(
        refused,
        (Code::FailedPrecondition, "NOT_CONNECTED".to_owned())
    );
    world.finish().await;
}

#[tokio::test]
async fn hostile_and_late_answers_show_nothing_and_cost_little_memory() {
    let world = linked_after(2).await;
    let seq = world.anna_now().await;
    // Memory of the first request is not attributed to the answers.
    let page = world.fetch(before(by_seq(seq))).await.unwrap();
    assert_eq!(page.messages.len(), 4);
    let peak = world.agent.peak_kib();
    for (answer, code, reason) in [
        (History::Garbage, Code::DataLoss, "HISTORY_UNREADABLE"),
        (History::Bomb, Code::DataLoss, "HISTORY_UNREADABLE"),
        (History::Huge, Code::FailedPrecondition, "HISTORY_TOO_LARGE"),
    ] {
        world.phone().answer_history(answer);
        let refused = world.fetch(before(by_seq(seq))).await.unwrap_err();
        assert_eq!(refusal(&refused), (code, reason.to_owned()), "{answer:?}");
    }
    let grown = world.agent.peak_kib() - peak;
    assert!(grown <= SPARE_KIB, "{grown} KiB");
    world.phone().answer_history(History::OtherChat);
    let page = world.fetch(before(by_seq(seq))).await.unwrap();
    assert_eq!((page.messages.len(), page.left_out), (0, 4));
    world.phone().answer_history(History::Late);
    let page = world.fetch(before(by_seq(seq))).await.unwrap();
    assert_eq!(page.messages.len(), 4);
    // The phone got a receipt for each.
    let settled = || world.sim.queue(ACCOUNT).unwrap().is_empty();
    world.sim.until(TEST_TIMEOUT, settled).await.unwrap();
    world.finish().await;
}
