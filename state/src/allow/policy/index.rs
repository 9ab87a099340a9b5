//! The rules, indexed: an entry is found by number, LID or group, however many there are.

use std::collections::HashMap;

use openclaw_types::{Lid, Phone};

use super::{Entry, EntryPlace, Mode, Rules, Sender, Verdict, VerdictReason, Who};

/// The rules and the entries added to them.
#[derive(Debug)]
pub struct Index {
    direct: Mode,
    group: Mode,
    people: Names,
    group_people: Option<Names>,
    groups: Option<Names>,
    added: Names,
}

/// The entries of a list, by address. If several have the same address, the first one applies.
#[derive(Debug, Default)]
struct Names {
    anyone: Option<EntryPlace>,
    phones: HashMap<Phone, EntryPlace>,
    lids: HashMap<Lid, EntryPlace>,
    groups: HashMap<String, EntryPlace>,
}

impl Index {
    /// Indexes these rules and the entries added to them.
    #[must_use]
    pub fn new(rules: &Rules, added: &[Entry]) -> Self {
        Self {
            direct: rules.direct,
            group: rules.group,
            people: Names::of(&rules.people),
            group_people: rules.group_people.as_deref().map(Names::of),
            groups: rules.groups.as_deref().map(Names::of),
            added: Names::of(added),
        }
    }

    /// Replaces the added entries.
    pub fn set_added(&mut self, added: &[Entry]) {
        self.added = Names::of(added);
    }

    /// The verdict on a message in a direct chat, or in this group.
    #[must_use]
    pub fn judge(&self, sender: &Sender<'_>, group: Option<&str>) -> Verdict {
        let none = Names::default();
        let (mode, people, added) = match group {
            None => (self.direct, &self.people, &self.added),
            Some(jid) => {
                if self.group == Mode::Disabled {
                    return Verdict::Drop(VerdictReason::Disabled);
                }
                if !self.knows_group(jid) {
                    return Verdict::Drop(VerdictReason::GroupNotListed);
                }
                match &self.group_people {
                    Some(people) => (self.group, people, &none),
                    None => (self.group, &self.people, &self.added),
                }
            }
        };
        match mode {
            Mode::Disabled => return Verdict::Drop(VerdictReason::Disabled),
            Mode::Open => return Verdict::Allow(VerdictReason::Open),
            Mode::Allowlist => {}
        }
        let listed = people.find(sender).or_else(|| added.find(sender));
        if let Some(place) = listed {
            return Verdict::Allow(VerdictReason::Listed(place));
        }
        // Another address of the sender may be listed: the number of a LID, or another spelling of a number.
        let could = !people.phones.is_empty()
            || !added.phones.is_empty()
            || (sender.lid.is_none() && !(people.lids.is_empty() && added.lids.is_empty()));
        if could && !sender.is_resolved {
            Verdict::Hold
        } else {
            Verdict::Drop(VerdictReason::NotListed)
        }
    }

    /// The origin of an entry in the lists that `openclawctl allow` adds to.
    #[must_use]
    pub fn place_of(&self, who: &Who) -> Option<EntryPlace> {
        let groups = self.groups.as_ref().and_then(|names| names.place_of(who));
        let listed = self.people.place_of(who).or(groups);
        listed.or_else(|| self.added.place_of(who))
    }

    /// All numbers in the lists of people. A number in two lists is yielded twice.
    pub fn numbers(&self) -> impl Iterator<Item = &Phone> {
        let people = self.people.phones.keys();
        let group_people = self.group_people.iter();
        let group_people = group_people.flat_map(|names| names.phones.keys());
        people.chain(self.added.phones.keys()).chain(group_people)
    }

    fn knows_group(&self, jid: &str) -> bool {
        let Some(groups) = &self.groups else {
            return true;
        };
        // `*` cannot be added at runtime, so the added entries need no check.
        groups.anyone.is_some()
            || groups.groups.contains_key(jid)
            || self.added.groups.contains_key(jid)
    }
}

impl Names {
    fn of(entries: &[Entry]) -> Self {
        let mut names = Self::default();
        names.phones.reserve(entries.len());
        for Entry { who, place } in entries {
            let place = *place;
            match who {
                Who::Anyone => drop(names.anyone.get_or_insert(place)),
                Who::Phone(phone) => drop(names.phones.entry(phone.clone()).or_insert(place)),
                Who::Lid(lid) => drop(names.lids.entry(lid.clone()).or_insert(place)),
                Who::Group(jid) => drop(names.groups.entry(jid.clone()).or_insert(place)),
            }
        }
        names.phones.shrink_to_fit();
        names
    }

    /// The first entry that matches the sender.
    fn find(&self, sender: &Sender<'_>) -> Option<EntryPlace> {
        let phones = sender.phones.iter();
        let phones = phones.filter_map(|phone| self.phones.get(phone));
        let lid = sender.lid.and_then(|lid| self.lids.get(lid));
        let found = phones.chain(lid).chain(&self.anyone).copied();
        found.min_by_key(|place| match place {
            EntryPlace::Line(line) => (0, *line),
            EntryPlace::Environment => (1, 0),
            EntryPlace::Added => (2, 0),
        })
    }

    fn place_of(&self, who: &Who) -> Option<EntryPlace> {
        match who {
            Who::Anyone => self.anyone,
            Who::Phone(phone) => self.phones.get(phone).copied(),
            Who::Lid(lid) => self.lids.get(lid).copied(),
            Who::Group(jid) => self.groups.get(jid).copied(),
        }
    }
}
