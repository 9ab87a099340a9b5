//! The service Groups: what it reads, what its changes do to others, and why it refuses.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::groups_client::GroupsClient;
use openclaw_sim::{Fault, GroupChange, GroupView, IqError};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::CARLA;
use crate::harness::{ACCOUNT, ANNA, BERT, UNREGISTERED, WORD, World, fact, lid, refusal};

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";

pub(super) fn groups(world: &World) -> GroupsClient<Channel> {
    GroupsClient::new(world.agent.channel())
}

pub(super) async fn get(world: &World, group: &str, fresh: bool) -> Result<pb::Group, Status> {
    let group = group.to_owned();
    let request = pb::GetGroupRequest { group, fresh };
    let answer = groups(world).get_group(request).await?;
    Ok(answer.into_inner().group.unwrap())
}

pub(super) async fn list(world: &World, fresh: bool) -> pb::ListGroupsResponse {
    let request = pb::ListGroupsRequest {
        fresh,
        ..Default::default()
    };
    let answer = groups(world).list_groups(request).await;
    answer.unwrap().into_inner()
}

async fn change(
    world: &World,
    group: &str,
    action: pb::ParticipantAction,
    members: &[&str],
) -> Result<Vec<pb::ParticipantResult>, Status> {
    let request = pb::ChangeParticipantsRequest {
        group: group.to_owned(),
        action: action.into(),
        members: members.iter().map(|&it| it.to_owned()).collect(),
    };
    let answer = groups(world).change_participants(request).await?;
    Ok(answer.into_inner().results)
}

async fn update(world: &World, request: pb::UpdateGroupRequest) -> Result<(), Status> {
    groups(world).update_group(request).await.map(|_| ())
}

async fn link(world: &World, group: &str, renew: bool) -> Result<String, Status> {
    let group = group.to_owned();
    let request = pb::GetInviteLinkRequest { group, renew };
    let answer = groups(world).get_invite_link(request).await?;
    Ok(answer.into_inner().link)
}

async fn join(world: &World, invite: &str) -> Result<pb::JoinGroupResponse, Status> {
    let invite = invite.to_owned();
    let request = pb::JoinGroupRequest { invite };
    Ok(groups(world).join_group(request).await?.into_inner())
}

fn with_name(group: &str, name: &str) -> pb::UpdateGroupRequest {
    pb::UpdateGroupRequest {
        group: group.to_owned(),
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

fn roles(group: &pb::Group) -> Vec<(String, pb::GroupRole)> {
    let people = group.participants.iter();
    let people = people.map(|one| {
        let contact = one.contact.clone().unwrap();
        (contact.phone, one.role())
    });
    let mut people: Vec<_> = people.collect();
    people.sort();
    people
}

/// The group as the simulator has it.
fn seen(world: &World, group: &str) -> GroupView {
    world.phone().group(group).unwrap()
}

#[tokio::test]
async fn a_new_group_is_as_requested_and_read_without_asking_again() {
    let world = World::linked().await;
    let name = format!("{WORD} site");
    let request = pb::CreateGroupRequest {
        name: name.clone(),
        members: vec![ANNA.to_owned(), format!("{}@lid", lid(BERT))],
        description: format!("{WORD} diving"),
        announce: true,
        join_approval: true,
        member_add_mode: pb::MemberAddMode::Admins.into(),
        disappears_after: Some(prost_types::Duration {
            seconds: 86_400,
            nanos: 0,
        }),
        ..Default::default()
    };
    // The LID's number has to be known.
    let bert = world.peer(BERT);
    let hello = format!("{WORD} hello");
    bert.send_text(ACCOUNT, &hello, openclaw_sim::By::Lid)
        .await
        .unwrap();
    world.all_acked().await;
    let created = groups(&world).create_group(request).await.unwrap();
    let created = created.into_inner();
    assert_eq!(created.missing, []);
    let group = created.group.unwrap();
    let view = seen(&world, &group.id);
    assert_eq!((view.subject.as_str(), view.expiration), (&*name, 86_400));
    assert!(view.announcement && view.approval && !view.locked);
    let mut members = view.members.clone();
    members.sort();
    assert_eq!(members, [ACCOUNT, ANNA, BERT]);
    world.all_acked().await;
    // WhatsApp no longer answers: what is known suffices.
    let error = IqError {
        xmlns: "w:g2".to_owned(),
        code: 503,
        count: 1_000,
    };
    world.fault(Fault::IqError(error)).await;
    let known = get(&world, &group.id, false).await.unwrap();
    assert_eq!(known.name, name);
    assert_eq!(known.size, 3);
    assert!(known.announce && known.join_approval && !known.locked);
    assert_eq!(known.member_add_mode(), pb::MemberAddMode::Admins);
    assert_eq!(
        roles(&known),
        [
            (ACCOUNT.to_owned(), pb::GroupRole::SuperAdmin),
            (ANNA.to_owned(), pb::GroupRole::Member),
            (BERT.to_owned(), pb::GroupRole::Member)
        ]
    );
    let refused = get(&world, &group.id, true).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::Unknown, "REFUSED".to_owned()));
    assert_eq!(fact(&refused, "code").as_deref(), Some("503"));
    world.finish().await;
}

