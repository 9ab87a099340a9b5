//! Groups: members, settings, and their description for a companion.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use crate::number::{DeviceId, Number};
use crate::signal::party::ChainId;
use crate::state::community::Place;
use crate::state::profile::Picture;

/// A group.
pub(crate) struct Group {
    /// The user part of its JID.
    pub(crate) id: String,
    pub(crate) subject: Subject,
    pub(crate) creator: Number,
    /// Includes the creator, until they leave.
    pub(crate) members: Vec<Number>,
    pub(crate) admins: BTreeSet<Number>,
    pub(crate) created_at: u64,
    pub(crate) settings: Settings,
    pub(crate) place: Place,
    /// The code of the invite link.
    pub(crate) invite: String,
    /// The people who have requested to join, and when.
    pub(crate) requests: BTreeMap<Number, u64>,
    pub(crate) picture: Option<Picture>,
    pub(crate) keys: SenderKeys,
    /// People whose numbers are hidden, members or not.
    pub(crate) hidden: BTreeSet<Number>,
    /// Former members, and the notification that reported that they left.
    pub(crate) former: HashMap<Number, String>,
}

/// A change that a member makes to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Changes the subject.
    Subject(String),
    /// Changes or removes the description.
    Description {
        /// The id of this version, which the writer's device makes.
        id: String,
        /// The text. `None` removes the description.
        text: Option<String>,
    },
    /// Adds people.
    Add(Vec<Number>),
    /// Removes members.
    Remove(Vec<Number>),
    /// Leaves.
    Leave,
    /// Makes members admins.
    Promote(Vec<Number>),
    /// Makes admins normal members.
    Demote(Vec<Number>),
    /// Whether only admins can send messages.
    Announcement(bool),
    /// Whether only admins can change the subject, the description and the timer.
    Locked(bool),
    /// Seconds until messages disappear; 0 for never.
    Expiration(u32),
    /// Whether an admin has to approve those who join by the invite link.
    Approval(bool),
    /// Whether members can add people, or only admins.
    MemberAdd(bool),
    /// Whether members are addressed by LID or by number. Only the server makes this change, never a member.
    ByLid(bool),
    /// Replaces the invite link.
    ResetInvite {
        /// The code of the new link.
        code: String,
    },
}

impl Change {
    /// A description written on a phone, or its removal.
    #[must_use]
    pub fn description(text: Option<String>) -> Self {
        let id = crate::id::stanza();
        Self::Description { id, text }
    }

    /// A new invite link.
    #[must_use]
    pub fn reset_invite() -> Self {
        let code = crate::id::message();
        Self::ResetInvite { code }
    }
}

/// A group's subject, and who set it.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) text: String,
    pub(crate) by: Number,
    pub(crate) at: u64,
}

/// The settings of a group.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Members are addressed by LID, as in new groups, or else by number.
    pub(crate) by_lid: bool,
    /// The description: its id and text.
    pub(crate) description: Option<(String, String)>,
    /// Only admins can send messages.
    pub(crate) announcement: bool,
    /// Only admins can change the subject, the description and the timer.
    pub(crate) locked: bool,
    /// Seconds until messages disappear; 0 for never.
    pub(crate) expiration: u32,
    /// An admin has to approve those who join by the invite link.
    pub(crate) approval: bool,
    /// Members can add people.
    pub(crate) member_add: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            by_lid: true,
            description: None,
            announcement: false,
            locked: false,
            expiration: 0,
            approval: false,
            member_add: true,
        }
    }
}

/// The sender keys that companions have used in the group.
#[derive(Default)]
pub(crate) struct SenderKeys {
    used: HashSet<(DeviceId, ChainId)>,
    /// Keys that a former member has, and the notification that reported that they left.
    retired: HashMap<(DeviceId, ChainId), String>,
}

impl SenderKeys {
    /// Records the use of a key. Returns the notification after which it must not be used, if there is one.
    pub(crate) fn use_key(&mut self, device: &DeviceId, chain: ChainId) -> Option<&str> {
        let key = (device.clone(), chain);
        if !self.retired.contains_key(&key) {
            self.used.insert(key.clone());
        }
        self.retired.get(&key).map(String::as_str)
    }

    /// A member has left, as this notification reports: the keys used until now must not be used any more.
    pub(crate) fn retire(&mut self, notification: &str) {
        let used = std::mem::take(&mut self.used).into_iter();
        self.retired
            .extend(used.map(|key| (key, notification.to_owned())));
    }
}

impl Group {
    pub(crate) fn jid(&self) -> Jid {
        Jid::group(self.id.as_str())
    }

    pub(crate) fn has(&self, number: &Number) -> bool {
        self.members.contains(number)
    }

