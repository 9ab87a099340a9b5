//! The rules, and their verdict on a sender. Pure: the known numbers and LIDs are arguments.
//!
//! Names and semantics are OpenClaw's: a direct chat is judged by `dmPolicy` and `allowFrom`; a group first by
//! `groups`, then its sender by `groupPolicy` and `groupAllowFrom`. `allowTo` is the agent's own: the recipients that
//! the account may write to.

mod index;

use std::fmt;

pub use self::index::Index;
use openclaw_types::{DropReason, Lid, Phone, Recipient};

use crate::send_to::SendTo;

/// How a policy treats senders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All senders are allowed.
    Open,
    /// Only listed senders are allowed.
    Allowlist,
    /// No sender is allowed, listed or not.
    Disabled,
}

impl Mode {
    /// The name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Allowlist => "allowlist",
            Self::Disabled => "disabled",
        }
    }
}

/// The person or group of an entry.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// `*`
    Anyone,
    /// Everyone with this number, whatever their LID.
    Phone(Phone),
    /// Everyone with this LID.
    Lid(Lid),
    /// A group, by its full JID.
    Group(String),
}

/// Hides numbers, and JIDs that contain them.
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

/// The origin of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryPlace {
    /// A line of the file.
    Line(usize),
    /// The environment variable `WHATSAPP_ALLOW`.
    Environment,
    /// The store: added at runtime.
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
    /// The person or group.
    pub who: Who,
    /// The origin.
    pub place: EntryPlace,
}

/// All rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `dmPolicy`.
    pub direct: Mode,
    /// `groupPolicy`.
    pub group: Mode,
    /// `allowFrom`.
    pub people: Vec<Entry>,
    /// `groupAllowFrom`. If absent, `allowFrom` applies.
    pub group_people: Option<Vec<Entry>>,
    /// The keys of `groups`. If absent, all groups are allowed.
    pub groups: Option<Vec<Entry>>,
    /// `allowTo`. If absent, the account may write to anyone.
    pub to: Option<Recipients>,
    /// Notes about these rules for a person, each with its line.
    pub remarks: Vec<String>,
}

/// `allowTo`: the recipients that the account may write to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients {
    /// Where `known` is, if it is: chats from which the journal has a message.
    pub known: Option<EntryPlace>,
    /// The people and groups.
    pub entries: Vec<Entry>,
}

impl Recipients {
    /// The limit for sends. `None` if `*` allows everyone.
    #[must_use]
    pub fn limit(&self) -> Option<SendTo> {
        let recipients = self.entries.iter().map(|entry| match &entry.who {
            Who::Anyone => None,
            Who::Phone(phone) => Some(Recipient::Phone(phone.clone())),
            Who::Lid(lid) => Some(Recipient::Lid(lid.clone())),
            Who::Group(jid) => Recipient::of_address(jid),
        });
        Some(SendTo {
            known: self.known.is_some(),
            recipients: recipients.collect::<Option<_>>()?,
        })
    }
}

/// A sender with all known addresses: those of the message, and those learnt earlier.
#[derive(Clone, Debug, Default)]
pub struct Sender<'a> {
    /// The numbers. There may be several, because WhatsApp spells some differently than people do (Brazil, Mexico,
    /// Argentina).
    pub phones: Vec<&'a Phone>,
    /// The LID.
    pub lid: Option<&'a Lid>,
    /// True if it is certain that the sender has no other address in the rules.
    pub is_resolved: bool,
}

/// What happens to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is journaled.
    Allow(VerdictReason),
    /// It is dropped.
    Drop(VerdictReason),
    /// The sender must be resolved first.
    Hold,
}

/// Why a message is allowed or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictReason {
    /// There are no rules.
    NoRules,
    /// The account itself is the sender.
    Own,
    /// The policy is `open`.
    Open,
    /// An entry matches the sender, or `*` does.
    Listed(EntryPlace),
    /// The policy is `disabled`.
    Disabled,
    /// No entry matches the sender.
    NotListed,
    /// No entry matches the group.
    GroupNotListed,
    /// WhatsApp did not report in time which number belongs to the sender's LID.
    NotResolved,
    /// Too many messages are held already.
    TooManyHeld,
}

impl VerdictReason {
    /// A single word, for programs and metrics.
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
            // These reasons never drop a message.
            VerdictReason::NoRules
            | VerdictReason::Own
            | VerdictReason::Open
            | VerdictReason::Listed(_) => Self::Other(reason.name().to_owned()),
        }
    }
}

impl Rules {
    /// Rules that allow no one, for a file without rules.
    #[must_use]
    pub const fn closed() -> Self {
        Self {
            direct: Mode::Allowlist,
            group: Mode::Allowlist,
            people: Vec::new(),
            group_people: None,
            groups: None,
            to: None,
            remarks: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
