//! All lists except events: the pages together are the whole list, in order.

use std::fmt::Debug;

use openclaw_proto::v1 as pb;
use tonic::{Code, Status};

use crate::access::{access, ruled};
use crate::harness::{ANNA, BERT, Client, TLS, WORD, World, refusal, request};

/// A call for a page of this size after this token: its items, and the token of the next page.
trait Call<T>: AsyncFn(u32, String) -> Result<(Vec<T>, String), Status> {}
impl<T, F: AsyncFn(u32, String) -> Result<(Vec<T>, String), Status>> Call<T> for F {}

/// Checks that pages of every size make up the whole list, and that an invalid token is refused.
async fn joins<T: PartialEq + Debug>(count: usize, call: impl Call<T>) -> Vec<T> {
    let (whole, next) = call(0, String::new()).await.unwrap();
    assert_eq!((whole.len(), &*next), (count, ""));
    let (most, next) = call(u32::MAX, String::new()).await.unwrap();
    assert_eq!((&most, &*next), (&whole, ""));
    for size in 1..=count {
        let (mut joined, mut token, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let (page, next) = call(u32::try_from(size).unwrap(), token).await.unwrap();
            assert!(!page.is_empty() && page.len() <= size);
            joined.extend(page);
            pages += 1;
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(joined, whole, "pages of {size}");
        assert_eq!(pages, count.div_ceil(size));
    }
    whole
}

fn is_refused<T: Debug>(answer: Result<T, Status>) {
    let invalid = (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned());
    assert_eq!(refusal(&answer.unwrap_err()), invalid);
}

#[tokio::test]
async fn consumers_are_listed_by_name_in_pages() {
    let world = World::new().await;
    for consumer in ["e", "b", "d", "a.1", "c"] {
        let request = pb::WatchEventsRequest {
            consumer: consumer.to_owned(),
            ..Default::default()
        };
        world.watch_with(request).await.all().await;
    }
    let mut client = world.client();
    let consumers = joins(5, async |page_size, page_token| {
        let request = pb::ListConsumersRequest {
            page_size,
            page_token,
        };
        let page = client.clone().list_consumers(request).await?.into_inner();
        Ok((page.consumers, page.next_page_token))
    });
    let names: Vec<_> = consumers.await.into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["a.1", "b", "c", "d", "e"]);
    // A removal between two pages hides no other entry.
    let mut request = pb::ListConsumersRequest {
        page_size: 2,
        ..Default::default()
    };
    let first = client.list_consumers(request.clone()).await;
    request.page_token = first.unwrap().into_inner().next_page_token;
    let gone = pb::RemoveConsumerRequest {
        consumer: "b".to_owned(),
    };
    client.remove_consumer(gone).await.unwrap();
    let second = client.list_consumers(request).await.unwrap().into_inner();
    let names: Vec<_> = second.consumers.into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["c", "d"]);
    world.finish().await;
}

#[tokio::test]
async fn the_queue_is_listed_oldest_first_in_pages() {
    let world = World::linked().await;
    world.cut_off().await;
    for n in 0..5 {
        let kept = pb::SendRequest {
            queue: true,
            client_token: format!("t{n}"),
            ..request(if n % 2 == 0 { ANNA } else { BERT }, WORD)
        };
        world.send_with(kept).await.unwrap();
    }
    let mut client = world.client();
    let list = async |page_size, page_token| {
        let request = pb::ListQueueRequest {
            page_size,
            page_token,
        };
        let page = client.clone().list_queue(request).await?.into_inner();
        assert_eq!(page.total_size, 5);
        let tokens = page.messages.into_iter().map(|it| it.client_token);
        Ok((tokens.collect::<Vec<_>>(), page.next_page_token))
    };
    assert_eq!(joins(5, list).await, ["t0", "t1", "t2", "t3", "t4"]);
    is_refused(list(1, "cormorant".to_owned()).await);
    // A message that is sent or cancelled between two pages hides no other.
    let (_, token) = list(2, String::new()).await.unwrap();
    let cancel = pb::CancelSendRequest {
        client_token: "t1".to_owned(),
    };
    client.cancel_send(cancel).await.unwrap();
    let rest = pb::ListQueueRequest {
        page_size: 0,
        page_token: token,
    };
    let rest = client.list_queue(rest).await.unwrap().into_inner();
    let tokens: Vec<_> = rest.messages.iter().map(|it| &*it.client_token).collect();
    assert_eq!((tokens, rest.total_size), (vec!["t2", "t3", "t4"], 4));
    world.finish().await;
}

#[tokio::test]
async fn listed_people_come_in_pages_and_then_added_ones() {
    let rules = "channels:\n  whatsapp:\n    dmPolicy: allowlist\n    allowFrom: [\"+15550100002\", \"+15550100003\"]\n    groupAllowFrom: [\"+15550100003\"]\n    groups: {\"120363000000000001@g.us\": {}}\n";
    let (world, _folder) = ruled(rules, &[]).await;
    let who = "+15550100004".to_owned();
    let add = pb::AddAllowedRequest { who };
    access(&world).add_allowed(add).await.unwrap();
    let list = async |page_size, page_token| {
        let request = pb::ListAllowedRequest {
            page_size,
            page_token,
        };
        let page = access(&world).list_allowed(request).await?.into_inner();
        assert_eq!(page.total_size, 5);
        assert_eq!(page.rules.unwrap().dm_policy(), pb::Policy::Allowlist);
        let allowed = page.allowed.into_iter();
        let allowed = allowed.map(|one| (one.who.clone(), one.list(), one.added));
        Ok((allowed.collect::<Vec<_>>(), page.next_page_token))
    };
    let allowed = joins(5, list).await;
    let wanted = [
        (ANNA, pb::AllowedList::AllowFrom, false),
        (BERT, pb::AllowedList::AllowFrom, false),
        (BERT, pb::AllowedList::GroupAllowFrom, false),
        ("120363000000000001@g.us", pb::AllowedList::Groups, false),
        ("+15550100004", pb::AllowedList::AllowFrom, true),
    ];
    assert_eq!(
        allowed,
        wanted.map(|(who, list, added)| (who.to_owned(), list, added))
    );
    is_refused(list(1, "cormorant".to_owned()).await);
    world.finish().await;
}

#[tokio::test]
async fn clients_are_listed_by_name_in_pages_and_codes_on_the_first() {
    let world = World::with(openclaw_sim::Config::default(), &TLS).await;
    for name in ["käfer", "b", "a b", "Z"] {
        let code = world.agent.invite(pb::Role::Reader, name).await;
        let enrolled = Client::new().enroll(&world.agent, &code, name).await;
        enrolled.unwrap();
    }
    world.agent.invite(pb::Role::Sender, "later").await;
    let list = async |page_size, page_token: String| {
        let is_first = page_token.is_empty();
        let request = pb::ListClientsRequest {
            page_size,
            page_token,
        };
        let page = world.agent.clients().list_clients(request).await?;
        let page = page.into_inner();
        let codes: Vec<_> = page.invitations.iter().map(|it| &*it.name).collect();
        assert_eq!(codes.contains(&"later"), is_first, "{codes:?}");
        let names = page.clients.into_iter().map(|client| client.name);
        Ok((names.collect::<Vec<_>>(), page.next_page_token))
    };
    assert_eq!(joins(4, list).await, ["Z", "a b", "b", "käfer"]);
    world.finish().await;
}