#[tokio::test]
async fn every_change_reaches_the_other_members() {
    let world = World::linked().await;
    let group = world.phone().create_group(WORD, &[ANNA]).await.unwrap();
    let name = format!("{WORD} again");
    let everything = pb::UpdateGroupRequest {
        description: Some(format!("{WORD} diving")),
        announce: Some(true),
        locked: Some(true),
        join_approval: Some(true),
        member_add_mode: pb::MemberAddMode::Admins.into(),
        disappears_after: Some(prost_types::Duration {
            seconds: 604_800,
            nanos: 0,
        }),
        ..with_name(&group, &name)
    };
    update(&world, everything).await.unwrap();
    let view = seen(&world, &group);
    assert_eq!(view.subject, name);
    assert_eq!(view.description, Some(format!("{WORD} diving")));
    assert!(view.announcement && view.locked && view.approval);
    assert_eq!(view.expiration, 604_800);
    let nothing_more = pb::UpdateGroupRequest {
        group: group.clone(),
        description: Some(String::new()),
        announce: Some(false),
        disappears_after: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    update(&world, nothing_more).await.unwrap();
    let view = seen(&world, &group);
    assert_eq!((view.description, view.expiration), (None, 0));
    assert!(!view.announcement && view.locked, "the rest stays");
    let picture = |jpeg: &[u8]| pb::SetGroupPictureRequest {
        group: group.clone(),
        jpeg: jpeg.to_vec(),
    };
    for jpeg in [JPEG, &[]] {
        let set = groups(&world).set_group_picture(picture(jpeg)).await;
        set.unwrap();
    }
    world.finish().await;
}

#[tokio::test]
async fn each_person_has_a_result() {
    use pb::ParticipantAction::{Add, Demote, Promote, Remove};
    use pb::ParticipantError::{AlreadyAMember, NotFound};
    let world = World::linked().await;
    world.sim.unknown(UNREGISTERED).unwrap();
    let group = world.phone().create_group(WORD, &[ANNA]).await.unwrap();
    let added = change(&world, &group, Add, &[ANNA, BERT, UNREGISTERED]).await;
    let mut added = added.unwrap();
    added.sort_by_key(|one| one.contact.clone().unwrap().phone);
    let of = |one: &pb::ParticipantResult| (one.done, one.error(), one.code);
    let results: Vec<_> = added.iter().map(of).collect();
    assert_eq!(
        results,
        [
            (false, AlreadyAMember, 409),
            (true, pb::ParticipantError::Unspecified, 0),
            (false, NotFound, 404)
        ]
    );
    assert!(added.iter().all(|one| one.done == one.hint.is_empty()));
    for action in [Promote, Demote, Remove] {
        let changed = change(&world, &group, action, &[BERT]).await.unwrap();
        assert_eq!(changed.len(), 1);
        assert!(changed[0].done, "{action:?}");
        let view = seen(&world, &group);
        let is = |list: &[String]| list.contains(&BERT.to_owned());
        assert_eq!(is(&view.admins), action == Promote);
        assert_eq!(is(&view.members), action != Remove);
        let known = get(&world, &group, false).await.unwrap();
        assert_eq!(known.participants.len(), view.members.len());
    }
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_says_whether_the_account_is_a_member_or_an_admin() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    let locked = anna.create_group(WORD, &[ACCOUNT, BERT]).await.unwrap();
    anna.change_group(&locked, &GroupChange::Locked(true))
        .unwrap();
    let other = anna.create_group(WORD, &[BERT]).await.unwrap();
    let admin = (Code::FailedPrecondition, "NOT_AN_ADMIN".to_owned());
    let member = (Code::FailedPrecondition, "NOT_A_MEMBER".to_owned());
    let none = (Code::NotFound, "NO_SUCH_GROUP".to_owned());
    for (group, why) in [
        (locked.as_str(), admin.clone()),
        (&other, member.clone()),
        ("120363000000009999@g.us", none.clone()),
    ] {
        let refused = update(&world, with_name(group, "Mine")).await.unwrap_err();
        assert_eq!(refusal(&refused), why);
        let refused = link(&world, group, false).await.unwrap_err();
        assert_eq!(refusal(&refused), why);
        let remove = pb::ParticipantAction::Remove;
        let refused = change(&world, group, remove, &[BERT]).await.unwrap_err();
        assert_eq!(refusal(&refused), why);
    }
    for (group, why) in [(&*other, member), ("120363000000009999@g.us", none)] {
        let refused = get(&world, group, false).await.unwrap_err();
        assert_eq!(refusal(&refused), why);
    }
    // The description may be changed by anyone once the group is unlocked; who sends is for admins.
    anna.change_group(&locked, &GroupChange::Locked(false))
        .unwrap();
    let half = pb::UpdateGroupRequest {
        announce: Some(true),
        ..with_name(&locked, &format!("{WORD} half"))
    };
    let refused = update(&world, half).await.unwrap_err();
    assert_eq!(refusal(&refused), admin);
    assert_eq!(fact(&refused, "changed").as_deref(), Some("name"));
    world.finish().await;
}

#[tokio::test]
async fn an_invite_link_is_read_reset_and_followed() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    let own = world.phone().create_group(WORD, &[ANNA]).await.unwrap();
    let first = link(&world, &own, false).await.unwrap();
    let code = seen(&world, &own).invite;
    assert_eq!(first, format!("https://chat.whatsapp.com/{code}"));
    let second = link(&world, &own, true).await.unwrap();
    assert_ne!(first, second);
    let refused = join(&world, &second).await.unwrap_err();
    let already = (Code::AlreadyExists, "ALREADY_A_MEMBER".to_owned());
    assert_eq!(refusal(&refused), already);
    let refused = join(&world, &first).await.unwrap_err();
    let invalid = (Code::NotFound, "INVALID_INVITE".to_owned());
    assert_eq!(refusal(&refused), invalid);
    let hers = anna.create_group(WORD, &[BERT]).await.unwrap();
    let code = anna.group(&hers).unwrap().invite;
    let invite = format!("https://chat.whatsapp.com/{code}");
    let joined = join(&world, &invite).await.unwrap();
    assert_eq!((joined.group.as_str(), joined.pending), (&*hers, false));
    assert_eq!(get(&world, &hers, false).await.unwrap().size, 3);
    let leave = pb::LeaveGroupRequest {
        group: hers.clone(),
    };
    groups(&world).leave_group(leave).await.unwrap();
    assert!(
        !anna
            .group(&hers)
            .unwrap()
            .members
            .contains(&ACCOUNT.to_owned())
    );
    let approval = GroupChange::Approval(true);
    anna.change_group(&hers, &approval).unwrap();
    let joined = join(&world, &code).await.unwrap();
    assert!(joined.pending);
    world.finish().await;
}

