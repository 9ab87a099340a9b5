//! `w:g2` and `w:mex` of communities: linking groups, joining one, and reading their metadata.

use serde_json::{Value, json};
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use crate::number::Number;
use crate::rules::groups::change::{self, Denied};
use crate::rules::groups::community::{self, Outcome, is_announcements, linked};
use crate::state::State;
use crate::state::community::{CommunitySettings, Place, Role};
use crate::state::group::{Change, Group};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// The content of an answer to a companion, or the error.
pub(super) type Answer = Result<Vec<Node>, Denied>;

/// Answers a set to a community; `None` if the child is not about communities.
pub(super) fn set(shared: &Shared, own: &Number, parent: &str, child: &Node) -> Option<Answer> {
    Some(match child.tag.as_ref() {
        "links" => {
            let link = child.get_optional_child("link")?;
            let groups: Vec<String> = groups(link).map(|(id, _)| id).collect();
            community::link(shared, own, parent, &groups).map(|linked| {
                let link = NodeBuilder::new("link").attr("link_type", "sub_group");
                let link = link.children(outcomes(linked)).build();
                vec![NodeBuilder::new("links").children([link]).build()]
            })
        }
        "unlink" => {
            let groups: Vec<(String, bool)> = groups(child).collect();
            community::unlink(shared, own, parent, &groups).map(|unlinked| {
                let unlink = NodeBuilder::new("unlink").attr("unlink_type", "sub_group");
                vec![unlink.children(outcomes(unlinked)).build()]
            })
        }
        "delete_parent" => community::deactivate(shared, own, parent).map(|()| Vec::new()),
        "join_linked_group" => {
            let group = stanza::jid(child, "jid")?;
            let joined = community::join(shared, own, parent, &group.user);
            joined.map(|described| vec![linked_group(described)])
        }
        _ => return None,
    })
}

/// The place that a `<create>` requests for the new group.
pub(super) fn place(shared: &Shared, own: &Number, create: &Node) -> Result<Place, Denied> {
    if let Some(linked) = create.get_optional_child("linked_parent") {
        let parent = stanza::jid(linked, "jid").ok_or(Denied::NO_GROUP)?;
        let parent = parent.user.to_string();
        community::may_create(&lock(&shared.state), &parent, own)?;
        let role = Role::Ordinary;
        return Ok(Place::Linked { parent, role });
    }
    let open = create.get_optional_child("allow_non_admin_sub_group_creation");
    Ok(match create.get_optional_child("parent") {
        None => Place::Alone,
        Some(parent) => Place::Parent(CommunitySettings {
            closed: stanza::is(
                parent,
                "default_membership_approval_mode",
                "request_required",
            ),
            open_to_groups: open.is_some(),
        }),
    })
}

/// Applies a change to a group; a change to a community also applies to its groups.
pub(super) fn apply(
    shared: &Shared,
    own: &Number,
    id: &str,
    change: &Change,
    child: &Node,
) -> Result<(), Denied> {
    let parent = {
        let state = lock(&shared.state);
        let group = state.groups.get(id).ok_or(Denied::NO_GROUP)?;
        matches!(group.place, Place::Parent(_))
    };
    match change {
        Change::Add(people) if parent => community::join_parent(shared, own, id, people),
        Change::Remove(people) if parent && stanza::is(child, "linked_groups", "true") => {
            community::remove(shared, own, id, people)
        }
        _ => change::apply(shared, id, own, change),
    }
}

