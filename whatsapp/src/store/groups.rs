//! What is known of the account's groups: their names in events, and the reads of clients. WhatsApp describes them when
//! it is asked; the changes that it reports are applied.
//!
//! Participants have a row of their own, so that a list of groups costs little memory.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use ciborium::de::from_reader;
use openclaw_state::people::People as _;
use openclaw_state::vault::{Tables, Update};
use openclaw_types::{
    ChatId, Contact, Group, GroupChange, GroupChangeKind as Kind, GroupRole, Participant,
};
use openclaw_vault::Key;
use serde::Serialize;

use super::Store;
use super::records::encode;
use super::timers;

/// The maximum number of rows: of groups, and of the participants of groups. WhatsApp is asked about further groups.
const MAX_ROWS: usize = 2 * 1_024;
/// More participants are not kept: WhatsApp's limit for a group is 1,024, but communities have more.
const MAX_PARTICIPANTS: usize = 2_000;
/// A change this much older than the description has been in it already. WhatsApp's clock and this one may differ.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

fn group_row(jid: &str) -> Key<'_> {
    Key::new(Tables::KNOWN_GROUPS, "group", jid)
}

fn people_row(jid: &str) -> Key<'_> {
    Key::new(Tables::KNOWN_GROUPS, "people", jid)
}

/// Exists if WhatsApp has listed all groups.
fn listed_row() -> Key<'static> {
    Key::new(Tables::KNOWN_GROUPS, "listed", "")
}

impl Store {
    /// The name of a group, if it is known.
    #[must_use]
    pub fn group_name(&self, jid: &str) -> Option<String> {
        let bytes = self.vault().load(group_row(jid))?;
        let group: Group = from_reader(bytes.as_slice()).ok()?;
        Some(group.name)
    }

    /// A group with its participants. `None` if not all of it is known.
    #[must_use]
    pub fn known_group(&self, id: &ChatId) -> Option<Group> {
        let bytes = self.vault().load(group_row(id.jid()))?;
        let people = self.vault().load(people_row(id.jid()))?;
        let mut group: Group = from_reader(bytes.as_slice()).ok()?;
        // Without this, only the name is known.
        group.known_at?;
        group.participants = from_reader(people.as_slice()).ok()?;
        for Participant { contact, .. } in &mut group.participants {
            *contact = self.resolve_contact(std::mem::take(contact));
        }
        group.owner = self.resolve_contact(group.owner);
        Some(group)
    }

    /// The timer of a group in seconds, 0 for none. `None` if the group is not known.
    pub(super) fn group_timer(&self, id: &ChatId) -> Option<u32> {
        let bytes = self.vault().load(group_row(id.jid()))?;
        let group: Group = from_reader(bytes.as_slice()).ok()?;
        group.known_at.map(|_| group.disappears_after)
    }

    /// The groups, by id, without their participants. `false`: there may be more.
    #[must_use]
    pub fn known_groups(&self) -> (Vec<Group>, bool) {
        let rows = self.vault().scan(Tables::KNOWN_GROUPS, Some(b"group"));
        let read = rows
            .iter()
            .map(|row| from_reader::<Group, _>(row.value.as_slice()));
        let mut groups: Vec<_> = read.filter_map(Result::ok).collect();
        groups.sort_by(|one, other| one.id.jid().cmp(other.id.jid()));
        let complete = self.groups_listed() && groups.iter().all(|it| it.known_at.is_some());
        (groups, complete)
    }

    /// Whether WhatsApp has listed all groups, and every one since is known.
    #[must_use]
    pub(crate) fn groups_listed(&self) -> bool {
        self.vault().load(listed_row()).is_some()
    }

    /// Replaces what is known by a list of all groups.
    pub(crate) fn keep_groups(&self, groups: &[Group]) {
        self.vault().update(|update| {
            let known = update.scan(Tables::KNOWN_GROUPS, Some(b"group"));
            let listed: HashSet<&[u8]> = groups.iter().map(|it| it.id.jid().as_bytes()).collect();
            let mut count = update.count(Tables::KNOWN_GROUPS);
            for row in known {
                if let (false, Ok(jid)) =
                    (listed.contains(row.id.as_slice()), str::from_utf8(&row.id))
                {
                    forget(update, jid);
                    // The update does not count its own deletions. Its participants may have a row too.
                    count = count.saturating_sub(1);
                }
            }
            let mut room = MAX_ROWS.saturating_sub(count);
            let mut complete = true;
            for group in groups {
                complete &= keep(update, group, &mut room);
            }
            if complete {
                update.batch().put(listed_row(), &[]);
            } else {
                update.batch().delete(listed_row());
            }
        });
    }

