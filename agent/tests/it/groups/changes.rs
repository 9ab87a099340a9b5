//! Events for changes of groups, and the names of groups in events.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::GroupChangeKind as Kind;
use openclaw_proto::v1::event::Kind as Of;
use openclaw_sim::{By, GroupChange};

use super::service::{get, list};
use super::{CARLA, numbers};
use crate::access::{ONLY_ANNA, resolved, ruled};
use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, WORD, Watcher, World, kinds};

/// The next change of a group.
async fn change(events: &mut Watcher) -> pb::GroupChange {
    events
        .event(|event| match event.kind.clone()? {
            Of::GroupChange(change) => Some(change),
            _ => None,
        })
        .await
}

fn phones(change: &pb::GroupChange) -> Vec<&str> {
    change.people.iter().map(|one| &*one.phone).collect()
}

async fn changes(world: &World) -> Watcher {
    world
        .watch_with(pb::WatchEventsRequest {
            after: Some(0),
            follow: true,
            filter: kinds([pb::EventKind::GroupChange]),
            ..Default::default()
        })
        .await
}

#[tokio::test]
async fn each_change_that_another_person_makes_is_an_event() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    let mut events = changes(&world).await;
    let group = anna.create_group(WORD, &[ACCOUNT, BERT]).await.unwrap();
    let created = change(&mut events).await;
    assert_eq!((created.change(), &*created.text), (Kind::Created, WORD));
    let name = format!("{WORD} again");
    let diving = format!("{WORD} diving");
    let description = |text: Option<&String>| GroupChange::description(text.cloned());
    for (made, kind, text, people, enabled) in [
        (
            GroupChange::Subject(name.clone()),
            Kind::Name,
            &*name,
            &[][..],
            false,
        ),
        (
            description(Some(&diving)),
            Kind::Description,
            &*diving,
            &[],
            false,
        ),
        (description(None), Kind::Description, "", &[], false),
        (
            GroupChange::Add(numbers(&[CARLA])),
            Kind::Added,
            "",
            &[CARLA],
            false,
        ),
        (
            GroupChange::Promote(numbers(&[BERT])),
            Kind::Promoted,
            "",
            &[BERT],
            false,
        ),
        (
            GroupChange::Demote(numbers(&[BERT])),
            Kind::Demoted,
            "",
            &[BERT],
            false,
        ),
        (
            GroupChange::Announcement(true),
            Kind::Announce,
            "",
            &[],
            true,
        ),
        (
            GroupChange::Announcement(false),
            Kind::Announce,
            "",
            &[],
            false,
        ),
        (GroupChange::Locked(true), Kind::Locked, "", &[], true),
        (
            GroupChange::Approval(true),
            Kind::JoinApproval,
            "",
            &[],
            true,
        ),
        (
            GroupChange::MemberAdd(false),
            Kind::AdminsAdd,
            "",
            &[],
            true,
        ),
        (
            GroupChange::reset_invite(),
            Kind::InviteReset,
            "",
            &[],
            false,
        ),
        (
            GroupChange::Remove(numbers(&[CARLA])),
            Kind::Removed,
            "",
            &[CARLA],
            false,
        ),
    ] {
        anna.change_group(&group, &made).unwrap();
        let change = change(&mut events).await;
        let origin = change.origin();
        assert_eq!(change.change(), kind, "{made:?}");
        assert_eq!((&*change.text, phones(&change)), (text, people.to_vec()));
        assert_eq!(change.enabled, enabled, "{made:?}");
        assert_eq!((&*origin.chat, origin.from_me), (&*group, Some(false)));
        assert_eq!(origin.sender.as_ref().unwrap().phone, ANNA);
        assert!(!origin.not_durable && origin.sent_at.is_some());
    }
    anna.change_group(&group, &GroupChange::Expiration(86_400))
        .unwrap();
    let timer = change(&mut events).await;
    assert_eq!(timer.change(), Kind::Timer);
    assert_eq!(timer.disappears_after.unwrap().seconds, 86_400);
    // No one has written since, and this message has it already.
    let sent = world.send(&group, WORD).await.unwrap();
    let got = anna.wait_for(|got| got.id == sent.message_id, TEST_TIMEOUT);
    assert_eq!(got.await.unwrap().expiration, Some(86_400));
    let bert = world.sim.phone(BERT).unwrap();
    bert.change_group(&group, &GroupChange::Leave).unwrap();
    let left = change(&mut events).await;
    assert_eq!((left.change(), phones(&left)), (Kind::Left, vec![BERT]));
    // Changes of this account are events too.
    world
        .phone()
        .change_group(&group, &GroupChange::Leave)
        .unwrap();
    let left = change(&mut events).await;
    assert_eq!(left.change(), Kind::Left);
    assert_eq!(left.origin().from_me, Some(true));
    world.finish().await;
}

#[tokio::test]
async fn people_who_join_by_the_link_are_reported() {
    let world = World::linked().await;
    let mut events = changes(&world).await;
    let group = world.phone().create_group(WORD, &[ANNA]).await.unwrap();
    let code = world.phone().group(&group).unwrap().invite;
    let bert = world.sim.phone(BERT).unwrap();
    assert!(bert.join_group(&code).unwrap());
    change(&mut events).await;
    let joined = change(&mut events).await;
    assert_eq!(
        (joined.change(), phones(&joined)),
        (Kind::Joined, vec![BERT])
    );
    let approval = GroupChange::Approval(true);
    world.phone().change_group(&group, &approval).unwrap();
    let carla = world.sim.phone(CARLA).unwrap();
    assert!(!carla.join_group(&code).unwrap());
    change(&mut events).await;
    let requested = change(&mut events).await;
    assert_eq!(requested.change(), Kind::JoinRequested);
    assert_eq!(phones(&requested), [CARLA]);
    world
        .phone()
        .decide_on_requests(&group, &[CARLA], false)
        .unwrap();
    let closed = change(&mut events).await;
    assert_eq!(closed.change(), Kind::JoinRequestClosed);
    world.finish().await;
}

