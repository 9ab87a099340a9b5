//! The kinds of events, in one table, and sets of them for filters.

use serde::{Deserialize, Serialize};

use super::part::Part;

/// Calls a macro with the kinds of events, one per line: the variant, its data, its name in filters, counters and logs,
/// its name on disk.
#[macro_export]
macro_rules! for_each_kind {
    ($callback:ident) => {
        $callback! {
            /// A message arrived.
            Message(Box<$crate::Message>) = "message", "msg";
            /// Outgoing messages were delivered or read.
            Receipt($crate::Receipt) = "receipt", "rcpt";
            /// The link changed its state.
            Link(Box<$crate::Link>) = "link", "link";
            /// An outgoing message changed its state.
            Outcome($crate::SendOutcome) = "outcome", "send";
            /// A message arrived that could not be decrypted.
            Undecryptable($crate::Undecryptable) = "undecryptable", "undec";
            /// A message was changed by its author.
            Edit(Box<$crate::Edit>) = "edit", "edit";
            /// A message was deleted for everyone.
            Deletion(Box<$crate::Deletion>) = "deletion", "del";
            /// Someone reacted to a message, or removed a reaction.
            Reaction(Box<$crate::Reaction>) = "reaction", "react";
            /// A message was acknowledged to WhatsApp and may be lost.
            Lost($crate::Lost) = "lost", "lost";
            /// A message arrived from a sender who is not allowed.
            Dropped($crate::Dropped) = "dropped", "drop";
            /// A change arrived from a person who may not make it.
            Rejected(Box<$crate::Rejected>) = "rejected", "rej";
            /// A group was changed.
            GroupChange(Box<$crate::GroupChange>) = "group_change", "grp";
            /// A person calls the account, or a call ended.
            Call(Box<$crate::Call>) = "call", "call";
        }
    };
}

macro_rules! kinds {
    ($($(#[$doc:meta])+ $variant:ident($holds:ty) = $name:literal, $stored:literal;)+) => {
        /// The data of an event.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub enum EventData {
            $(
                $(#[$doc])+
                #[serde(rename = $stored)]
                $variant($holds),
            )+
            /// Written by a later version, or damaged. Nothing but its position and time is known.
            #[default]
            #[serde(rename = "unknown")]
            Unknown,
        }

        /// The kinds of events, for filters and counters.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind {
            $(
                $(#[$doc])+
                $variant,
            )+
            /// Written by a later version, or damaged.
            Unknown,
        }

        impl Kind {
            /// All kinds, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+ Self::Unknown];

            /// The kind's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown => "unknown",
                }
            }
        }

        impl EventData {
            /// The kind of the event.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant(_) => Kind::$variant,)+
                    Self::Unknown => Kind::Unknown,
                }
            }

            pub(super) fn part(&self) -> Option<&dyn Part> {
                match self {
                    $(Self::$variant(part) => Some(part),)+
                    Self::Unknown => None,
                }
            }

            pub(super) fn part_mut(&mut self) -> Option<&mut dyn Part> {
                match self {
                    $(Self::$variant(part) => Some(part),)+
                    Self::Unknown => None,
                }
            }
        }

        /// At least one sample of each kind, with every field set.
        #[cfg(any(test, feature = "samples"))]
        #[must_use]
        pub fn every_event_data() -> Vec<EventData> {
            let mut all = vec![EventData::Unknown];
            $(all.extend(<$holds>::samples().into_iter().map(EventData::$variant));)+
            all
        }
    };
}

for_each_kind!(kinds);

/// A set of event kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindSet(u64);

const _: () = assert!(Kind::ALL.len() < 64, "a set has one bit per kind");

impl Default for KindSet {
    fn default() -> Self {
        Self::ALL
    }
}

impl KindSet {
    /// All kinds.
    pub const ALL: Self = Self(u64::MAX);

    /// The set of these kinds; all kinds if there are none.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let bits = kinds
            .into_iter()
            .fold(0, |bits, kind| bits | 1 << kind as u64);
        if bits == 0 { Self::ALL } else { Self(bits) }
    }

    /// Returns true if the set contains this kind. [`Kind::Unknown`] is in every set, because it may be any kind.
    #[must_use]
    pub const fn contains(self, kind: Kind) -> bool {
        matches!(kind, Kind::Unknown) || self.0 & 1 << kind as u64 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_filter_means_every_kind() {
        assert_eq!(KindSet::of([]), KindSet::ALL);
        let only = KindSet::of([Kind::Link]);
        assert!(only.contains(Kind::Link) && !only.contains(Kind::Message));
    }

    #[test]
    fn unknown_kinds_pass_every_filter() {
        assert!(KindSet::of([Kind::Message]).contains(Kind::Unknown));
    }

    #[test]
    fn every_kind_has_a_bit_of_its_own() {
        for kind in Kind::ALL {
            let others = Kind::ALL.iter().filter(|other| *other != kind);
            let only = KindSet::of([*kind]);
            assert!(only.contains(*kind));
            assert!(
                others
                    .filter(|other| **other != Kind::Unknown)
                    .all(|other| !only.contains(*other))
            );
        }
    }
}
