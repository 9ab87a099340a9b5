//! `w:g2`: reading the metadata of groups; creating, changing and joining them.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, JidExt, Node};

use crate::number::{DeviceId, Number};
use crate::rules::groups::change::{self, Denied};
use crate::rules::groups::{self, Draft, community, joining};
use crate::rules::iq::communities::{self, Answer};
use crate::rules::iq::question::Question;
use crate::state::State;
use crate::state::community::Place;
use crate::state::group::{self, ADMIN_ADD, ALL_MEMBER_ADD, Change, Group, Settings};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

pub(super) fn answer(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let node = question.node;
    let Some(child) = question.child else {
        return stanza::error(node, 400, "bad-request");
    };
    let to = stanza::jid(node, "to").filter(|jid| jid.is_group() && !jid.user.is_empty());
    let answer = match (to, question.set) {
        (None, true) => set_of_no_group(shared, &id.0, child),
        (None, false) => get_of_no_group(shared, &id.0, child),
        (Some(group), true) => set(shared, &id.0, &group, child),
        (Some(group), false) => get(shared, &id.0, &group, child),
    };
    match answer {
        Some(Ok(content)) => stanza::result(node, content),
        Some(Err(denied)) => stanza::error(node, denied.0, denied.text()),
        None => stanza::error(node, 400, "bad-request"),
    }
}

fn set_of_no_group(shared: &Shared, own: &Number, child: &Node) -> Option<Answer> {
    Some(match child.tag.as_ref() {
        "create" => create(shared, own, child)?,
        "leave" => leave(shared, own, child),
        "invite" => {
            let code = stanza::text(child, "code")?;
            joining::join(shared, own, &code).map(|joined| vec![in_words(&joined)])
        }
        _ => return None,
    })
}

fn get_of_no_group(shared: &Shared, own: &Number, child: &Node) -> Option<Answer> {
    let state = lock(&shared.state);
    Some(Ok(match child.tag.as_ref() {
        "participating" => {
            let groups = state.groups.values().filter(|group| group.has(own));
            let groups = groups.map(Group::describe);
            vec![NodeBuilder::new("groups").children(groups).build()]
        }
        "invite" => {
            let code = stanza::text(child, "code")?;
            let mut groups = state.groups.values();
            let Some(group) = groups.find(|group| group.invite == code) else {
                return Some(Err(Denied(406)));
            };
            vec![group.describe()]
        }
        _ => return None,
    }))
}

fn get(shared: &Shared, own: &Number, jid: &Jid, child: &Node) -> Option<Answer> {
    let state = lock(&shared.state);
    let Some(group) = state.groups.get(jid.user.as_str()) else {
        return Some(Err(Denied::NO_GROUP));
    };
    if group.has(own)
        && let Some(answer) = communities::get(&state, group, child)
    {
        return Some(answer);
    }
    let admin = group.admins.contains(own);
    Some(match child.tag.as_ref() {
        _ if !group.has(own) => Err(Denied::NOT_ALLOWED),
        "query" => Ok(vec![group.describe()]),
        _ if !admin => Err(Denied::NOT_ALLOWED),
        "invite" => Ok(vec![group::invite(&group.invite)]),
        "membership_approval_requests" => {
            let requests = group.requests.iter().map(|(number, at)| {
                NodeBuilder::new("membership_approval_request")
                    .attr("jid", group.address(number))
                    .attr("request_time", *at)
                    .build()
            });
            let requests = NodeBuilder::new("membership_approval_requests").children(requests);
            Ok(vec![requests.build()])
        }
        _ => return None,
    })
}