    /// The addressing mode: `lid` or `pn`.
    pub(crate) fn addressing_mode(&self) -> &'static str {
        if self.settings.by_lid { "lid" } else { "pn" }
    }

    /// A member's address in this group.
    pub(crate) fn address(&self, number: &Number) -> Jid {
        if self.settings.by_lid {
            number.lid()
        } else {
            number.pn()
        }
    }

    /// `<participant>` for a member, with its other address.
    pub(crate) fn participant(&self, number: &Number) -> Node {
        let node = self.person(number);
        if !self.admins.contains(number) {
            return node.build();
        }
        let kind = if *number == self.creator {
            "superadmin"
        } else {
            "admin"
        };
        node.attr("type", kind).build()
    }

    /// `<participant>` for anyone, with the address that the group uses, and the other one.
    pub(crate) fn person(&self, number: &Number) -> NodeBuilder {
        let node = NodeBuilder::new("participant").attr("jid", self.address(number));
        if self.settings.by_lid && self.hidden.contains(number) {
            node
        } else if self.settings.by_lid {
            node.attr("phone_number", number.pn())
        } else {
            node.attr("lid", number.lid())
        }
    }

    /// `<group>`, as in the responses of `w:g2`.
    pub(crate) fn describe(&self) -> Node {
        let mut children: Vec<Node> = self.members.iter().map(|it| self.participant(it)).collect();
        children.extend(self.settings.describe());
        children.extend(self.place.describe());
        let group = match self.hidden.contains(&self.creator) {
            true => NodeBuilder::new("group"),
            false => NodeBuilder::new("group").attr("creator_pn", self.creator.pn()),
        };
        group
            .attr("id", self.id.as_str())
            .attr("addressing_mode", self.addressing_mode())
            .attr("subject", self.subject.text.as_str())
            .attr("s_t", self.subject.at)
            .attr("s_o", self.address(&self.subject.by))
            .attr("creation", self.created_at)
            .attr("creator", self.address(&self.creator))
            .attr("size", self.members.len())
            .children(children)
            .build()
    }
}

impl Settings {
    /// The settings of a new group, changed by these.
    pub(crate) fn of(changes: impl IntoIterator<Item = Change>) -> Self {
        let mut settings = Self::default();
        for change in changes {
            settings.apply(&change);
        }
        settings
    }

    /// Applies a change of a setting; other changes have no effect here.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Description { id, text } => {
                let described = |text: &String| (id.clone(), text.clone());
                self.description = text.as_ref().map(described);
            }
            Change::Announcement(on) => self.announcement = *on,
            Change::Locked(on) => self.locked = *on,
            Change::Expiration(seconds) => self.expiration = *seconds,
            Change::Approval(on) => self.approval = *on,
            Change::MemberAdd(on) => self.member_add = *on,
            Change::ByLid(on) => self.by_lid = *on,
            Change::Subject(_)
            | Change::Add(_)
            | Change::Remove(_)
            | Change::Leave
            | Change::Promote(_)
            | Change::Demote(_)
            | Change::ResetInvite { .. } => {}
        }
    }

    fn describe(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        if let Some((id, text)) = &self.description {
            let body = NodeBuilder::new("body").string_content(text.as_str());
            let description = NodeBuilder::new("description").attr("id", id.as_str());
            nodes.push(description.children([body.build()]).build());
        }
        for (set, tag) in [(self.announcement, "announcement"), (self.locked, "locked")] {
            nodes.extend(set.then(|| NodeBuilder::new(tag).build()));
        }
        if self.expiration > 0 {
            let ephemeral = NodeBuilder::new("ephemeral").attr("expiration", self.expiration);
            nodes.push(ephemeral.build());
        }
        if self.approval {
            nodes.push(approval_mode(true));
        }
        nodes.push(member_add_mode(self.member_add));
        nodes
    }
}

/// The content of `<member_add_mode>` where members can add people.
pub(crate) const ALL_MEMBER_ADD: &str = "all_member_add";
/// The content of `<member_add_mode>` where only admins can add people.
pub(crate) const ADMIN_ADD: &str = "admin_add";

/// `<invite>`, with the code of an invite link.
pub(crate) fn invite(code: &str) -> Node {
    NodeBuilder::new("invite").attr("code", code).build()
}

/// `<member_add_mode>`.
pub(crate) fn member_add_mode(members: bool) -> Node {
    let mode = if members { ALL_MEMBER_ADD } else { ADMIN_ADD };
    NodeBuilder::new("member_add_mode")
        .string_content(mode)
        .build()
}

/// `<membership_approval_mode>`.
pub(crate) fn approval_mode(on: bool) -> Node {
    let join = NodeBuilder::new("group_join").attr("state", if on { "on" } else { "off" });
    NodeBuilder::new("membership_approval_mode")
        .children([join.build()])
        .build()
}
