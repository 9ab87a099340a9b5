//! Groups.

use openclaw_proto::convert::{contact, group};
use openclaw_proto::v1 as pb;
use openclaw_types::{
    ChatId, ChatKind, Contact, Group, MAX_GROUP_DESCRIPTION_CHARS, MAX_GROUP_NAME_CHARS,
};
use openclaw_whatsapp::session::{GroupSetting, JoinRequest, MemberAction, MemberResult, NewGroup};
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::contacts::person;
use super::{UnknownValue, count, page};
use crate::edge::grpc::status::{invalid, participant};

/// The maximum number of people in one request.
const MAX_MEMBERS: usize = 256;
/// WhatsApp's clients send about 100 KiB.
const MAX_PICTURE_BYTES: usize = 512 * 1024;
/// The beginning of every JPEG.
const JPEG: &[u8] = &[0xff, 0xd8, 0xff];
/// WhatsApp's timers, in seconds.
const TIMERS: [i64; 4] = [0, 86_400, 604_800, 7_776_000];
/// An invite link, with its scheme and without.
const INVITE_LINKS: [&str; 3] = [
    "https://chat.whatsapp.com/",
    "http://chat.whatsapp.com/",
    "chat.whatsapp.com/",
];

#[derive(Debug, thiserror::Error)]
enum Bad {
    #[error("is not a group (\"...@g.us\")")]
    Group,
    #[error("must have {0} to {MAX_MEMBERS} entries")]
    Members(usize),
    #[error("must have {0} to {1} characters")]
    Length(usize, usize),
    #[error("must be 24 hours, 7 days, 90 days, or 0")]
    Timer,
    #[error("must be a JPEG")]
    Picture,
    #[error("must have at most {MAX_PICTURE_BYTES} bytes")]
    PictureSize,
    #[error("is not an invite link (\"https://chat.whatsapp.com/...\") or its code")]
    Invite,
    #[error("nothing to change: set at least one field")]
    Nothing,
}

pub(in crate::edge::grpc) fn group_id(group: &str) -> Result<ChatId, GrpcStatus> {
    let id: Result<ChatId, _> = group.parse();
    match id {
        Ok(id) if ChatKind::of(&id) == ChatKind::Group => Ok(id),
        _ => Err(invalid("group", &Bad::Group)),
    }
}

fn members(members: &[String], least: usize) -> Result<Vec<Contact>, GrpcStatus> {
    if !(least..=MAX_MEMBERS).contains(&members.len()) {
        return Err(invalid("members", &Bad::Members(least)));
    }
    let members = members.iter().enumerate();
    let members = members.map(|(at, member)| person(&format!("members[{at}]"), member));
    members.collect()
}

fn text(field: &str, text: String, least: usize, most: usize) -> Result<String, GrpcStatus> {
    match (least..=most).contains(&text.chars().count()) {
        true => Ok(text),
        false => Err(invalid(field, &Bad::Length(least, most))),
    }
}

fn name(name: String) -> Result<String, GrpcStatus> {
    text("name", name, 1, MAX_GROUP_NAME_CHARS)
}

fn description(description: String) -> Result<String, GrpcStatus> {
    text("description", description, 0, MAX_GROUP_DESCRIPTION_CHARS)
}

fn timer(timer: Option<prost_types::Duration>) -> Result<Option<u32>, GrpcStatus> {
    let Some(prost_types::Duration { seconds, nanos }) = timer else {
        return Ok(None);
    };
    let seconds = Some(seconds).filter(|it| TIMERS.contains(it) && nanos == 0);
    let seconds = seconds.and_then(|it| u32::try_from(it).ok());
    let seconds = seconds.ok_or_else(|| invalid("disappears_after", &Bad::Timer))?;
    Ok(Some(seconds))
}

fn admins_add(mode: i32) -> Result<Option<bool>, GrpcStatus> {
    match pb::MemberAddMode::try_from(mode) {
        Ok(pb::MemberAddMode::Unspecified) => Ok(None),
        Ok(pb::MemberAddMode::Everyone) => Ok(Some(false)),
        Ok(pb::MemberAddMode::Admins) => Ok(Some(true)),
        Err(_) => Err(invalid("member_add_mode", &UnknownValue(mode))),
    }
}

/// The group to create, and the settings that are changed afterwards.
pub(in crate::edge::grpc) fn new_group(
    request: pb::CreateGroupRequest,
) -> Result<(NewGroup, Vec<GroupSetting>), GrpcStatus> {
    let pb::CreateGroupRequest {
        name,
        members,
        description,
        announce,
        locked,
        join_approval,
        member_add_mode,
        disappears_after,
    } = request;
    let new = NewGroup {
        name: self::name(name)?,
        description: self::description(description)?,
        members: self::members(&members, 0)?,
        join_approval,
        admins_add: admins_add(member_add_mode)?.unwrap_or_default(),
        disappears_after: timer(disappears_after)?.unwrap_or_default(),
    };
    let then = [
        announce.then_some(GroupSetting::Announce(true)),
        locked.then_some(GroupSetting::Locked(true)),
    ];
    Ok((new, then.into_iter().flatten().collect()))
}