#[tokio::test]
async fn requests_to_join_are_listed_and_decided() {
    let world = World::linked().await;
    let group = world.phone().create_group(WORD, &[ANNA]).await.unwrap();
    let approval = GroupChange::Approval(true);
    world.phone().change_group(&group, &approval).unwrap();
    let code = seen(&world, &group).invite;
    for number in [BERT, CARLA] {
        let joined = world.sim.phone(number).unwrap().join_group(&code);
        assert!(!joined.unwrap());
    }
    let request = pb::ListJoinRequestsRequest {
        group: group.clone(),
        ..Default::default()
    };
    let listed = groups(&world).list_join_requests(request.clone()).await;
    let listed = listed.unwrap().into_inner();
    assert_eq!(listed.total_size, 2);
    assert!(listed.requests.iter().all(|one| one.requested_at.is_some()));
    for (number, approve) in [(BERT, true), (CARLA, false)] {
        let request = pb::DecideJoinRequestsRequest {
            group: group.clone(),
            members: vec![number.to_owned()],
            approve,
        };
        let decided = groups(&world).decide_join_requests(request).await;
        let results = decided.unwrap().into_inner().results;
        assert!(results.len() == 1 && results[0].done, "{}", results.len());
    }
    let mut members = seen(&world, &group).members;
    members.sort();
    assert_eq!(members, [ACCOUNT, ANNA, BERT]);
    let listed = groups(&world).list_join_requests(request).await;
    assert_eq!(listed.unwrap().into_inner().total_size, 0);
    world.finish().await;
}