    /// Replaces what is known of one group.
    pub(crate) fn keep_group(&self, group: &Group) {
        self.vault().update(|update| {
            let mut room = MAX_ROWS.saturating_sub(update.count(Tables::KNOWN_GROUPS));
            keep(update, group, &mut room);
        });
    }

    /// The account is no longer in the group.
    pub(crate) fn forget_group(&self, id: &ChatId) {
        self.vault().update(|update| forget(update, id.jid()));
    }

    /// The participants of a group are no longer known.
    pub(crate) fn forget_participants(&self, id: &ChatId) {
        self.vault()
            .update(|update| update.batch().delete(people_row(id.jid())));
    }

    /// Applies a change that the account has made itself.
    pub(crate) fn edit_group(&self, id: &ChatId, edit: impl FnOnce(&mut Group)) {
        let row = group_row(id.jid());
        self.vault().update(|update| {
            let known = update.load(row);
            let known = known.and_then(|bytes| from_reader::<Group, _>(bytes.as_slice()).ok());
            if let Some(mut group) = known {
                edit(&mut group);
                put(update, row, &group);
            }
        });
    }

    /// Applies a change that WhatsApp has reported.
    pub(crate) fn change_group(&self, change: &GroupChange) {
        let jid = change.origin.chat.jid();
        let includes_account = change
            .people
            .iter()
            .any(|one| self.is_account(one) == Some(true));
        if matches!(change.change, Kind::Timer | Kind::Created) {
            // Of a group whose description is not known.
            self.set_timer(&change.origin.chat, change.disappears_after);
        }
        self.vault().update(|update| {
            let leaves = matches!(change.change, Kind::Removed | Kind::Left) && includes_account;
            if leaves || change.change == Kind::Deleted {
                return forget(update, jid);
            }
            let known = update.load(group_row(jid));
            let known = known.and_then(|bytes| from_reader::<Group, _>(bytes.as_slice()).ok());
            let Some(mut group) = known else {
                let has_room = update.count(Tables::KNOWN_GROUPS) + 2 <= MAX_ROWS;
                if change.change == Kind::Created && has_room {
                    let group = Group::named(change.origin.chat.clone(), change.text.clone());
                    put(update, group_row(jid), &group);
                } else {
                    update.batch().delete(listed_row());
                }
                return;
            };
            // Timers are applied in their order, whatever the clocks: a message without the group's timer stays forever.
            if change.change != Kind::Timer && is_older(change.origin.sent_at, group.known_at) {
                return;
            }
            let people = update.load(people_row(jid));
            let mut people: Option<Vec<Participant>> =
                people.and_then(|bytes| from_reader(bytes.as_slice()).ok());
            apply(change, &mut group, &mut people);
            put(update, group_row(jid), &group);
            match people {
                Some(people) => put(update, people_row(jid), &people),
                None => update.batch().delete(people_row(jid)),
            }
        });
    }
}

fn is_older(changed_at: SystemTime, known_at: Option<SystemTime>) -> bool {
    let age = known_at.and_then(|known_at| known_at.duration_since(changed_at).ok());
    age.is_some_and(|age| age > MAX_CLOCK_DIFFERENCE)
}

/// False if there is no room.
fn keep(update: &mut Update<'_>, group: &Group, room: &mut usize) -> bool {
    let jid = group.id.jid();
    let mut of_table = Group {
        participants: Vec::new(),
        ..group.clone()
    };
    let known = update.load(group_row(jid));
    if known.is_none() {
        if *room < 2 {
            return false;
        }
        *room -= 2;
    }
    let known = known.and_then(|bytes| from_reader::<Group, _>(bytes.as_slice()).ok());
    // The library (0.7.0, `GroupInfoResponse`) reads it only from text, and it arrives as bytes; changes of it are read.
    of_table.admins_add = group
        .admins_add
        .or_else(|| known.and_then(|known| known.admins_add));
    of_table.size = group.size.max(count(group.participants.len()));
    put(update, group_row(jid), &of_table);
    if group.participants.len() <= MAX_PARTICIPANTS {
        put(update, people_row(jid), &group.participants);
    } else {
        update.batch().delete(people_row(jid));
    }
    true
}