/// Answers a member's get to a community; `None` if the child is not about communities.
pub(super) fn get(state: &State, community: &Group, child: &Node) -> Option<Answer> {
    Some(match child.tag.as_ref() {
        "query_linked" => {
            let id = stanza::jid(child, "jid")?.user;
            let mut groups = linked(state, &community.id);
            let group = groups.find(|group| group.id == id);
            let group = group.ok_or(Denied::NO_GROUP);
            group.map(|group| vec![linked_group(group.describe())])
        }
        "sub_groups" => {
            let groups = linked(state, &community.id).map(|group| {
                let described = NodeBuilder::new("group")
                    .attr("id", group.id.as_str())
                    .attr("subject", group.subject.text.as_str())
                    .attr("s_t", group.subject.at);
                let mark = group.place.role().and_then(Role::describe);
                described.children(mark).build()
            });
            Ok(vec![
                NodeBuilder::new("sub_groups").children(groups).build(),
            ])
        }
        "linked_groups_participants" => {
            let mut people: Vec<(&Group, &Number)> = Vec::new();
            for group in linked(state, &community.id) {
                for member in &group.members {
                    if !people.iter().any(|(_, known)| *known == member) {
                        people.push((group, member));
                    }
                }
            }
            let people = people.iter().map(|(group, it)| group.participant(it));
            let people = NodeBuilder::new("linked_groups_participants").children(people);
            Ok(vec![people.build()])
        }
        _ => return None,
    })
}

/// The groups of a community, in the form of `WAWebMexFetchAllSubgroupsJobQuery`.
pub(super) fn subgroups(shared: &Shared, own: &Number, id: Option<&str>) -> Value {
    in_community(shared, own, id, |state, community| {
        let described = |group: &Group| {
            let general = group.place.role() == Some(Role::General);
            json!({
                "id": group.jid().to_string(),
                "subject": {
                    "value": group.subject.text,
                    "creation_time": group.subject.at.to_string(),
                },
                "properties": {
                    "general_chat": general.to_string(),
                    "hidden_group": "false",
                    "membership_approval_mode_enabled": group.settings.approval,
                },
                "membership_approval_requests": { "total_count": group.requests.len() },
            })
        };
        let announcements = linked(state, &community.id).find(|group| is_announcements(group));
        let others = linked(state, &community.id).filter(|group| !is_announcements(group));
        let edges = others.map(|group| json!({ "node": described(group) }));
        json!({
            "id": community.jid().to_string(),
            "default_sub_group": announcements.map(described),
            "sub_groups": { "edges": edges.collect::<Vec<Value>>() },
        })
    })
}

/// The member counts of a community's groups, in the form of `WAWebMexQuerySubgroupParticipantCountJobQuery`.
pub(super) fn participant_counts(shared: &Shared, own: &Number, id: Option<&str>) -> Value {
    in_community(shared, own, id, |state, community| {
        let counted = linked(state, &community.id).map(|group| {
            json!({ "node": {
                "id": group.jid().to_string(),
                "total_participants_count": group.members.len(),
            }})
        });
        json!({
            "id": community.jid().to_string(),
            "sub_groups": { "edges": counted.collect::<Vec<Value>>() },
        })
    })
}

fn in_community(
    shared: &Shared,
    own: &Number,
    id: Option<&str>,
    describe: impl FnOnce(&State, &Group) -> Value,
) -> Value {
    let id = id.and_then(|id| id.parse::<Jid>().ok());
    let state = lock(&shared.state);
    let found = id.and_then(|id| state.groups.get(id.user.as_str()));
    let found = found.filter(|group| group.has(own) && matches!(group.place, Place::Parent(_)));
    let described = found.map_or(Value::Null, |community| describe(&state, community));
    json!({ "xwa2_group_query_by_id": described })
}

fn linked_group(described: Node) -> Node {
    NodeBuilder::new("linked_group")
        .children([described])
        .build()
}

/// The ids of the groups in a child, and whether orphaned members are to leave.
fn groups(child: &Node) -> impl Iterator<Item = (String, bool)> + '_ {
    child.get_children_by_tag("group").filter_map(|group| {
        let id = stanza::jid(group, "jid")?.user.to_string();
        Some((id, stanza::is(group, "remove_orphaned_members", "true")))
    })
}

fn outcomes(outcomes: Vec<Outcome>) -> impl Iterator<Item = Node> {
    outcomes.into_iter().map(|(id, outcome)| {
        let group = NodeBuilder::new("group").attr("jid", Jid::group(id));
        match outcome {
            Ok(()) => group.build(),
            Err(denied) => group.attr("error", denied.0).build(),
        }
    })
}
