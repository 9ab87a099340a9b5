//! The kinds of occurrences, in one table, and sets of them for filters.

use super::Occurrence;

/// Defines the kinds: what they are called, how many there are, and which an occurrence is.
macro_rules! kinds {
    ($($variant:ident = $name:literal,)+) => {
        /// The kinds of occurrences, for filters and counters.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind {
            $(
                #[doc = concat!("[`Occurrence::", stringify!($variant), "`]")]
                $variant,
            )+
        }

        impl Kind {
            /// All of them, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl Occurrence {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant { .. } => Kind::$variant,)+
                }
            }
        }
    };
}

kinds! {
    Message = "message",
    Receipt = "receipt",
    Link = "link",
    Outcome = "outcome",
    Undecryptable = "undecryptable",
    Edit = "edit",
    Deletion = "deletion",
    Reaction = "reaction",
    Lost = "lost",
    Dropped = "dropped",
    Rejected = "rejected",
    Unknown = "unknown",
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindSet(u64);

const _: () = assert!(Kind::ALL.len() < 64, "a set has a bit for each kind");

impl Default for KindSet {
    fn default() -> Self {
        Self::ALL
    }
}

impl KindSet {
    /// Every kind.
    pub const ALL: Self = Self(u64::MAX);

    /// The set of these kinds; all of them when there are none.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let bits = kinds
            .into_iter()
            .fold(0, |bits, kind| bits | 1 << kind as u64);
        if bits == 0 { Self::ALL } else { Self(bits) }
    }

    /// Whether a kind is in it. [`Kind::Unknown`] always is: it may be any of them.
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
    fn what_is_not_understood_passes_every_filter() {
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