#[tokio::test]
async fn a_message_has_the_current_name_of_its_group_also_after_a_restart() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    let anna = world.sim.phone(ANNA).unwrap();
    let group = anna.create_group(WORD, &[ACCOUNT]).await.unwrap();
    let say = |text: &str| format!("{WORD} {text}");
    let peer = world.peer(ANNA);
    peer.send_to_group_by(&group, &say("one"), By::Lid)
        .await
        .unwrap();
    let mut events = world.watch().await;
    let message = events.message().await;
    assert_eq!(message.origin().chat_name, WORD);
    let name = format!("{WORD} again");
    anna.change_group(&group, &GroupChange::Subject(name.clone()))
        .unwrap();
    world.all_acked().await;
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(pb::LinkState::Connected).await;
    peer.send_to_group_by(&group, &say("two"), By::Lid)
        .await
        .unwrap();
    let mut events = world.watch().await;
    for text in ["one", "two"] {
        let message = events.message().await;
        assert_eq!(message.text(), say(text));
        assert_eq!(message.origin().chat_name, name, "{text}");
    }
    // A direct message has none.
    peer.send_text(ACCOUNT, &say("three"), By::Lid)
        .await
        .unwrap();
    assert_eq!(events.message().await.origin().chat_name, "");
    world.finish().await;
}

#[tokio::test]
async fn groups_that_existed_before_the_agent_was_linked_have_names() {
    let world = World::new().await;
    let anna = world.sim.phone(ANNA).unwrap();
    let group = anna.create_group(WORD, &[ACCOUNT]).await.unwrap();
    world.link().await;
    world.agent.logged("groups listed").await;
    let known = get(&world, &group, false).await.unwrap();
    assert_eq!((&*known.name, known.size), (WORD, 2));
    let text = format!("{WORD} one");
    let peer = world.peer(ANNA);
    peer.send_to_group_by(&group, &text, By::Lid).await.unwrap();
    let message = world.watch().await.message().await;
    assert_eq!(message.origin().chat_name, WORD);
    world.finish().await;
}

#[tokio::test]
async fn changes_while_the_agent_was_killed_are_recorded_once() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    let anna = world.sim.phone(ANNA).unwrap();
    let group = anna.create_group(WORD, &[ACCOUNT]).await.unwrap();
    world.all_acked().await;
    for round in 0..3 {
        let name = format!("{WORD} {round}");
        anna.change_group(&group, &GroupChange::Subject(name))
            .unwrap();
        world.agent.kill().await;
        world.agent.start_again(&url).await;
        world.agent.until_state(pb::LinkState::Connected).await;
    }
    world.all_acked().await;
    let events = world.events().await.into_iter();
    let names = events.filter_map(|event| match event.kind? {
        Of::GroupChange(change) if change.change() == Kind::Name => Some(change.text),
        _ => None,
    });
    let expected: Vec<_> = (0..3).map(|round| format!("{WORD} {round}")).collect();
    assert_eq!(names.collect::<Vec<_>>(), expected);
    let listed = list(&world, false).await;
    assert_eq!(listed.groups[0].name, expected[2]);
    world.finish().await;
}

#[tokio::test]
async fn a_change_by_a_person_who_is_not_allowed_is_no_event() {
    let (world, _folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    let anna = world.sim.phone(ANNA).unwrap();
    let bert = world.sim.phone(BERT).unwrap();
    let group = anna.create_group(WORD, &[ACCOUNT, BERT]).await.unwrap();
    for (phone, name) in [(&bert, "of Bert"), (&anna, "of Anna")] {
        let name = format!("{WORD} {name}");
        phone
            .change_group(&group, &GroupChange::Subject(name))
            .unwrap();
    }
    let mut events = world.watch().await;
    assert_eq!(change(&mut events).await.change(), Kind::Created);
    let named = change(&mut events).await;
    assert_eq!(named.text, format!("{WORD} of Anna"));
    world.all_acked().await;
    let dropped = |event: &pb::Event| matches!(event.kind, Some(Of::Dropped(_)));
    assert!(!world.events().await.iter().any(dropped));
    world.finish().await;
}

#[tokio::test]
async fn a_change_of_a_group_that_is_not_listed_is_no_event() {
    let rules = "channels:\n  whatsapp:\n    groupPolicy: open\n    groups:\n      \"120363000000009999@g.us\": {}\n";
    let (world, _folder) = ruled(rules, &[]).await;
    let anna = world.sim.phone(ANNA).unwrap();
    let group = anna.create_group(WORD, &[ACCOUNT]).await.unwrap();
    anna.change_group(&group, &GroupChange::Subject(format!("{WORD} again")))
        .unwrap();
    world.all_acked().await;
    let changed = |event: &pb::Event| matches!(event.kind, Some(Of::GroupChange(_)));
    assert!(!world.events().await.iter().any(changed));
    // A client still reads which groups there are, for the rules.
    assert_eq!(list(&world, false).await.groups[0].id, group);
    world.finish().await;
}
