//! The list of chats, newest first.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::chats_client::ChatsClient;
use openclaw_proto::v1::{ChatKind, EventKind};
use openclaw_sim::By;
use tonic::{Code, Status};

use crate::access::{ONLY_ANNA, resolved, ruled};
use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, lid, refusal};

impl World {
    async fn chats_with(
        &self,
        request: pb::ListChatsRequest,
    ) -> Result<pb::ListChatsResponse, Status> {
        let mut chats = ChatsClient::new(self.agent.channel());
        Ok(chats.list_chats(request).await?.into_inner())
    }

    async fn listed_chats(&self) -> Vec<pb::Chat> {
        let listed = self.chats_with(pb::ListChatsRequest::default()).await;
        let listed = listed.unwrap();
        assert!(listed.next_page_token.is_empty() && !listed.incomplete);
        listed.chats
    }

    async fn hears_from(&self, who: &str, by: By) {
        let sent = self.peer(who).send_text(ACCOUNT, WORD, by).await;
        sent.unwrap();
        self.all_acked().await;
    }
}

fn jid(number: &str) -> String {
    format!("{}@lid", lid(number))
}

fn ids(chats: &[pb::Chat]) -> Vec<&str> {
    chats.iter().map(|chat| &*chat.id).collect()
}

#[tokio::test]
async fn chats_are_listed_by_their_newest_events_with_their_names() {
    let world = World::linked().await;
    assert!(world.listed_chats().await.is_empty());
    let group = world.phone().create_group(WORD, &[ANNA, BERT]).await;
    let group = group.unwrap();
    world.sim.phone(ANNA).unwrap().set_name("Anna");
    world.hears_from(ANNA, By::Pn).await;
    world.hears_from(BERT, By::Lid).await;
    let sent = world.peer(BERT).send_to_group(&group, WORD).await;
    sent.unwrap();
    // The order of events is that of a chat; between chats it is that in which they are processed.
    world.all_acked().await;
    world.hears_from(ANNA, By::Lid).await;
    let chats = world.listed_chats().await;
    assert_eq!(ids(&chats), [&*jid(ANNA), &group, &jid(BERT)]);
    let events = world.events().await;
    let newest = events.last().unwrap();
    let anna = &chats[0];
    assert_eq!((&*anna.name, anna.kind()), ("Anna", ChatKind::Person));
    assert_eq!(anna.contact.as_ref().unwrap().phone, ANNA);
    assert_eq!(
        (anna.newest_seq, anna.newest_at),
        (newest.seq, newest.recorded_at)
    );
    assert_eq!(anna.newest_kind(), EventKind::Message);
    assert_eq!((&*chats[1].name, chats[1].kind()), (WORD, ChatKind::Group));
    assert_eq!(chats[1].contact, None);
    world.phone().save_contact(ANNA, "Anna from work").unwrap();
    world.all_acked().await;
    let named = async {
        while world.listed_chats().await[0].name != "Anna from work" {
            tokio::task::yield_now().await;
        }
    };
    let named = tokio::time::timeout(crate::harness::TEST_TIMEOUT, named).await;
    named.expect("the name in the address book");
    world.finish().await;
}

#[tokio::test]
async fn pages_are_as_of_the_first_one_and_repeat_and_omit_nothing() {
    let world = World::linked().await;
    let people: Vec<String> = (2..9).map(|n| format!("+1555010000{n}")).collect();
    for who in &people {
        world.hears_from(who, By::Lid).await;
    }
    let all = world.listed_chats().await;
    assert_eq!(all.len(), people.len());
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListChatsRequest {
            page_size: 3,
            page_token,
            ..Default::default()
        };
        let page = world.chats_with(request).await.unwrap();
        assert!((1..=3).contains(&page.chats.len()));
        listed.extend(page.chats);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        // Moves a chat that is not listed yet to the top of the next list.
        world.hears_from(&people[0], By::Lid).await;
    }
    assert_eq!(listed, all);
    assert_eq!(world.listed_chats().await[0].id, jid(&people[0]));
    let bad = pb::ListChatsRequest {
        page_token: "7".to_owned(),
        ..Default::default()
    };
    let refused = world.chats_with(bad).await.unwrap_err();
    let expected = (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned());
    assert_eq!(refusal(&refused), expected);
    world.finish().await;
}

#[tokio::test]
async fn a_list_has_the_chats_that_events_show_and_of_the_kinds_that_are_requested() {
    let (world, _folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    world.sim.phone(BERT).unwrap().set_name(WORD);
    world.hears_from(ANNA, By::Lid).await;
    world.hears_from(BERT, By::Lid).await;
    let chats = world.listed_chats().await;
    assert_eq!(ids(&chats), [jid(BERT), jid(ANNA)]);
    // As in the list of events: that there was a message, and nothing of it.
    assert_eq!(chats[0].newest_kind(), EventKind::Dropped);
    assert_eq!(chats[0].name, "");
    let groups = pb::ListChatsRequest {
        chat_kinds: vec![ChatKind::Group.into()],
        ..Default::default()
    };
    let listed = world.chats_with(groups).await.unwrap();
    assert!(listed.chats.is_empty() && listed.next_page_token.is_empty());
    world.finish().await;
}
