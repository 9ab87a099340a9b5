//! Communities: their groups, the permission to change them, and the notifications to members.

use openclaw_sim::{Config, Sim};
use whatsapp_rust::features::{CreateCommunityOptions, GroupCreateOptions, GroupType, group_type};
use whatsapp_rust::types::events::Event;
use whatsapp_rust::wacore::stanza::groups::GroupNotificationAction;

use crate::client::{Companion, assert_clean, settled};

const ACCOUNT: &str = "+15550100001";
const ANNA: &str = "+15550100002";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_linked_to_a_community_and_members_join_them() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let one = Companion::linked(&sim, ACCOUNT).await;
    let two = Companion::linked(&sim, ANNA).await;
    let (client, anna) = (one.client(), two.client());

    let options = CreateCommunityOptions::new("Harbour");
    let community = client.community().create(options).await.expect("created");
    let parent = community.metadata.id;
    let described = client.groups().get_metadata(&parent).await.expect("parent");
    assert_eq!(group_type(&described), GroupType::Community);

    let group = GroupCreateOptions::new("Quay");
    let group = client.groups().create_group(group).await.expect("a group");
    let group = group.metadata.id;
    let linked = client
        .community()
        .link_subgroups(&parent, std::slice::from_ref(&group))
        .await
        .expect("linked");
    assert_eq!(linked.linked_jids, std::slice::from_ref(&group));
    assert_no_group_notification(&two);

    let subgroups = client.community().get_subgroups(&parent).await;
    let subgroups = subgroups.expect("subgroups");
    let subjects: Vec<&str> = subgroups.iter().map(|it| it.subject.as_str()).collect();
    assert_eq!(subjects, ["Harbour", "General", "Quay"]);
    assert!(subgroups[0].is_default_sub_group && subgroups[1].is_general_chat);

    let stranger = anna.community().join_subgroup(&parent, &group).await;
    assert!(
        stranger.is_err(),
        "only members of the community join its groups"
    );
    let lid = anna.lid().expect("a LID").to_non_ad();
    client
        .groups()
        .add_participants(&parent, std::slice::from_ref(&lid))
        .await
        .expect("added");
    let joined = anna.community().join_subgroup(&parent, &group).await;
    let joined = joined.expect("joined");
    assert_eq!(group_type(&joined), GroupType::LinkedSubgroup);
    assert!(joined.participants.iter().any(|it| it.jid == lid));
    let queried = anna.community().query_linked_group(&parent, &group).await;
    assert_eq!(queried.expect("a linked group").subject, "Quay");
    let communities = client.community();
    let people = communities.get_linked_groups_participants(&parent);
    assert_eq!(people.await.expect("people").len(), 2);
    let counts = communities.get_subgroup_participant_counts(&parent);
    assert!(counts.await.expect("counts").contains(&(group.clone(), 2)));

    let failed = client
        .community()
        .link_subgroups(&parent, std::slice::from_ref(&group))
        .await
        .expect("an answer");
    assert_eq!(failed.failed_groups, [(group.clone(), 409)]);
    one.wait_for(|event| is_link(event, "parent_group")).await;
    one.wait_for(|event| is_link(event, "sub_group")).await;
    settled(&sim, ACCOUNT).await;
    assert_clean(&sim);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_groups_of_a_deactivated_community_remain() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let one = Companion::linked(&sim, ACCOUNT).await;
    let two = Companion::linked(&sim, ANNA).await;
    let client = one.client();
    let options = CreateCommunityOptions::new("Harbour");
    let parent = client.community().create(options).await.expect("created");
    let parent = parent.metadata.id;
    let anna = two.client().pn().expect("a number").to_non_ad();
    let group = client
        .community()
        .create_subgroup("Pier", std::slice::from_ref(&anna), &parent)
        .await
        .expect("a group");
    let group = group.metadata.id;
    let member = two.client().groups().get_metadata(&parent).await;
    assert!(member.is_ok(), "a group's members are the community's");
    let denied = two.client().community().deactivate(&parent).await;
    assert!(denied.is_err(), "only admins deactivate a community");

    client.community().deactivate(&parent).await.expect("gone");
    assert!(client.groups().get_metadata(&parent).await.is_err());
    let left = client.groups().get_metadata(&group).await.expect("a group");
    assert_eq!(group_type(&left), GroupType::Default);
    two.wait_for(|event| {
        let GroupNotificationAction::Unlink { unlink_reason, .. } = action(event)? else {
            return None;
        };
        (unlink_reason.as_deref() == Some("delete_parent_group")).then_some(())
    })
    .await;
    settled(&sim, ANNA).await;
    assert_clean(&sim);
    one.stop().await;
    two.stop().await;
}

fn assert_no_group_notification(companion: &Companion) {
    let received = companion
        .events()
        .iter()
        .any(|event| action(event).is_some());
    assert!(!received, "a stranger is not notified");
}

fn action(event: &Event) -> Option<&GroupNotificationAction> {
    match event {
        Event::GroupUpdate(update) => Some(&update.action),
        _ => None,
    }
}

fn is_link(event: &Event, kind: &str) -> Option<()> {
    match action(event)? {
        GroupNotificationAction::Link { link_type, .. } if link_type == kind => Some(()),
        _ => None,
    }
}
