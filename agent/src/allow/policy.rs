//! The rules, and what they say of a sender. Pure: what is known of numbers and LIDs is an argument.
//!
//! The words are OpenClaw's, and so is their meaning: a direct chat is judged by `dmPolicy` and `allowFrom`, a group
//! by `groups` first, then the one who writes in it by `groupPolicy` and `groupAllowFrom`.

use std::fmt;

use crate::model::{Lid, Phone};

/// What a policy says of people who are not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are admitted.
    Open,
    /// They are not.
    Allowlist,
    /// Nobody is, named or not.
    Disabled,
}

impl Mode {
    /// In the file's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Allowlist => "allowlist",
            Self::Disabled => "disabled",
        }
    }
}

/// Whom an entry names.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// `*`
    Anyone,
    /// Whoever has this number, under whatever LID.
    Phone(Phone),
    /// Whoever has this LID.
    Lid(Lid),
    /// A group, by its whole JID.
    Group(String),
}

/// Numbers, and those in JIDs, stay inside.
impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anyone => "anyone",
            Self::Phone(_) => "phone",
            Self::Lid(_) => "lid",
            Self::Group(_) => "group",
        })
    }
}

/// As a person writes it: for the API and the store, never for a log.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("*"),
            Self::Phone(phone) => f.write_str(&phone.e164()),
            Self::Lid(lid) => f.write_str(&lid.jid()),
            Self::Group(jid) => f.write_str(jid),
        }
    }
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the file, on this line.
    Line(usize),
    /// In the environment's `WHATSAPP_ALLOW`, which the file does not mention.
    Environment,
    /// In the store: added while the agent ran.
    Added,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Environment => f.write_str("WHATSAPP_ALLOW"),
            Self::Added => f.write_str("`allow add`"),
        }
    }
}

/// Somebody who is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub who: Who,
    /// Said where.
    pub place: Place,
}

/// All that is said about who is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `dmPolicy`.
    pub direct: Mode,
    /// `groupPolicy`.
    pub group: Mode,
    /// `allowFrom`.
    pub people: Vec<Entry>,
    /// `groupAllowFrom`. Absent, `allowFrom` counts.
    pub group_people: Option<Vec<Entry>>,
    /// The keys of `groups`. Absent, every group counts.
    pub groups: Option<Vec<Entry>>,
    /// What a person should know of these rules, each with its line.
    pub remarks: Vec<String>,
}

/// A sender as far as the message, and what was learnt before, tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sender<'a> {
    /// The number.
    pub phone: Option<&'a Phone>,
    /// The LID.
    pub lid: Option<&'a Lid>,
    /// Whether it is certain that no number in the rules is behind this LID. True also without a LID.
    pub told_apart: bool,
}

/// What is done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is told.
    Admit(Because),
    /// It is not.
    Drop(Because),
    /// Who wrote it must be found out first.
    Hold,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// There are no rules.
    NoRules,
    /// The account itself wrote it.
    Own,
    /// The policy is `open`.
    Open,
    /// An entry names the sender, or everybody.
    Listed(Place),
    /// The policy is `disabled`.
    Disabled,
    /// No entry names the sender.
    NotListed,
    /// No entry names the group.
    GroupNotListed,
    /// WhatsApp did not tell in time which of the numbers has the sender's LID.
    NotResolved,
    /// Too many messages wait for that already.
    TooManyHeld,
}

impl Because {
    /// In one word, for programs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRules => "no_rules",
            Self::Own => "own",
            Self::Open => "open",
            Self::Listed(_) => "listed",
            Self::Disabled => "disabled",
            Self::NotListed => "not_listed",
            Self::GroupNotListed => "group_not_listed",
            Self::NotResolved => "not_resolved",
            Self::TooManyHeld => "too_many_held",
        }
    }
}

impl Rules {
    /// Rules that admit nobody, for a file that says nothing.
    #[must_use]
    pub const fn closed() -> Self {
        Self {
            direct: Mode::Allowlist,
            group: Mode::Allowlist,
            people: Vec::new(),
            group_people: None,
            groups: None,
            remarks: Vec::new(),
        }
    }