fn set(shared: &Shared, own: &Number, jid: &Jid, child: &Node) -> Option<Answer> {
    let id = jid.user.as_str();
    if let Some(answer) = communities::set(shared, own, id, child) {
        return Some(answer);
    }
    match child.tag.as_ref() {
        "membership_requests_action" => return decide(shared, own, id, child),
        "cancel_membership_requests" => {
            let people = people(&lock(&shared.state), child);
            let taken_back = joining::decide(shared, id, own, &people, false);
            return Some(taken_back.map(|()| vec![child.clone()]));
        }
        _ => {}
    }
    let (change, answer) = {
        let state = lock(&shared.state);
        let Some(group) = state.groups.get(id) else {
            return Some(Err(Denied::NO_GROUP));
        };
        if is_outdated(group, child) {
            return Some(Err(Denied::CONFLICT));
        }
        wanted(&state, group, child)?
    };
    if let Err(denied) = communities::apply(shared, own, id, &change, child) {
        return Some(Err(denied));
    }
    Some(Ok(answer.into_iter().collect()))
}

/// Whether a new description refers to a previous one that is not the group's current one.
fn is_outdated(group: &Group, child: &Node) -> bool {
    let current = group.settings.description.as_ref().map(|(id, _)| id);
    child.tag == "description"
        && stanza::text(child, "prev").is_some_and(|prev| current.is_none_or(|id| *id != prev))
}

/// The change that a child requests, and its response, with one entry per person.
fn wanted(state: &State, group: &Group, child: &Node) -> Option<(Change, Option<Node>)> {
    Some(match child.tag.as_ref() {
        "subject" => (Change::Subject(content(child)?), None),
        "invite" => {
            let code = crate::id::message();
            let answer = group::invite(&code);
            (Change::ResetInvite { code }, Some(answer))
        }
        "add" | "remove" | "promote" | "demote" => {
            let (change, answer) = of_people(state, group, child);
            (change, Some(answer))
        }
        _ => (setting(child)?, None),
    })
}

/// The setting that a child changes, in a group or in `<create>`.
fn setting(child: &Node) -> Option<Change> {
    let tag = child.tag.as_ref();
    Some(match tag {
        "description" => {
            let text = child.get_optional_child("body").and_then(content);
            match stanza::text(child, "id") {
                Some(id) => Change::Description {
                    id: id.into_owned(),
                    text,
                },
                None => Change::description(text),
            }
        }
        "announcement" | "not_announcement" => Change::Announcement(tag == "announcement"),
        "locked" | "unlocked" => Change::Locked(tag == "locked"),
        "not_ephemeral" => Change::Expiration(0),
        "ephemeral" => Change::Expiration(stanza::text(child, "expiration")?.parse().ok()?),
        "membership_approval_mode" => {
            let join = child.get_optional_child("group_join")?;
            Change::Approval(stanza::is(join, "state", "on"))
        }
        "member_add_mode" => match content(child)?.as_str() {
            ALL_MEMBER_ADD => Change::MemberAdd(true),
            ADMIN_ADD => Change::MemberAdd(false),
            _ => return None,
        },
        _ => return None,
    })
}

fn content(node: &Node) -> Option<String> {
    let bytes = stanza::bytes(node)?;
    String::from_utf8(bytes.into_owned()).ok()
}

/// A change of several people: each person that cannot be changed has an error in the response; the others are changed.
fn of_people(state: &State, group: &Group, child: &Node) -> (Change, Node) {
    let adds = child.tag == "add";
    let mut changed = Vec::new();
    let mut answers = Vec::new();
    for participant in child.get_children_by_tag("participant") {
        let Some(jid) = stanza::jid(participant, "jid") else {
            continue;
        };
        let found = state.resolve(&jid).map(|(number, _)| number);
        let known = found.filter(|number| !state.unknown.contains(number));
        let Some(number) = known else {
            let answer = NodeBuilder::new("participant").attr("jid", jid);
            answers.push(answer.attr("error", "404").build());
            continue;
        };
        // The response has the group's kind of address, whichever one the client has used.
        let answer = group.person(&number);
        answers.push(if adds && group.has(&number) {
            answer.attr("error", "409").build()
        } else if !adds && !group.has(&number) {
            answer.attr("error", "404").build()
        } else {
            changed.push(number);
            answer.build()
        });
    }
    let change = match child.tag.as_ref() {
        "add" => Change::Add(changed),
        "remove" => Change::Remove(changed),
        "promote" => Change::Promote(changed),
        _ => Change::Demote(changed),
    };
    let answer = NodeBuilder::new_dynamic(child.tag.to_string()).children(answers);
    (change, answer.build())
}

