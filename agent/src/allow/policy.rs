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
mod tests;
