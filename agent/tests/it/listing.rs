//! Paginated lists: events, newest first, and everything else that may be long.

mod pages;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::EventKind;
use openclaw_sim::By;
use openclaw_state::journal::{Journal, Limits};
use openclaw_state::vault::{Sealed, Vault};
use openclaw_types::{
    ChatId, Contact, Content, EventData, Link, LinkState, Lost, LostReason, Message, MessageId,
    Origin,
};
use openclaw_vault::{Folder, Secret, on_heap};
use tonic::Code;

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, chats, kinds, lid, refusal};

impl World {
    async fn page(&self, request: pb::ListEventsRequest) -> pb::ListEventsResponse {
        let listed = self.client().list_events(request).await;
        listed.unwrap().into_inner()
    }

    /// Every page from the newest event on. `between` runs after each page.
    async fn pages(
        &self,
        filter: Option<pb::EventFilter>,
        page_size: u32,
        mut between: impl AsyncFnMut(),
    ) -> Vec<pb::ListEventsResponse> {
        let mut request = pb::ListEventsRequest {
            filter,
            page_size,
            page_token: String::new(),
        };
        let mut pages = Vec::new();
        loop {
            let page = self.page(request.clone()).await;
            assert!(page.events.len() <= page_size as usize);
            request.page_token.clone_from(&page.next_page_token);
            pages.push(page);
            if request.page_token.is_empty() {
                return pages;
            }
            between().await;
        }
    }

    async fn writes_to_us(&self, from: &str, text: &str) {
        let sent = self.peer(from).send_text(ACCOUNT, text, By::Lid).await;
        sent.unwrap();
    }

    async fn watched(&self, filter: Option<pb::EventFilter>) -> Vec<pb::Event> {
        let request = pb::WatchEventsRequest {
            after: Some(0),
            filter,
            ..Default::default()
        };
        self.watch_with(request).await.all().await
    }
}

fn events(pages: Vec<pb::ListEventsResponse>) -> Vec<pb::Event> {
    pages.into_iter().flat_map(|page| page.events).collect()
}

#[tokio::test]
async fn pages_of_events_have_no_gap_or_duplicate_while_events_are_added() {
    let world = World::linked().await;
    for n in 0..40 {
        world.writes_to_us(ANNA, &format!("{WORD} {n}")).await;
    }
    world.all_acked().await;
    let mut before = world.events().await;
    before.reverse();
    for page_size in [1, 7, 32, 33] {
        let pages = world.pages(None, page_size, async || {
            world.writes_to_us(BERT, WORD).await;
        });
        let listed = events(pages.await);
        // Events of the last round are newer than all that this listing must contain.
        let newest = listed.first().unwrap().seq;
        world.all_acked().await;
        let mut wanted = world.events().await;
        wanted.retain(|event| event.seq <= newest);
        wanted.reverse();
        assert!(listed == wanted, "pages of {page_size}");
        assert!(listed.ends_with(&before), "pages of {page_size}");
    }
    world.finish().await;
}

