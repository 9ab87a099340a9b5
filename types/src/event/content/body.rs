//! The kinds of content, in one table. Each kind implements the trait `Kind`, which the compiler enforces.

use serde::{Deserialize, Serialize};

use super::stored::StoredCard;
use super::{Media, Other, Vote};
use crate::event::Target;
#[cfg(any(test, feature = "samples"))]
use crate::event::samples;

/// The properties of a kind of content.
pub(super) trait Kind {
    /// The name, if it is not the one in the table.
    fn name<'a>(&'a self, table: &'a str) -> &'a str {
        table
    }

    /// The text or caption.
    fn text(&self) -> &str {
        ""
    }

    /// The message that it refers to.
    fn target(&self) -> Option<&Target> {
        None
    }

    fn target_mut(&mut self) -> Option<&mut Target> {
        None
    }

    /// The approximate size of its heap allocations.
    fn heap_bytes(&self) -> usize;

    /// Samples with every field set.
    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self>
    where
        Self: Sized;
}

/// For each kind: the variant, its data, its name in counters, filters and logs, its name on disk.
macro_rules! bodies {
    ($($(#[$doc:meta])+ $variant:ident($holds:ty) = $name:literal, $stored:literal;)+) => {
        /// The kinds of content. The names are stored on disk.
        #[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub enum Body {
            $(
                $(#[$doc])+
                #[serde(rename = $stored)]
                $variant($holds),
            )+
            /// The message that announces an album; its pictures and videos refer to it.
            #[serde(rename = "album")]
            Album,
            /// The content of an edit that is encrypted with a secret the agent does not have.
            #[serde(rename = "sealed")]
            Sealed,
            /// A kind that a later version wrote.
            #[default]
            #[serde(rename = "unknown")]
            Unknown,
        }

        impl Body {
            /// The kind as a single word.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant(kind) => kind.name($name),)+
                    Self::Album => "album",
                    Self::Sealed => "sealed",
                    Self::Unknown => "unknown",
                }
            }

            /// The text or caption; empty if there is none.
            #[must_use]
            pub fn text(&self) -> &str {
                match self {
                    $(Self::$variant(kind) => kind.text(),)+
                    Self::Album | Self::Sealed | Self::Unknown => "",
                }
            }

            /// The message that it refers to, if any.
            #[must_use]
            pub fn target(&self) -> Option<&Target> {
                match self {
                    $(Self::$variant(kind) => kind.target(),)+
                    Self::Album | Self::Sealed | Self::Unknown => None,
                }
            }

            /// The message that it refers to, mutable.
            pub fn target_mut(&mut self) -> Option<&mut Target> {
                match self {
                    $(Self::$variant(kind) => kind.target_mut(),)+
                    Self::Album | Self::Sealed | Self::Unknown => None,
                }
            }

            pub(super) fn heap_bytes(&self) -> usize {
                match self {
                    $(Self::$variant(kind) => kind.heap_bytes(),)+
                    Self::Album | Self::Sealed | Self::Unknown => 0,
                }
            }

            /// At least one sample of each kind, except those that only edits have.
            #[cfg(any(test, feature = "samples"))]
            pub(crate) fn samples() -> Vec<Self> {
                let mut all = vec![Self::Album, Self::Unknown];
                $(all.extend(<$holds>::samples().into_iter().map(Self::$variant));)+
                all
            }
        }
    };
}

bodies! {
    /// A text.
    Text(String) = "text", "text";
    /// A file.
    Media(Box<Media>) = "media", "media";
    /// A geographic location.
    Location(Location) = "location", "place";
    /// Contact cards.
    Contacts(Vec<ContactCard>) = "contacts", "cards";
    /// A poll.
    Poll(Poll) = "poll", "poll";
    /// A calendar event.
    CalendarEvent(CalendarEvent) = "calendar_event", "event";
    /// An invitation to a group.
    GroupInvite(GroupInvite) = "group_invite", "invite";
    /// Buttons or a list to choose from.
    Choices(Choices) = "choices", "choices";
    /// The answer to a message with buttons or a list.
    Choice(Choice) = "choice", "choice";
    /// A vote in a poll.
    PollVote(Box<Vote>) = "poll_vote", "vote";
    /// A message was pinned.
    Pin(Box<Target>) = "pin", "pin";
    /// A message was unpinned.
    Unpin(Box<Target>) = "unpin", "unpin";
    /// The chat's new disappearing-message timer in seconds; 0 turns it off.
    TimerChange(u32) = "timer_change", "timer";
    /// Any other content, by its name.
    Other(Other) = "other", "other";
}

impl Kind for String {
    fn text(&self) -> &str {
        self
    }

    fn heap_bytes(&self) -> usize {
        self.capacity()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec!["swordfish".into()]
    }
}

/// A contact card.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "StoredCard")]
pub struct ContactCard {
    /// The name on it.
    #[serde(rename = "n")]
    pub name: String,
    /// The phone numbers on it, as written there.
    #[serde(rename = "p", skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<String>,
}

impl Kind for Vec<ContactCard> {
    fn heap_bytes(&self) -> usize {
        let bytes = |card: &ContactCard| card.name.capacity() + texts_bytes(&card.phones);
        self.iter()
            .map(|card| bytes(card) + size_of::<ContactCard>())
            .sum()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![vec![ContactCard {
            name: "swordfish".into(),
            phones: vec!["+15550100123".into()],
        }]]
    }
}

pub(super) fn texts_bytes(texts: &[String]) -> usize {
    let bytes = texts
        .iter()
        .map(|text| text.capacity() + size_of::<String>());
    bytes.sum()
}