fn forget(update: &mut Update<'_>, jid: &str) {
    update.batch().delete(group_row(jid));
    update.batch().delete(people_row(jid));
    update.batch().delete(timers::row(jid));
}

fn put<T: Serialize>(update: &mut Update<'_>, key: Key<'_>, row: &T) {
    // These rows are far below the limit of a row's size.
    if let Ok(bytes) = encode(row) {
        update.batch().put(key, &bytes);
    }
}

fn count(people: usize) -> u32 {
    u32::try_from(people).unwrap_or(u32::MAX)
}

/// Changes a group and its participants, which are `None` if they are not known.
fn apply(change: &GroupChange, group: &mut Group, people: &mut Option<Vec<Participant>>) {
    let among = |one: &Contact| change.people.iter().any(|it| it.is_same(one));
    match &change.change {
        Kind::Name => group.name.clone_from(&change.text),
        Kind::Description => group.description.clone_from(&change.text),
        Kind::Announce => group.announce = change.enabled,
        Kind::Locked => group.locked = change.enabled,
        Kind::JoinApproval => group.join_approval = change.enabled,
        Kind::AdminsAdd => group.admins_add = Some(change.enabled),
        Kind::Timer => group.disappears_after = change.disappears_after,
        Kind::Promoted | Kind::Demoted => {
            let role = match change.change {
                Kind::Promoted => GroupRole::Admin,
                _ => GroupRole::Member,
            };
            let changed = people.iter_mut().flatten();
            for one in changed.filter(|one| among(&one.contact)) {
                one.role = role;
            }
        }
        Kind::Added | Kind::Joined => match people {
            Some(people) => {
                for contact in &change.people {
                    if !people.iter().any(|one| one.contact.is_same(contact)) {
                        people.push(Participant {
                            contact: contact.clone(),
                            role: GroupRole::Member,
                        });
                    }
                }
            }
            None => group.size = group.size.saturating_add(count(change.people.len())),
        },
        Kind::Removed | Kind::Left => match people {
            Some(people) => people.retain(|one| !among(&one.contact)),
            None => group.size = group.size.saturating_sub(count(change.people.len())),
        },
        // Which participant has a new address is not known.
        Kind::NumberChanged => *people = None,
        Kind::Picture
        | Kind::InviteReset
        | Kind::Created
        | Kind::Deleted
        | Kind::JoinRequested
        | Kind::JoinRequestClosed
        | Kind::Other(_) => {}
    }
    if people
        .as_ref()
        .is_some_and(|it| it.len() > MAX_PARTICIPANTS)
    {
        *people = None;
    }
    if let Some(people) = people {
        group.size = count(people.len());
    }
}

#[cfg(test)]
mod tests {
    use openclaw_state::vault::trial::Volume;
    use openclaw_types::{MessageId, Origin};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn lid(n: usize) -> Contact {
        Contact::of_jid(&format!("{n}@lid"))
    }

    fn member(n: usize) -> Participant {
        Participant {
            contact: lid(n),
            role: GroupRole::Member,
        }
    }

    fn group(n: usize) -> Group {
        Group {
            participants: vec![member(1), member(2)],
            known_at: Some(at(1_000)),
            size: 2,
            ..Group::named(
                ChatId::of_jid(&format!("1203630000{n:08}@g.us")),
                "Site".into(),
            )
        }
    }

    #[test]
    fn a_list_that_has_no_room_is_not_complete() {
        let volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        let groups: Vec<Group> = (0..MAX_ROWS / 2).map(group).collect();
        store.keep_groups(&groups);
        assert!(store.groups_listed());
        let more: Vec<Group> = (0..=MAX_ROWS / 2).map(group).collect();
        store.keep_groups(&more);
        assert!(!store.groups_listed());
        let others: Vec<Group> = (5_000..5_001).map(group).collect();
        store.keep_groups(&others);
        assert!(store.groups_listed());
        assert_eq!(store.known_groups().0.len(), 1);
    }