pub(in crate::edge::grpc) fn created(
    created: Group,
    members: &[Contact],
) -> pb::CreateGroupResponse {
    let is_in = |member: &Contact| {
        let mut people = created.participants.iter();
        people.any(|one| one.contact.is_same(member))
    };
    // WhatsApp's library does not return why.
    let missing = members.iter().filter(|member| !is_in(member));
    let missing = missing.map(|member| pb::ParticipantResult {
        contact: Some(contact(member.clone())),
        done: false,
        error: pb::ParticipantError::Other.into(),
        code: 0,
        hint: "add them to see why not: `openclawctl group add`".to_owned(),
    });
    pb::CreateGroupResponse {
        missing: missing.collect(),
        group: Some(group(created)),
    }
}

pub(in crate::edge::grpc) fn group_settings(
    request: pb::UpdateGroupRequest,
) -> Result<(ChatId, Vec<GroupSetting>), GrpcStatus> {
    let pb::UpdateGroupRequest {
        group,
        name,
        description,
        announce,
        locked,
        join_approval,
        member_add_mode,
        disappears_after,
    } = request;
    let id = group_id(&group)?;
    let name = name.map(self::name).transpose()?;
    let description = description.map(self::description).transpose()?;
    let settings = [
        name.map(GroupSetting::Name),
        description.map(GroupSetting::Description),
        announce.map(GroupSetting::Announce),
        locked.map(GroupSetting::Locked),
        join_approval.map(GroupSetting::JoinApproval),
        admins_add(member_add_mode)?.map(GroupSetting::AdminsAdd),
        timer(disappears_after)?.map(GroupSetting::Timer),
    ];
    let settings: Vec<_> = settings.into_iter().flatten().collect();
    match settings.is_empty() {
        true => Err(invalid("name", &Bad::Nothing)),
        false => Ok((id, settings)),
    }
}

pub(in crate::edge::grpc) fn group_picture(
    request: pb::SetGroupPictureRequest,
) -> Result<(ChatId, Vec<u8>), GrpcStatus> {
    let pb::SetGroupPictureRequest { group, jpeg } = request;
    let id = group_id(&group)?;
    if jpeg.len() > MAX_PICTURE_BYTES {
        return Err(invalid("jpeg", &Bad::PictureSize));
    }
    if !jpeg.is_empty() && !jpeg.starts_with(JPEG) {
        return Err(invalid("jpeg", &Bad::Picture));
    }
    Ok((id, jpeg))
}

pub(in crate::edge::grpc) fn participant_change(
    request: pb::ChangeParticipantsRequest,
) -> Result<(ChatId, MemberAction, Vec<Contact>), GrpcStatus> {
    let pb::ChangeParticipantsRequest {
        group,
        action,
        members,
    } = request;
    let action = match pb::ParticipantAction::try_from(action) {
        Ok(pb::ParticipantAction::Add) => MemberAction::Add,
        Ok(pb::ParticipantAction::Remove) => MemberAction::Remove,
        Ok(pb::ParticipantAction::Promote) => MemberAction::Promote,
        Ok(pb::ParticipantAction::Demote) => MemberAction::Demote,
        Ok(pb::ParticipantAction::Unspecified) | Err(_) => {
            return Err(invalid("action", &UnknownValue(action)));
        }
    };
    Ok((group_id(&group)?, action, self::members(&members, 1)?))
}

pub(in crate::edge::grpc) fn join_decision(
    request: pb::DecideJoinRequestsRequest,
) -> Result<(ChatId, MemberAction, Vec<Contact>), GrpcStatus> {
    let pb::DecideJoinRequestsRequest {
        group,
        members,
        approve,
    } = request;
    let action = match approve {
        true => MemberAction::Approve,
        false => MemberAction::Reject,
    };
    Ok((group_id(&group)?, action, self::members(&members, 1)?))
}

pub(in crate::edge::grpc) fn results(
    results: Vec<MemberResult>,
    action: MemberAction,
) -> Vec<pb::ParticipantResult> {
    let result = |MemberResult { contact, code }| {
        let (error, hint) = code.map_or_else(Default::default, |code| participant(action, code));
        pb::ParticipantResult {
            contact: Some(self::contact(contact)),
            done: code.is_none(),
            error: error.into(),
            code: code.unwrap_or_default().into(),
            hint: hint.to_owned(),
        }
    };
    results.into_iter().map(result).collect()
}

