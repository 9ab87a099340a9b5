//! `group`: lists, shows, creates and changes groups.

use std::path::Path;
use std::time::Duration;

use openclaw_proto::v1::groups_client::GroupsClient;
use openclaw_proto::v1::{
    ChangeParticipantsRequest, CreateGroupRequest, DecideJoinRequestsRequest, GetGroupRequest,
    GetInviteLinkRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest,
    ListJoinRequestsRequest, MemberAddMode, ParticipantAction, ParticipantResult,
    SetGroupPictureRequest, UpdateGroupRequest,
};
use serde::Serialize;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::address::Address;
use crate::cli::{GroupCommand, GroupPeopleArgs, GroupSetArgs, Switch};
use crate::contact::picture;
use crate::failure::{Exit, Failure};
use crate::numbers::{person, recipient};
use crate::render::group;
use crate::text::one_line;
use crate::{client, console};
use client::pages;

/// The agent waits for WhatsApp, for each change of a request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);
/// The limit of the API.
const MAX_PICTURE_BYTES: u64 = 512 * 1024;

#[derive(Serialize)]
struct Changed {
    changed: bool,
}

/// Runs the command.
pub(crate) async fn run(
    address: &Address,
    command: &GroupCommand,
    json: bool,
) -> Result<Exit, Failure> {
    match command {
        GroupCommand::List { fresh } => list(address, *fresh, json).await,
        GroupCommand::Show { id, fresh } => show(address, id, *fresh, json).await,
        GroupCommand::Create { name, members } => create(address, name, members, json).await,
        GroupCommand::Set(args) => set(address, args, json).await,
        GroupCommand::Add(args) => change(address, args, ParticipantAction::Add, json).await,
        GroupCommand::Remove(args) => change(address, args, ParticipantAction::Remove, json).await,
        GroupCommand::Promote(args) => {
            change(address, args, ParticipantAction::Promote, json).await
        }
        GroupCommand::Demote(args) => change(address, args, ParticipantAction::Demote, json).await,
        GroupCommand::Picture {
            id: given,
            file,
            saving,
        } => picture::save(address, id(given)?, file, *saving, json).await,
        GroupCommand::Leave { id } => leave(address, id, json).await,
        GroupCommand::Link { id, reset } => link(address, id, *reset, json).await,
        GroupCommand::Join { link } => join(address, link, json).await,
        GroupCommand::Requests {
            id,
            approve,
            reject,
        } => match (approve.as_slice(), reject.as_slice()) {
            ([], []) => requests(address, id, json).await,
            (approved, []) => decide(address, id, approved, true, json).await,
            (_, rejected) => decide(address, id, rejected, false, json).await,
        },
    }
}

async fn answer<T>(
    address: &Address,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    client::answer_within(address, ANSWER_TIMEOUT, call).await
}

/// A group by its JID.
fn id(given: &str) -> Result<String, Failure> {
    let id = recipient("ID", given)?;
    match id.ends_with("@g.us") {
        true => Ok(id),
        false => Err(Failure::usage("ID is not a group")
            .with_hint("`openclawctl group list` shows the JIDs (…@g.us)")),
    }
}

fn people(members: &[String]) -> Result<Vec<String>, Failure> {
    let members = members.iter().map(|member| person("MEMBER", member));
    members.collect()
}

async fn list(address: &Address, fresh: bool, json: bool) -> Result<Exit, Failure> {
    let mut agent = client::groups(address).await?;
    let mut first = fresh;
    let page = async |page_token| {
        let request = ListGroupsRequest {
            page_size: 0,
            page_token,
            // One request to WhatsApp is enough for all pages.
            fresh: std::mem::take(&mut first),
        };
        answer(address, agent.list_groups(request)).await
    };
    let listed = pages::all(page).await?;
    if listed.groups.is_empty() && !json {
        console::note("The account is in no group");
    }
    for one in &listed.groups {
        if json {
            console::json(one)?;
        } else {
            console::line(&group::line(one))?;
        }
    }
    if listed.incomplete {
        console::note(
            "warning: there may be more groups: WhatsApp has not listed them yet, and the link is down",
        );
    }
    Ok(Exit::Done)
}

async fn show(address: &Address, given: &str, fresh: bool, json: bool) -> Result<Exit, Failure> {
    let group = id(given)?;
    let mut agent = client::groups(address).await?;
    let call = agent.get_group(GetGroupRequest { group, fresh });
    let group = answer(address, call).await?.group.unwrap_or_default();
    if json {
        console::json(&group)?;
    } else {
        console::write(&group::page(&group))?;
    }
    Ok(Exit::Done)
}

async fn create(
    address: &Address,
    name: &str,
    members: &[String],
    json: bool,
) -> Result<Exit, Failure> {
    let request = CreateGroupRequest {
        name: name.to_owned(),
        members: people(members)?,
        ..Default::default()
    };
    let mut agent = client::groups(address).await?;
    let created = answer(address, agent.create_group(request)).await?;
    if json {
        console::json(&created)?;
    } else {
        let group = created.group.clone().unwrap_or_default();
        console::line(&one_line(&group.id))?;
        notes(&created.missing, "added");
    }
    Ok(exit(&created.missing))
}