    /// What they say of a message in a direct chat, or in this group. `added` are entries beside the rules' own.
    #[must_use]
    pub fn judge(&self, sender: Sender<'_>, group: Option<&str>, added: &[Entry]) -> Verdict {
        let (mode, people, added_people) = match group {
            None => (self.direct, &self.people, added),
            Some(jid) => {
                if self.group == Mode::Disabled {
                    return Verdict::Drop(Because::Disabled);
                }
                if !self.knows_group(jid, added) {
                    return Verdict::Drop(Because::GroupNotListed);
                }
                match &self.group_people {
                    Some(people) => (self.group, people, &[][..]),
                    None => (self.group, &self.people, added),
                }
            }
        };
        match mode {
            Mode::Disabled => return Verdict::Drop(Because::Disabled),
            Mode::Open => return Verdict::Admit(Because::Open),
            Mode::Allowlist => {}
        }
        let entries = || people.iter().chain(added_people);
        if let Some(entry) = entries().find(|entry| entry.names(sender)) {
            return Verdict::Admit(Because::Listed(entry.place));
        }
        // Whoever tells a number has been judged by it, and a LID could only be that of a number.
        let decided = sender.phone.is_some()
            || sender.told_apart
            || !entries().any(|entry| matches!(entry.who, Who::Phone(_)));
        if decided {
            Verdict::Drop(Because::NotListed)
        } else {
            Verdict::Hold
        }
    }

    fn knows_group(&self, jid: &str, added: &[Entry]) -> bool {
        let Some(groups) = &self.groups else {
            return true;
        };
        let mut entries = groups.iter().chain(added);
        entries.any(|entry| match &entry.who {
            // Among those added, `*` is not: nobody can add it.
            Who::Anyone => true,
            Who::Group(group) => group == jid,
            Who::Phone(_) | Who::Lid(_) => false,
        })
    }

    /// Every number that people are admitted by, once each.
    #[must_use]
    pub fn numbers<'a>(&'a self, added: &'a [Entry]) -> Vec<&'a Phone> {
        let people = self.people.iter().chain(self.group_people.iter().flatten());
        let mut numbers = Vec::new();
        for entry in people.chain(added) {
            if let Who::Phone(phone) = &entry.who
                && !numbers.contains(&phone)
            {
                numbers.push(phone);
            }
        }
        numbers
    }
}