#[tokio::test]
async fn a_list_is_served_from_what_is_known_after_a_restart_without_whatsapp() {
    let mut world = World::linked().await;
    let mut made = Vec::new();
    for at in 0..3 {
        let name = format!("{WORD} {at}");
        let group = world.phone().create_group(&name, &[ANNA]).await;
        made.push((group.unwrap(), name));
    }
    let of = |listed: pb::ListGroupsResponse| -> Vec<_> {
        assert!(listed.groups.iter().all(|it| it.participants.is_empty()));
        let groups = listed.groups.into_iter();
        groups.map(|group| (group.id, group.name)).collect()
    };
    let fresh = list(&world, true).await;
    assert!(!fresh.incomplete);
    assert_eq!(of(fresh), made);
    world.all_acked().await;
    let page = pb::ListGroupsRequest {
        page_size: 2,
        ..Default::default()
    };
    let page = groups(&world).list_groups(page).await.unwrap().into_inner();
    assert_eq!((page.groups.len(), page.total_size), (2, 3));
    let rest = pb::ListGroupsRequest {
        page_token: page.next_page_token,
        ..Default::default()
    };
    let rest = groups(&world).list_groups(rest).await.unwrap().into_inner();
    assert_eq!(rest.groups.len(), 1);
    // The agent cannot reach WhatsApp any more.
    world.agent.kill().await;
    world.agent.start_again("ws://127.0.0.1:1/ws/chat").await;
    let known = list(&world, false).await;
    assert!(!known.incomplete);
    assert_eq!(of(known), made);
    let (group, name) = made.last().unwrap();
    assert_eq!(get(&world, group, false).await.unwrap().name, *name);
    for refused in [
        get(&world, group, true).await.map(|_| ()),
        update(&world, with_name(group, "Mine")).await,
        get(&world, "120363000000009999@g.us", false)
            .await
            .map(|_| ()),
    ] {
        let down = (Code::FailedPrecondition, "NOT_CONNECTED".to_owned());
        assert_eq!(refusal(&refused.unwrap_err()), down);
    }
    world.finish().await;
}

#[tokio::test]
async fn without_a_phone_there_are_no_groups() {
    let world = World::new().await;
    let refused = groups(&world)
        .list_groups(pb::ListGroupsRequest::default())
        .await
        .unwrap_err();
    let not_linked = (Code::FailedPrecondition, "NOT_LINKED".to_owned());
    assert_eq!(refusal(&refused), not_linked);
    let refused = get(&world, "+15550100002", false).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    world.finish().await;
}

#[tokio::test]
async fn a_limited_client_changes_only_groups_in_its_limit_and_adds_only_people_in_it() {
    use crate::harness::{Client, TLS};
    let world = World::linked_with(&TLS).await;
    let mine = world.phone().create_group(WORD, &[ANNA]).await.unwrap();
    let other = world.phone().create_group(WORD, &[ANNA]).await.unwrap();
    let invite = pb::InviteClientRequest {
        role: pb::Role::Operator.into(),
        name: String::new(),
        send_to: Some(pb::RecipientLimit {
            recipients: vec![mine.clone(), ANNA.to_owned()],
            ..Default::default()
        }),
    };
    let code = world.agent.invite_with(invite).await;
    let client = Client::new();
    client.enroll(&world.agent, &code, "limited").await.unwrap();
    let mut groups = GroupsClient::new(client.connect(&world.agent).await.unwrap());
    let link = |group: &str| pb::GetInviteLinkRequest {
        group: group.to_owned(),
        renew: false,
    };
    let invite = groups.get_invite_link(link(&mine)).await.unwrap();
    let invite = invite.into_inner().link;
    let approve = pb::DecideJoinRequestsRequest {
        group: mine.clone(),
        members: vec![BERT.to_owned()],
        approve: true,
    };
    let leave = pb::LeaveGroupRequest {
        group: other.clone(),
    };
    let refused = [
        groups.get_invite_link(link(&other)).await.map(drop),
        groups.leave_group(leave).await.map(drop),
        groups
            .join_group(pb::JoinGroupRequest { invite })
            .await
            .map(drop),
        groups.decide_join_requests(approve).await.map(drop),
    ];
    for refused in refused {
        let expected = (Code::PermissionDenied, "RECIPIENT".to_owned());
        assert_eq!(refusal(&refused.unwrap_err()), expected);
    }
    assert!(get(&world, &other, true).await.is_ok(), "still a member");
    world.finish().await;
}