#[tokio::test]
async fn listed_events_pass_the_filter_of_a_watch() {
    let world = World::linked().await;
    for n in 0..6 {
        world.writes_to_us(ANNA, &format!("{WORD} {n}")).await;
        world.writes_to_us(BERT, &format!("{WORD} {n}")).await;
    }
    world.phone().post_in_channel("120363000000000009", WORD);
    let mut reported = world.watch().await;
    world.send(ANNA, WORD).await.unwrap();
    let receipt = |event: &pb::Event| matches!(event.kind, Some(pb::event::Kind::Receipt(_)));
    reported.event(|event| receipt(event).then_some(())).await;
    world.all_acked().await;
    let anna = format!("{}@lid", lid(ANNA));
    let messages_of_anna = pb::EventFilter {
        chats: vec![ANNA.to_owned()],
        kinds: vec![EventKind::Message.into()],
        ..Default::default()
    };
    let channels = pb::EventFilter {
        chat_kinds: vec![pb::ChatKind::Channel.into()],
        kinds: vec![EventKind::Message.into()],
        ..Default::default()
    };
    for (filter, count) in [
        (None, None),
        (kinds([EventKind::Message]), Some(12)),
        (kinds([EventKind::Edit]), Some(0)),
        (chats([&*anna]), None),
        (Some(messages_of_anna), Some(6)),
        (Some(channels), Some(1)),
    ] {
        let mut wanted = world.watched(filter.clone()).await;
        wanted.reverse();
        let listed = events(world.pages(filter.clone(), 5, async || ()).await);
        assert!(listed == wanted, "{filter:?}");
        assert_eq!(count.unwrap_or(wanted.len()), wanted.len(), "{filter:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_page_of_events_is_bounded_and_invalid_requests_are_refused() {
    const MESSAGES: usize = 520;
    let world = World::linked().await;
    for n in 0..MESSAGES {
        world.writes_to_us(ANNA, &format!("{WORD} {n}")).await;
    }
    world.all_acked().await;
    for (page_size, events) in [(0, 50), (3, 3), (500, 500), (501, 500), (u32::MAX, 500)] {
        let request = pb::ListEventsRequest {
            page_size,
            ..Default::default()
        };
        let page = world.page(request).await;
        assert_eq!(page.events.len(), events, "{page_size}");
        assert!(!page.next_page_token.is_empty());
    }
    // No event matches, and few are scanned: the first page is the last.
    let request = pb::ListEventsRequest {
        filter: kinds([EventKind::Deletion]),
        ..Default::default()
    };
    assert_eq!(world.page(request).await, pb::ListEventsResponse::default());
    // A token beyond the head gives the newest page, one before the oldest event the last page.
    for (token, found) in [(u64::MAX, true), (0, false), (1, false)] {
        let request = pb::ListEventsRequest {
            page_token: token.to_string(),
            ..Default::default()
        };
        let page = world.page(request).await;
        assert_eq!(!page.events.is_empty(), found, "{token}");
        assert_eq!(!page.next_page_token.is_empty(), found, "{token}");
    }
    let bad = [
        pb::ListEventsRequest {
            page_token: "cormorant".to_owned(),
            ..Default::default()
        },
        pb::ListEventsRequest {
            page_token: "-1".to_owned(),
            ..Default::default()
        },
        pb::ListEventsRequest {
            filter: chats(["cormorant"]),
            ..Default::default()
        },
        pb::ListEventsRequest {
            filter: Some(pb::EventFilter {
                kinds: vec![99],
                ..Default::default()
            }),
            ..Default::default()
        },
    ];
    for request in bad {
        let refused = world.client().list_events(request).await.unwrap_err();
        let invalid = (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned());
        assert_eq!(refusal(&refused), invalid);
    }
    world.agent.is_lean();
    world.finish().await;
}

/// Records these events in the journal of a stopped agent.
async fn record(world: &World, events: impl Iterator<Item = EventData>) {
    let secret = std::fs::read_to_string(world.agent.key_file()).unwrap();
    let secret = Secret::parse_key(&secret).unwrap();
    let folder = Folder::new(world.agent.volume());
    let (sealed, _) = Sealed::open(folder, &secret, on_heap).unwrap();
    let (vault, keeper) = Vault::start(sealed, 0);
    let now = openclaw_state::clock::now();
    let journal = Journal::open(vault, Limits::default(), now);
    for event in events {
        journal.append(event, now);
    }
    journal.flush().await;
    drop(journal);
    keeper.stop();
}

#[tokio::test]
async fn one_call_scans_a_bounded_number_of_events_and_the_next_continues() {
    const LOOKED_THROUGH: u64 = 10_000;
    let mut world = World::new().await;
    world.agent.terminate().await;
    let jid = "100000000000001@lid";
    let oldest = Lost::of_jids([jid, jid], "3EB0F0", None, LostReason::NotKept);
    let link = Link {
        state: LinkState::Unlinked,
        since: openclaw_state::clock::now(),
        account: None,
        reason: None,
        code: None,
        expires_at: None,
        restriction: None,
    };
    let many = (0..2 * LOOKED_THROUGH + 100).map(|_| EventData::Link(Box::new(link.clone())));
    let events = [EventData::Lost(oldest)].into_iter().chain(many);
    record(&world, events).await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;

    let mut end = world.agent.status().await.events.unwrap().head + 1;
    let pages = world.pages(kinds([EventKind::Lost]), 50, async || ()).await;
    assert_eq!(pages.len(), 3);
    for page in &pages[..2] {
        assert!(page.events.is_empty());
        let next: u64 = page.next_page_token.parse().unwrap();
        let looked_through = end - next;
        assert!(
            (1..=LOOKED_THROUGH).contains(&looked_through),
            "{looked_through}"
        );
        end = next;
    }
    assert_eq!(lost(&pages[2]), ["3EB0F0"]);
    world.agent.is_lean();
    world.finish().await;
}

#[tokio::test]
async fn a_page_of_long_messages_is_shortened_and_not_refused() {
    const COUNT: usize = 40;
    let mut world = World::new().await;
    world.agent.terminate().await;
    let jid = "100000000000001@lid";
    // The longest text that is kept.
    let body = "𒀀".repeat(65_536);
    let message = |n: usize| {
        let origin = Origin {
            id: MessageId::new(&format!("3EB0{n:02}")),
            chat: ChatId::of_jid(jid),
            sender: Contact::of_jid(jid),
            push_name: String::new(),
            sent_at: openclaw_state::clock::now(),
            from_me: false,
            group: false,
            offline: false,
            bypassed: false,
            recovered: false,
        };
        let content = Content::of_text(body.as_str());
        EventData::Message(Box::new(Message { origin, content }))
    };
    record(&world, (0..COUNT).map(message)).await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;

    let filter = kinds([EventKind::Message]);
    let pages = world.pages(filter, 500, async || ()).await;
    assert!(pages.len() > 2, "{} pages", pages.len());
    let listed = events(pages);
    let ids: Vec<_> = listed.iter().map(id).collect();
    let expected: Vec<_> = (0..COUNT).rev().map(|n| format!("3EB0{n:02}")).collect();
    assert_eq!(ids, expected);
    world.finish().await;
}

fn id(event: &pb::Event) -> &str {
    match &event.kind {
        Some(pb::event::Kind::Message(message)) => &message.origin().id,
        other => panic!("{other:?}"),
    }
}

/// The ids of lost messages.
fn lost(page: &pb::ListEventsResponse) -> Vec<&str> {
    let ids = page.events.iter().filter_map(|event| match &event.kind {
        Some(pb::event::Kind::Lost(lost)) => Some(&*lost.origin().id),
        _ => None,
    });
    ids.collect()
}

#[tokio::test]
async fn an_agent_without_events_lists_an_empty_page() {
    let world = World::new().await;
    let listed = world.page(pb::ListEventsRequest::default()).await;
    let mut wanted = world.events().await;
    wanted.reverse();
    assert_eq!(listed.events, wanted);
    assert_eq!(listed.next_page_token, "");
    world.finish().await;
}