pub(in crate::edge::grpc) fn groups(
    request: &pb::ListGroupsRequest,
    (groups, complete): (Vec<Group>, bool),
) -> Result<pb::ListGroupsResponse, GrpcStatus> {
    let pb::ListGroupsRequest {
        page_size,
        page_token,
        fresh: _,
    } = request;
    let page = page(groups, *page_size, page_token, |it| it.id.jid().to_owned())?;
    let without_text = |mut group: Group| {
        // A page of the longest descriptions would be larger than a response may be.
        group.description.clear();
        self::group(group)
    };
    Ok(pb::ListGroupsResponse {
        groups: page.items.into_iter().map(without_text).collect(),
        next_page_token: page.next,
        total_size: count(page.total),
        incomplete: !complete,
    })
}

pub(in crate::edge::grpc) fn join_requests(
    request: &pb::ListJoinRequestsRequest,
    requests: Vec<JoinRequest>,
) -> Result<pb::ListJoinRequestsResponse, GrpcStatus> {
    let pb::ListJoinRequestsRequest {
        group: _,
        page_size,
        page_token,
    } = request;
    let all = requests.into_iter().enumerate().collect();
    let page = page(all, *page_size, page_token, |(at, _)| *at)?;
    let requests = page
        .items
        .into_iter()
        .map(|(_, JoinRequest { contact, at })| pb::JoinRequest {
            contact: Some(self::contact(contact)),
            requested_at: at.map(Timestamp::from),
        });
    Ok(pb::ListJoinRequestsResponse {
        requests: requests.collect(),
        next_page_token: page.next,
        total_size: count(page.total),
    })
}

/// The code of an invite link.
pub(in crate::edge::grpc) fn invite_code(invite: &str) -> Result<String, GrpcStatus> {
    let text = invite.trim();
    let path = INVITE_LINKS.iter().find_map(|it| text.strip_prefix(it));
    let code = path.map_or(text, |path| path.strip_prefix("invite/").unwrap_or(path));
    let code = code.split(['?', '#']).next().unwrap_or_default();
    let code = code.trim_end_matches('/');
    let fits = (8..=64).contains(&code.len());
    match fits
        && code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    {
        true => Ok(code.to_owned()),
        false => Err(invalid("invite", &Bad::Invite)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const GROUP: &str = "120363000000000001@g.us";

    #[test]
    fn an_invite_is_a_link_or_its_code() {
        for good in [
            "https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv",
            "https://chat.whatsapp.com/invite/AbCdEfGhIjKlMnOpQrStUv/",
            "chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv?mode=ac_t",
            " AbCdEfGhIjKlMnOpQrStUv ",
        ] {
            assert_eq!(invite_code(good).unwrap(), "AbCdEfGhIjKlMnOpQrStUv");
        }
        for bad in [
            "",
            "short",
            "https://example.com/AbCdEfGhIjKlMnOpQrStUv",
            "a b",
        ] {
            assert!(invite_code(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_what_is_set_is_changed() {
        let request = pb::UpdateGroupRequest {
            group: GROUP.into(),
            description: Some(String::new()),
            locked: Some(false),
            disappears_after: Some(prost_types::Duration::default()),
            ..Default::default()
        };
        let (_, settings) = group_settings(request).unwrap();
        assert_eq!(
            settings,
            [
                GroupSetting::Description(String::new()),
                GroupSetting::Locked(false),
                GroupSetting::Timer(0)
            ]
        );
    }

    #[test]
    fn a_bad_request_names_its_field_and_repeats_no_secret() {
        let update = |request: pb::UpdateGroupRequest| {
            let group = GROUP.into();
            group_settings(pb::UpdateGroupRequest { group, ..request }).unwrap_err()
        };
        let timer = Duration::from_secs(5);
        let refused = [
            (group_id("SECRET").unwrap_err(), "group:"),
            (group_id("+15550100002").unwrap_err(), "group:"),
            (members(&["SECRET".into()], 1).unwrap_err(), "members[0]:"),
            (members(&[GROUP.into()], 1).unwrap_err(), "members[0]:"),
            (members(&[], 1).unwrap_err(), "members:"),
            (update(pb::UpdateGroupRequest::default()), "name:"),
            (
                update(pb::UpdateGroupRequest {
                    name: Some("x".repeat(101)),
                    ..Default::default()
                }),
                "name:",
            ),
            (
                update(pb::UpdateGroupRequest {
                    disappears_after: timer.try_into().ok(),
                    ..Default::default()
                }),
                "disappears_after:",
            ),
            (
                group_picture(pb::SetGroupPictureRequest {
                    group: GROUP.into(),
                    jpeg: b"GIF89a".to_vec(),
                })
                .unwrap_err(),
                "jpeg:",
            ),
        ];
        for (refused, field) in refused {
            assert_eq!(refused.code(), tonic::Code::InvalidArgument);
            assert!(refused.message().starts_with(field), "{refused:?}");
            assert!(!refused.message().contains("SECRET"));
        }
    }
}