async fn set(address: &Address, args: &GroupSetArgs, json: bool) -> Result<Exit, Failure> {
    let group = id(&args.id)?;
    let on = |switch: Option<Switch>| switch.map(|switch| switch == Switch::On);
    let mode = match on(args.admins_add) {
        None => MemberAddMode::Unspecified,
        Some(false) => MemberAddMode::Everyone,
        Some(true) => MemberAddMode::Admins,
    };
    let request = UpdateGroupRequest {
        group: group.clone(),
        name: args.name.clone(),
        description: args.description.clone(),
        announce: on(args.announce),
        locked: on(args.locked),
        join_approval: on(args.approval),
        member_add_mode: mode.into(),
        disappears_after: args.timer.map(|timer| prost_types::Duration {
            seconds: timer.seconds(),
            nanos: 0,
        }),
    };
    let empty = UpdateGroupRequest {
        group: group.clone(),
        ..Default::default()
    };
    // Read first: a file that cannot be read changes nothing.
    let jpeg = args.picture.as_deref().map(new_picture).transpose()?;
    let mut agent = client::groups(address).await?;
    if request != empty {
        answer(address, agent.update_group(request)).await?;
    }
    if let Some(jpeg) = jpeg {
        let request = SetGroupPictureRequest { group, jpeg };
        answer(address, agent.set_group_picture(request)).await?;
    }
    report(json, "Changed");
    Ok(Exit::Done)
}

/// The picture's bytes; none for `none`.
fn new_picture(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new("none") {
        return Ok(Vec::new());
    }
    let shown = file.display();
    let failed = |error: std::io::Error| Failure::new(format!("cannot read {shown}: {error}"));
    let bytes = std::fs::metadata(file).map_err(failed)?.len();
    if bytes == 0 || bytes > MAX_PICTURE_BYTES {
        return Err(Failure::usage(format!("{shown} has {bytes} bytes"))
            .with_hint("give a JPEG of at most 512 KiB"));
    }
    std::fs::read(file).map_err(failed)
}

async fn change(
    address: &Address,
    args: &GroupPeopleArgs,
    action: ParticipantAction,
    json: bool,
) -> Result<Exit, Failure> {
    let request = ChangeParticipantsRequest {
        group: id(&args.id)?,
        action: action.into(),
        members: people(&args.members)?,
    };
    let mut agent = client::groups(address).await?;
    let results = answer(address, agent.change_participants(request)).await?;
    let done = match action {
        ParticipantAction::Remove => "removed",
        ParticipantAction::Promote => "promoted",
        ParticipantAction::Demote => "demoted",
        ParticipantAction::Add | ParticipantAction::Unspecified => "added",
    };
    print(&results.results, done, json)
}

async fn leave(address: &Address, given: &str, json: bool) -> Result<Exit, Failure> {
    let group = id(given)?;
    let mut agent = client::groups(address).await?;
    answer(address, agent.leave_group(LeaveGroupRequest { group })).await?;
    report(json, "Left");
    Ok(Exit::Done)
}

async fn link(address: &Address, given: &str, renew: bool, json: bool) -> Result<Exit, Failure> {
    let group = id(given)?;
    let mut agent = client::groups(address).await?;
    let request = GetInviteLinkRequest { group, renew };
    let link = answer(address, agent.get_invite_link(request)).await?;
    if json {
        console::json(&link)?;
    } else {
        console::line(&one_line(&link.link))?;
    }
    Ok(Exit::Done)
}

async fn join(address: &Address, invite: &str, json: bool) -> Result<Exit, Failure> {
    let mut agent = client::groups(address).await?;
    let invite = invite.to_owned();
    let joined = answer(address, agent.join_group(JoinGroupRequest { invite })).await?;
    if json {
        console::json(&joined)?;
    } else {
        console::line(&one_line(&joined.group))?;
        if joined.pending {
            console::note("Requested: an admin has to approve first");
        }
    }
    Ok(Exit::Done)
}

async fn requests(address: &Address, given: &str, json: bool) -> Result<Exit, Failure> {
    let group = id(given)?;
    let mut agent = client::groups(address).await?;
    let page = async |page_token| {
        let request = ListJoinRequestsRequest {
            group: group.clone(),
            page_size: 0,
            page_token,
        };
        answer(address, agent.list_join_requests(request)).await
    };
    let listed = pages::all(page).await?;
    if listed.requests.is_empty() && !json {
        console::note("No one has requested to join");
    }
    for one in &listed.requests {
        if json {
            console::json(one)?;
        } else {
            console::line(&group::request(one))?;
        }
    }
    Ok(Exit::Done)
}

async fn decide(
    address: &Address,
    given: &str,
    members: &[String],
    approve: bool,
    json: bool,
) -> Result<Exit, Failure> {
    let request = DecideJoinRequestsRequest {
        group: id(given)?,
        members: people(members)?,
        approve,
    };
    let mut agent: GroupsClient<Channel> = client::groups(address).await?;
    let results = answer(address, agent.decide_join_requests(request)).await?;
    let done = if approve { "approved" } else { "rejected" };
    print(&results.results, done, json)
}

/// One line for each person, and the hints of those for whom it was not done.
fn print(results: &[ParticipantResult], done: &str, json: bool) -> Result<Exit, Failure> {
    for one in results {
        if json {
            console::json(one)?;
        } else {
            console::line(&group::result(one, done))?;
        }
    }
    if !json {
        hints(results);
    }
    Ok(exit(results))
}

fn notes(results: &[ParticipantResult], done: &str) {
    for one in results {
        console::note(&format!("warning: {}", group::result(one, done)));
    }
    hints(results);
}

/// Each hint once.
fn hints(results: &[ParticipantResult]) {
    let mut hints: Vec<&str> = results
        .iter()
        .map(|one| one.hint.as_str())
        .filter(|hint| !hint.is_empty())
        .collect();
    hints.sort_unstable();
    hints.dedup();
    for hint in hints {
        console::note(&format!("hint: {}", one_line(hint)));
    }
}

fn exit(results: &[ParticipantResult]) -> Exit {
    match results.iter().all(|one| one.done) {
        true => Exit::Done,
        false => Exit::Refused,
    }
}

fn report(json: bool, words: &str) {
    if json {
        console::report_json(&Changed { changed: true });
    } else {
        console::report(words);
    }
}