fn decide(shared: &Shared, own: &Number, id: &str, child: &Node) -> Option<Answer> {
    let action = stanza::children(child).first()?;
    let approve = match action.tag.as_ref() {
        "approve" => true,
        "reject" => false,
        _ => return None,
    };
    let (people, answers) = {
        let state = lock(&shared.state);
        let Some(group) = state.groups.get(id) else {
            return Some(Err(Denied::NO_GROUP));
        };
        let (pending, absent) = joining::pending(group, &people(&state, action));
        let answer =
            |number: &Number| NodeBuilder::new("participant").attr("jid", group.address(number));
        let mut answers: Vec<Node> = pending.iter().map(|it| answer(it).build()).collect();
        let absent = absent
            .iter()
            .map(|it| answer(it).attr("error", "404").build());
        answers.extend(absent);
        (pending, answers)
    };
    let decided = joining::decide(shared, id, own, &people, approve);
    let action = NodeBuilder::new(if approve { "approve" } else { "reject" }).children(answers);
    let answer = NodeBuilder::new("membership_requests_action").children([action.build()]);
    Some(decided.map(|()| vec![answer.build()]))
}

fn leave(shared: &Shared, own: &Number, child: &Node) -> Answer {
    let mut left = Vec::new();
    for group in child.get_children_by_tag("group") {
        let Some(jid) = stanza::jid(group, "id") else {
            return Err(Denied::NO_GROUP);
        };
        change::apply(shared, &jid.user, own, &Change::Leave)?;
        left.push(NodeBuilder::new("group").attr("id", jid).build());
    }
    Ok(vec![NodeBuilder::new("leave").children(left).build()])
}

fn in_words(joined: &joining::Joined) -> Node {
    let (tag, id) = match joined {
        joining::Joined::Member(id) => ("group", id),
        joining::Joined::Requested(id) => ("membership_approval_request", id),
    };
    NodeBuilder::new(tag)
        .attr("jid", Jid::group(id.as_str()))
        .build()
}

/// The people in a child's `<participant>`s.
fn people(state: &State, child: &Node) -> Vec<Number> {
    child
        .get_children_by_tag("participant")
        .filter_map(|participant| stanza::jid(participant, "jid"))
        .filter_map(|jid| Some(state.resolve(&jid)?.0))
        .collect()
}

fn create(shared: &Shared, own: &Number, create: &Node) -> Option<Answer> {
    let subject = stanza::text(create, "subject")?;
    let members = people(&lock(&shared.state), create);
    let id = match communities::place(shared, own, create) {
        Err(denied) => return Some(Err(denied)),
        Ok(Place::Parent(terms)) => {
            let general = create.get_optional_child("create_general_chat").is_some();
            community::create(shared, own, &subject, terms, general)
        }
        Ok(place) => {
            let parent = place.parent().map(str::to_owned);
            let settings = stanza::children(create).iter().filter_map(setting);
            let draft = Draft {
                settings: Settings::of(settings),
                place,
                ..Draft::new(&subject, &members)
            };
            let id = groups::make(shared, own, draft);
            let introduced =
                parent.map_or(Ok(()), |it| community::add_group(shared, own, &it, &id));
            if let Err(denied) = introduced {
                return Some(Err(denied));
            }
            id
        }
    };
    let state = lock(&shared.state);
    let group = state.groups.get(&id).map(Group::describe)?;
    Some(Ok(vec![group]))
}
