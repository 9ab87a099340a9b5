//! The rules, and what they say of a sender. Pure: what is known of numbers and LIDs is an argument.
//!
//! The words are OpenClaw's, and so is their meaning: a direct chat is judged by `dmPolicy` and `allowFrom`, a group
//! by `groups` first, then the one who writes in it by `groupPolicy` and `groupAllowFrom`.

mod index;

use std::fmt;

pub use self::index::Index;
use openclaw_types::{DropReason, Lid, Phone};

/// What a policy says of people who are not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are allowed.
    Open,
    /// They are not.
    Allowlist,
    /// No one is, named or not.
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
    /// Anyone who has this number, under whatever LID.
    Phone(Phone),
    /// Anyone who has this LID.
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
pub enum EntryPlace {
    /// In the file, on this line.
    Line(usize),
    /// In the environment's `WHATSAPP_ALLOW`, which the file does not mention.
    Environment,
    /// In the store: added while the agent ran.
    Added,
}

impl fmt::Display for EntryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Environment => f.write_str("WHATSAPP_ALLOW"),
            Self::Added => f.write_str("`allow add`"),
        }
    }
}

/// An allowed person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub who: Who,
    /// Said where.
    pub place: EntryPlace,
}

/// All rules about who is allowed.
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

/// A sender, by every name that is known of them: the message's own, and what was learnt before.
#[derive(Clone, Debug, Default)]
pub struct Sender<'a> {
    /// The numbers. WhatsApp spells some otherwise than people do (Brazil, Mexico, Argentina), so there may be several.
    pub phones: Vec<&'a Phone>,
    /// The LID.
    pub lid: Option<&'a Lid>,
    /// Whether it is certain that the sender has no other name in the rules.
    pub is_resolved: bool,
}

/// What is done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is reported.
    Allow(VerdictReason),
    /// It is not.
    Drop(VerdictReason),
    /// Who wrote it must be found out first.
    Hold,
}

/// Why a message is allowed or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictReason {
    /// There are no rules.
    NoRules,
    /// The account itself wrote it.
    Own,
    /// The policy is `open`.
    Open,
    /// An entry names the sender, or everyone.
    Listed(EntryPlace),
    /// The policy is `disabled`.
    Disabled,
    /// No entry names the sender.
    NotListed,
    /// No entry names the group.
    GroupNotListed,
    /// WhatsApp did not answer in time which of the numbers has the sender's LID.
    NotResolved,
    /// Too many messages wait for that already.
    TooManyHeld,
}

impl VerdictReason {
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

impl From<VerdictReason> for DropReason {
    fn from(reason: VerdictReason) -> Self {
        match reason {
            VerdictReason::Disabled => Self::Disabled,
            VerdictReason::NotListed => Self::NotListed,
            VerdictReason::GroupNotListed => Self::GroupNotListed,
            VerdictReason::NotResolved => Self::NotResolved,
            VerdictReason::TooManyHeld => Self::TooManyHeld,
            // Nothing is dropped for these.
            VerdictReason::NoRules
            | VerdictReason::Own
            | VerdictReason::Open
            | VerdictReason::Listed(_) => Self::Other(reason.name().to_owned()),
        }
    }
}

impl Rules {
    /// Rules that allow no one, for a file that says nothing.
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
}

#[cfg(test)]
mod tests;