impl Entry {
    fn names(&self, sender: Sender<'_>) -> bool {
        match &self.who {
            Who::Anyone => true,
            Who::Phone(phone) => sender.phone == Some(phone),
            Who::Lid(lid) => sender.lid == Some(lid),
            Who::Group(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "120363000000000001@g.us";

    fn phone(digits: &str) -> Phone {
        digits.parse().unwrap()
    }

    fn entry(who: &str) -> Entry {
        let who = match who.split_once('@') {
            _ if who == "*" => Who::Anyone,
            Some((_, "g.us")) => Who::Group(who.to_owned()),
            Some((user, _)) => Who::Lid(Lid::new(user).unwrap()),
            None => Who::Phone(phone(who)),
        };
        let place = Place::Line(7);
        Entry { who, place }
    }

    fn entries(list: &str) -> Vec<Entry> {
        list.split_whitespace().map(entry).collect()
    }

    /// The shapes in which WhatsApp names one who is listed, and one who is not.
    struct Shapes {
        anna: Phone,
        anna_lid: Lid,
        bert: Phone,
        bert_lid: Lid,
    }

    impl Shapes {
        fn new() -> Self {
            Self {
                anna: phone("+15550100002"),
                anna_lid: Lid::new("100000000000002").unwrap(),
                bert: phone("+15550100003"),
                bert_lid: Lid::new("100000000000003").unwrap(),
            }
        }

        fn sender(&self, shape: &str) -> Sender<'_> {
            let (phone, lid, told_apart) = match shape {
                "anna" => (Some(&self.anna), None, true),
                "anna+lid" => (Some(&self.anna), Some(&self.anna_lid), false),
                "anna-lid" => (None, Some(&self.anna_lid), false),
                "bert" => (Some(&self.bert), None, true),
                "bert+lid" => (Some(&self.bert), Some(&self.bert_lid), false),
                "bert-lid" => (None, Some(&self.bert_lid), true),
                "lid?" => (None, Some(&self.bert_lid), false),
                "nobody" => (None, None, true),
                other => panic!("{other}"),
            };
            Sender {
                phone,
                lid,
                told_apart,
            }
        }
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Admit(_) => "admit",
            Verdict::Drop(because) => because.name(),
            Verdict::Hold => "hold",
        }
    }

    #[test]
    fn every_policy_judges_every_shape_of_a_sender() {
        let shapes = Shapes::new();
        let anna = "+15550100002";
        #[rustfmt::skip]
        let table = [
            // policy, listed,        anna      anna+lid  bert          bert+lid      bert-lid      lid?          nobody
            (Mode::Allowlist, anna,   ["admit", "admit", "not_listed", "not_listed", "not_listed", "hold",       "not_listed"]),
            (Mode::Allowlist, "",     ["not_listed", "not_listed", "not_listed", "not_listed", "not_listed", "not_listed", "not_listed"]),
            (Mode::Allowlist, "*",    ["admit", "admit", "admit",      "admit",      "admit",      "admit",      "admit"]),
            (Mode::Allowlist, "100000000000003@lid",
                                      ["not_listed", "not_listed", "not_listed", "admit",  "admit",      "admit",      "not_listed"]),
            (Mode::Open, "",          ["admit", "admit", "admit",      "admit",      "admit",      "admit",      "admit"]),
            (Mode::Disabled, anna,    ["disabled"; 7]),
            (Mode::Disabled, "*",     ["disabled"; 7]),
        ];
        let order = [
            "anna", "anna+lid", "bert", "bert+lid", "bert-lid", "lid?", "nobody",
        ];
        for (mode, listed, expected) in table {
            let direct = Rules {
                direct: mode,
                people: entries(listed),
                ..Rules::closed()
            };
            let group = Rules {
                group: mode,
                group_people: Some(entries(listed)),
                ..Rules::closed()
            };
            for (shape, expected) in order.into_iter().zip(expected) {
                let sender = shapes.sender(shape);
                let said = direct.judge(sender, None, &[]);
                assert_eq!(word(&said), expected, "{mode:?} {listed:?} {shape}");
                let said = group.judge(sender, Some(GROUP), &[]);
                assert_eq!(word(&said), expected, "group {mode:?} {listed:?} {shape}");
            }
        }
    }

    #[test]
    fn a_group_is_judged_before_who_writes_in_it() {
        let shapes = Shapes::new();
        let other = "120363000000000002@g.us";
        let table = [
            (None, "admit", "admit"),
            (Some("*"), "admit", "admit"),
            (Some(GROUP), "admit", "group_not_listed"),
            (Some(""), "group_not_listed", "group_not_listed"),
        ];
        for (groups, here, there) in table {
            for mode in [Mode::Allowlist, Mode::Open] {
                let rules = Rules {
                    group: mode,
                    people: entries("+15550100002"),
                    groups: groups.map(entries),
                    ..Rules::closed()
                };
                let say = |jid| word(&rules.judge(shapes.sender("anna"), Some(jid), &[]));
                assert_eq!((say(GROUP), say(other)), (here, there), "{groups:?}");
            }
        }
    }

    #[test]
    fn in_groups_the_list_of_direct_chats_counts_until_they_have_their_own() {
        let shapes = Shapes::new();
        let mut rules = Rules {
            people: entries("+15550100002"),
            ..Rules::closed()
        };
        let added = entries("+15550100003");
        let say = |rules: &Rules, shape| {
            word(&rules.judge(shapes.sender(shape), Some(GROUP), &added)).to_owned()
        };
        assert_eq!(say(&rules, "anna"), "admit");
        assert_eq!(say(&rules, "bert"), "admit");
        rules.group_people = Some(Vec::new());
        assert_eq!(say(&rules, "anna"), "not_listed");
        assert_eq!(say(&rules, "bert"), "not_listed");
    }

    #[test]
    fn what_is_added_counts_beside_the_file_and_is_told_as_such() {
        let shapes = Shapes::new();
        let rules = Rules::closed();
        let added = entries("+15550100003")
            .into_iter()
            .map(|entry| Entry {
                place: Place::Added,
                ..entry
            })
            .collect::<Vec<_>>();
        let said = rules.judge(shapes.sender("bert"), None, &added);
        assert_eq!(said, Verdict::Admit(Because::Listed(Place::Added)));
        let said = rules.judge(shapes.sender("lid?"), None, &added);
        assert_eq!(said, Verdict::Hold);
    }

    #[test]
    fn each_number_is_asked_for_once() {
        let rules = Rules {
            people: entries("+15550100002 *"),
            group_people: Some(entries("+15550100002 +15550100003")),
            ..Rules::closed()
        };
        let added = entries("+15550100003");
        assert_eq!(rules.numbers(&added).len(), 2);
    }
}
