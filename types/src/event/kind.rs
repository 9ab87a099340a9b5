//! The kinds of occurrences, and sets of them for filters.

use super::Occurrence;

/// The kinds of occurrences, for filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// [`Occurrence::Message`]
    Message,
    /// [`Occurrence::Receipt`]
    Receipt,
    /// [`Occurrence::Link`]
    Link,
    /// [`Occurrence::Send`]
    Send,
    /// [`Occurrence::Undecryptable`]
    Undecryptable,
    /// [`Occurrence::Edit`]
    Edit,
    /// [`Occurrence::Deletion`]
    Deletion,
    /// [`Occurrence::Reaction`]
    Reaction,
    /// [`Occurrence::Lost`]
    Lost,
    /// [`Occurrence::Dropped`]
    Dropped,
    /// [`Occurrence::Rejected`]
    Rejected,
    /// [`Occurrence::Unknown`]
    Unknown,
}

impl Kind {
    /// How many there are.
    pub const COUNT: usize = 12;

    /// Their names, in their order.
    pub const NAMES: [&'static str; Self::COUNT] = [
        "message",
        "receipt",
        "link",
        "send",
        "undecryptable",
        "edit",
        "deletion",
        "reaction",
        "lost",
        "dropped",
        "rejected",
        "unknown",
    ];
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindSet(u16);

impl Default for KindSet {
    fn default() -> Self {
        Self::ALL
    }
}

impl KindSet {
    /// Every kind.
    pub const ALL: Self = Self(u16::MAX);

    /// The set of these kinds; all of them when there are none.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let bits = kinds
            .into_iter()
            .fold(0, |bits, kind| bits | 1 << kind as u16);
        if bits == 0 { Self::ALL } else { Self(bits) }
    }

    /// Whether a kind is in it. [`Kind::Unknown`] always is: it may be any of them.
    #[must_use]
    pub const fn contains(self, kind: Kind) -> bool {
        matches!(kind, Kind::Unknown) || self.0 & 1 << kind as u16 != 0
    }
}

impl Occurrence {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Message(_) => Kind::Message,
            Self::Edit(_) => Kind::Edit,
            Self::Deletion(_) => Kind::Deletion,
            Self::Reaction(_) => Kind::Reaction,
            Self::Receipt(_) => Kind::Receipt,
            Self::Link(_) => Kind::Link,
            Self::Send(_) => Kind::Send,
            Self::Undecryptable(_) => Kind::Undecryptable,
            Self::Lost(_) => Kind::Lost,
            Self::Dropped(_) => Kind::Dropped,
            Self::Rejected(_) => Kind::Rejected,
            Self::Unknown => Kind::Unknown,
        }
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
}
