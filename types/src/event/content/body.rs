//! The kinds of content, in one table, and what each of them answers. One that does not answer does not compile.

use serde::{Deserialize, Serialize};

use super::{Media, Other, Vote};
use crate::event::Target;
#[cfg(any(test, feature = "samples"))]
use crate::event::samples;

/// What every kind of content answers for itself.
pub(super) trait Kind {
    /// Its name, where it has another than the table says.
    fn name<'a>(&'a self, table: &'a str) -> &'a str {
        table
    }

    /// The text or the caption.
    fn text(&self) -> &str {
        ""
    }

    /// The message that it is about.
    fn target(&self) -> Option<&Target> {
        None
    }

    fn target_mut(&mut self) -> Option<&mut Target> {
        None
    }

    /// How much memory it holds beside itself, roughly.
    fn heap_bytes(&self) -> usize;

    /// Some of it, with every field set.
    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self>
    where
        Self: Sized;
}

/// The variant, what it holds, its name in counters, filters and logs, its name on disk.
macro_rules! bodies {
    ($($(#[$doc:meta])+ $variant:ident($holds:ty) = $name:literal, $stored:literal;)+) => {
        /// The kinds of content. Volumes hold the names.
        #[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub enum Body {
            $(
                $(#[$doc])+
                #[serde(rename = $stored)]
                $variant($holds),
            )+
            /// What pictures and videos belong to that name it as their album.
            #[serde(rename = "album")]
            Album,
            /// Of an edit: encrypted with a secret that the agent does not have.
            #[serde(rename = "sealed")]
            Sealed,
            /// Of a kind that a later version wrote.
            #[default]
            #[serde(rename = "unknown")]
            Unknown,
        }

        impl Body {
            /// What it is, in one word.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant(kind) => kind.name($name),)+
                    Self::Album => "album",
                    Self::Sealed => "sealed",
                    Self::Unknown => "unknown",
                }
            }

            /// The text or the caption; empty for content without any.
            #[must_use]
            pub fn text(&self) -> &str {
                match self {
                    $(Self::$variant(kind) => kind.text(),)+
                    Self::Album | Self::Sealed | Self::Unknown => "",
                }
            }

            /// The message that it is about, where it is about one.
            #[must_use]
            pub fn target(&self) -> Option<&Target> {
                match self {
                    $(Self::$variant(kind) => kind.target(),)+
                    Self::Album | Self::Sealed | Self::Unknown => None,
                }
            }

            /// The same, for a change.
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

            /// One of each at least, but for what only an edit is.
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
    /// A place on earth.
    Location(Location) = "location", "place";
    /// Contact cards, by the names on them.
    Contacts(Vec<String>) = "contacts", "cards";
    /// A question with answers to choose from.
    Poll(Poll) = "poll", "poll";
    /// A calendar event.
    CalendarEvent(CalendarEvent) = "calendar_event", "event";
    /// An invitation to a group.
    GroupInvite(GroupInvite) = "group_invite", "invite";
    /// The answer to buttons or a list.
    Choice(Choice) = "choice", "choice";
    /// A vote in a poll.
    PollVote(Box<Vote>) = "poll_vote", "vote";
    /// This message is pinned.
    Pin(Box<Target>) = "pin", "pin";
    /// This message is no longer pinned.
    Unpin(Box<Target>) = "unpin", "unpin";
    /// The chat's new timer in seconds; 0 turns it off.
    TimerChange(u32) = "timer_change", "timer";
    /// Everything else, by its name.
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

impl Kind for Vec<String> {
    fn heap_bytes(&self) -> usize {
        self.iter()
            .map(|name| name.capacity() + size_of::<String>())
            .sum()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![vec!["swordfish".into()]]
    }
}

/// A place on earth.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Location {
    /// Latitude in millionths of a degree.
    #[serde(rename = "a", default)]
    pub latitude_e6: i32,
    /// Longitude in millionths of a degree.
    #[serde(rename = "o", default)]
    pub longitude_e6: i32,
    /// Its name and address, as its sender says.
    #[serde(rename = "n", default)]
    pub name: String,
    /// It moves.
    #[serde(rename = "l", default)]
    pub live: bool,
    /// The text below it.
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

/// A question with answers to choose from.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Poll {
    /// The question.
    #[serde(rename = "q", default)]
    pub question: String,
    /// The answers.
    #[serde(rename = "o", default)]
    pub options: Vec<String>,
    /// How many may be chosen; 0 for any number.
    #[serde(rename = "n", default)]
    pub selectable: u32,
}

impl Kind for Poll {
    fn text(&self) -> &str {
        &self.question
    }

    fn heap_bytes(&self) -> usize {
        self.question.capacity() + self.options.heap_bytes()
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
    /// Its name.
    #[serde(rename = "n", default)]
    pub title: String,
    /// What it is about.
    #[serde(rename = "t", default)]
    pub description: String,
    /// When it begins, in seconds since 1970; 0 when not known.
    #[serde(rename = "s", default)]
    pub starts_at: i64,
}

impl Kind for CalendarEvent {
    fn text(&self) -> &str {
        &self.description
    }

    fn heap_bytes(&self) -> usize {
        self.title.capacity() + self.description.capacity()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            title: "swordfish".into(),
            description: "swordfish".into(),
            starts_at: 1_800_000_000,
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
}

impl Kind for GroupInvite {
    fn text(&self) -> &str {
        &self.caption
    }

    fn heap_bytes(&self) -> usize {
        self.title.capacity() + self.caption.capacity()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            title: "swordfish".into(),
            caption: "swordfish".into(),
        }]
    }
}

/// The answer to buttons or a list.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Choice {
    /// The sender's own name for what was chosen.
    #[serde(rename = "i", default)]
    pub id: String,
    /// What it says.
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

/// Shows what it is, never text, names, numbers or keys.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