    #[test]
    fn a_change_in_the_far_future_is_not_older() {
        let last = SystemTime::UNIX_EPOCH + Duration::from_secs(i64::MAX.unsigned_abs());
        assert!(!is_older(last, Some(at(1))));
        assert!(is_older(at(1), Some(at(1_000))));
        assert!(!is_older(at(1), None));
    }

    fn change(kind: Kind, people: &[usize], text: &str, seconds: u64) -> GroupChange {
        GroupChange {
            origin: Origin {
                id: MessageId::new("1-0"),
                chat: group(1).id,
                sender: lid(1),
                push_name: String::new(),
                sent_at: at(seconds),
                from_me: false,
                group: true,
                offline: false,
                bypassed: false,
                recovered: false,
            },
            change: kind,
            people: people.iter().map(|one| lid(*one)).collect(),
            text: text.into(),
            enabled: true,
            disappears_after: 86_400,
        }
    }

    fn users(group: &Group) -> Vec<&str> {
        let people = group.participants.iter();
        people
            .filter_map(|one| Some(one.contact.lid.as_ref()?.user()))
            .collect()
    }

    #[tokio::test]
    async fn changes_are_applied_and_survive_a_restart() {
        let mut volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        store.keep_groups(&[group(1), group(2)]);
        for change in [
            change(Kind::Name, &[], "Site 4", 1_010),
            change(Kind::Added, &[3, 2], "", 1_010),
            change(Kind::Removed, &[1], "", 1_010),
            change(Kind::Promoted, &[3], "", 1_010),
            change(Kind::Timer, &[], "", 1_010),
            // Older than what WhatsApp has described.
            change(Kind::Name, &[], "Old", 900),
        ] {
            store.change_group(&change);
        }
        volume.vault.flush().await;
        volume.reopen();
        let store = Store::new(volume.vault.clone());
        let known = store.known_group(&group(1).id).unwrap();
        assert_eq!((known.name.as_str(), known.size), ("Site 4", 2));
        assert_eq!(users(&known), ["2", "3"]);
        assert_eq!(known.participants[1].role, GroupRole::Admin);
        assert_eq!(known.disappears_after, 86_400);
        assert_eq!(store.group_name(group(1).id.jid()).unwrap(), "Site 4");
        let (listed, complete) = store.known_groups();
        assert_eq!((listed.len(), complete), (2, true));
        assert!(listed.iter().all(|group| group.participants.is_empty()));
    }

    #[tokio::test]
    async fn a_list_forgets_groups_that_are_not_in_it_and_a_new_group_makes_it_incomplete() {
        let volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        store.keep_groups(&[group(1), group(2)]);
        store.keep_groups(&[group(2)]);
        assert!(store.group_name(group(1).id.jid()).is_none());
        store.change_group(&change(Kind::Created, &[], "New", 1_010));
        assert_eq!(store.group_name(group(1).id.jid()).unwrap(), "New");
        assert!(!store.known_groups().1);
        assert!(store.known_group(&group(1).id).is_none());
        store.change_group(&change(Kind::Deleted, &[], "", 1_010));
        assert!(store.known_groups().1);
        store.change_group(&change(Kind::Name, &[], "Unknown", 1_010));
        assert!(!store.known_groups().1);
    }

    #[tokio::test]
    async fn a_group_that_is_not_described_has_the_timer_of_its_last_change() {
        let volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        for (kind, seconds, timer) in [
            (Kind::Created, 604_800, Some(604_800)),
            (Kind::Timer, 86_400, Some(86_400)),
            (Kind::Timer, 0, None),
        ] {
            store.change_group(&GroupChange {
                disappears_after: seconds,
                ..change(kind, &[], "New", 1_010)
            });
            assert_eq!(store.timer(&group(1).id), timer);
        }
    }

    #[tokio::test]
    async fn rows_are_bounded() {
        let volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        let many: Vec<_> = (0..MAX_ROWS).map(group).collect();
        store.keep_groups(&many);
        assert_eq!(store.known_groups().0.len(), MAX_ROWS / 2);
        let mut large = group(1);
        large.participants = (0..=MAX_PARTICIPANTS).map(member).collect();
        store.keep_group(&large);
        assert!(store.known_group(&large.id).is_none());
        let (listed, _) = store.known_groups();
        let size = listed.iter().find(|it| it.id == large.id).unwrap().size;
        assert_eq!(size, count(MAX_PARTICIPANTS + 1));
    }
}