/// A geographic location.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Location {
    /// Latitude in millionths of a degree.
    #[serde(rename = "a", default)]
    pub latitude_e6: i32,
    /// Longitude in millionths of a degree.
    #[serde(rename = "o", default)]
    pub longitude_e6: i32,
    /// Name and address, as reported by the sender.
    #[serde(rename = "n", default)]
    pub name: String,
    /// A live location, which is updated.
    #[serde(rename = "l", default)]
    pub live: bool,
    /// The caption.
    #[serde(rename = "c", default, skip_serializing_if = "String::is_empty")]
    pub caption: String,
}

impl Kind for Location {
    fn text(&self) -> &str {
        &self.caption
    }

    fn heap_bytes(&self) -> usize {
        self.name.capacity() + self.caption.capacity()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            latitude_e6: -36_848_461,
            longitude_e6: 174_763_336,
            name: "swordfish".into(),
            live: true,
            caption: "swordfish".into(),
        }]
    }
}

/// A poll.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Poll {
    /// The question.
    #[serde(rename = "q", default)]
    pub question: String,
    /// The answers.
    #[serde(rename = "o", default)]
    pub options: Vec<String>,
    /// The maximum number of options that may be selected; 0 for no limit.
    #[serde(rename = "n", default)]
    pub selectable: u32,
}

impl Kind for Poll {
    fn text(&self) -> &str {
        &self.question
    }

    fn heap_bytes(&self) -> usize {
        self.question.capacity() + texts_bytes(&self.options)
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            question: "swordfish?".into(),
            options: vec!["swordfish".into(), "no".into()],
            selectable: 1,
        }]
    }
}

/// A calendar event.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CalendarEvent {
    /// Its title.
    #[serde(rename = "n", default)]
    pub title: String,
    /// Its description.
    #[serde(rename = "t", default)]
    pub description: String,
    /// Its start, in seconds since 1970; 0 if unknown.
    #[serde(rename = "s", default)]
    pub starts_at: i64,
    /// Its end, in seconds since 1970; 0 if unknown.
    #[serde(rename = "e", default)]
    pub ends_at: i64,
    /// Where it takes place; empty if unknown.
    #[serde(rename = "p", default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The link to join the call; empty if there is none.
    #[serde(rename = "l", default, skip_serializing_if = "String::is_empty")]
    pub join_link: String,
    /// It was cancelled.
    #[serde(rename = "x", default)]
    pub cancelled: bool,
}

impl Kind for CalendarEvent {
    fn text(&self) -> &str {
        &self.description
    }

    fn heap_bytes(&self) -> usize {
        let texts = [&self.title, &self.description, &self.place, &self.join_link];
        texts.map(String::capacity).iter().sum()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            title: "swordfish".into(),
            description: "swordfish".into(),
            starts_at: 1_800_000_000,
            ends_at: 1_800_003_600,
            place: "swordfish".into(),
            join_link: "https://swordfish".into(),
            cancelled: true,
        }]
    }
}

/// An invitation to a group.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GroupInvite {
    /// The group's name.
    #[serde(rename = "n", default)]
    pub title: String,
    /// The text of the invitation.
    #[serde(rename = "c", default)]
    pub caption: String,
    /// The group's JID; empty if unknown.
    #[serde(rename = "g", default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The code with which it is accepted; empty if unknown.
    #[serde(rename = "k", default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// When the code expires, in seconds since 1970; 0 if unknown.
    #[serde(rename = "e", default)]
    pub expires_at: i64,
}

impl Kind for GroupInvite {
    fn text(&self) -> &str {
        &self.caption
    }

    fn heap_bytes(&self) -> usize {
        let texts = [&self.title, &self.caption, &self.group, &self.code];
        texts.map(String::capacity).iter().sum()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            title: "swordfish".into(),
            caption: "swordfish".into(),
            group: "120363000000000001@g.us".into(),
            code: "swordfish".into(),
            expires_at: 1_800_000_000,
        }]
    }
}

/// Buttons or a list to choose from.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Choices {
    /// The text above them.
    #[serde(rename = "t", default)]
    pub text: String,
    /// The options.
    #[serde(rename = "o", default)]
    pub options: Vec<Choice>,
}

impl Kind for Choices {
    fn text(&self) -> &str {
        &self.text
    }

    fn heap_bytes(&self) -> usize {
        let bytes = |option: &Choice| option.heap_bytes() + size_of::<Choice>();
        self.text.capacity() + self.options.iter().map(bytes).sum::<usize>()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            text: "swordfish".into(),
            options: Choice::samples(),
        }]
    }
}

/// The answer to a message with buttons or a list.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Choice {
    /// The id that the sender gave to the selected option.
    #[serde(rename = "i", default)]
    pub id: String,
    /// The displayed text of the option.
    #[serde(rename = "t", default)]
    pub text: String,
}

impl Kind for Choice {
    fn text(&self) -> &str {
        &self.text
    }

    fn heap_bytes(&self) -> usize {
        self.id.capacity() + self.text.capacity()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            id: "swordfish".into(),
            text: "swordfish".into(),
        }]
    }
}

impl Kind for Box<Target> {
    fn target(&self) -> Option<&Target> {
        Some(self)
    }

    fn target_mut(&mut self) -> Option<&mut Target> {
        Some(self)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Target>()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![samples::target()]
    }
}

impl Kind for u32 {
    fn heap_bytes(&self) -> usize {
        0
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![86_400]
    }
}

/// Shows the kind, never text, names, numbers or keys.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
