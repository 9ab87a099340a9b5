//! The index: the position of each record's newest value. Keys are stored as keyed fingerprints: 38 bytes a record,
//! plus the tree.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::RangeInclusive;

use crate::batch::Op;
use crate::key::{Key, Table};

/// Table, hash of the scope (8 bytes), hash of the whole key (16 bytes), so that a scope is a range.
type Fingerprint = [u8; 25];

/// The position of a change: the offset of its frame in the log, its offset within the opened frame, its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) frame: u64,
    pub(crate) at: usize,
    pub(crate) length: usize,
}

/// Five bytes for the frame's offset, four for the offset within it, four for the length.
#[derive(Clone, Copy)]
struct Packed([u8; 13]);

impl Packed {
    fn new(place: Place) -> Self {
        let mut packed = [0; 13];
        packed[..5].copy_from_slice(&place.frame.to_le_bytes()[..5]);
        packed[5..9].copy_from_slice(&(place.at as u64).to_le_bytes()[..4]);
        packed[9..].copy_from_slice(&(place.length as u64).to_le_bytes()[..4]);
        Self(packed)
    }

    fn place(self) -> Place {
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let small = |bytes: &[u8]| usize::try_from(number(bytes)).unwrap_or(usize::MAX);
        Place {
            frame: number(&self.0[..5]),
            at: small(&self.0[5..9]),
            length: small(&self.0[9..]),
        }
    }
}

/// The limit that the five bytes of [`Packed`] set.
pub(crate) const MAX_OFFSET: u64 = 1 << 40;

/// Random hash keys for each process, so that no one outside can make two records collide.
#[derive(Default)]
struct Hashes {
    scope: RandomState,
    low: RandomState,
    high: RandomState,
}

#[derive(Default)]
pub(crate) struct Index {
    hashes: std::sync::Arc<Hashes>,
    places: BTreeMap<Fingerprint, Packed>,
    /// The total size of all changes that are still the newest of their record.
    live: u64,
}

impl Index {
    /// An empty index that uses the same hash keys.
    pub(crate) fn sibling(&self) -> Self {
        Self {
            hashes: std::sync::Arc::clone(&self.hashes),
            ..Self::default()
        }
    }

    fn scope(&self, table: Table, scope: &[u8]) -> RangeInclusive<Fingerprint> {
        let mut first = [0; 25];
        first[0] = table.0;
        first[1..9].copy_from_slice(&self.hashes.scope.hash_one(scope).to_be_bytes());
        let mut last = first;
        last[9..].fill(0xff);
        first..=last
    }

    fn fingerprint(&self, key: Key<'_>) -> Fingerprint {
        let mut fingerprint = *self.scope(key.table, key.scope).start();
        let whole = (key.scope, key.id);
        fingerprint[9..17].copy_from_slice(&self.hashes.low.hash_one(whole).to_be_bytes());
        fingerprint[17..].copy_from_slice(&self.hashes.high.hash_one(whole).to_be_bytes());
        fingerprint
    }

    fn table(table: Table) -> RangeInclusive<Fingerprint> {
        let (mut first, mut last) = ([0; 25], [0xff; 25]);
        first[0] = table.0;
        last[0] = table.0;
        first..=last
    }

    /// Records a change that is at `place` in the log.
    pub(crate) fn apply(&mut self, op: Op<'_>, place: Place) {
        match op {
            Op::Put { key, .. } => {
                let fingerprint = self.fingerprint(key);
                self.live += place.length as u64;
                if let Some(old) = self.places.insert(fingerprint, Packed::new(place)) {
                    self.live -= old.place().length as u64;
                }
            }
            Op::Delete { key } => {
                let fingerprint = self.fingerprint(key);
                if let Some(old) = self.places.remove(&fingerprint) {
                    self.live -= old.place().length as u64;
                }
            }
            Op::ClearScope { table, scope } => self.clear(self.scope(table, scope)),
            Op::ClearTable { table } => self.clear(Self::table(table)),
        }
    }

    fn clear(&mut self, range: RangeInclusive<Fingerprint>) {
        for (_, old) in self.places.extract_if(range, |_, _| true) {
            self.live -= old.place().length as u64;
        }
    }

    pub(crate) fn place(&self, key: Key<'_>) -> Option<Place> {
        self.places
            .get(&self.fingerprint(key))
            .map(|packed| packed.place())
    }

    /// The positions of the records of a scope or a table, in log order.
    pub(crate) fn places(&self, table: Table, scope: Option<&[u8]>) -> Vec<Place> {
        let range = scope.map_or_else(|| Self::table(table), |scope| self.scope(table, scope));
        let mut places: Vec<_> = self
            .places
            .range(range)
            .map(|(_, packed)| packed.place())
            .collect();
        places.sort_unstable();
        places
    }

    pub(crate) fn has_scope(&self, table: Table, scope: &[u8]) -> bool {
        self.places.range(self.scope(table, scope)).next().is_some()
    }

    pub(crate) fn count(&self, table: Table) -> usize {
        self.places.range(Self::table(table)).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn live(&self) -> u64 {
        self.live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_places_round_trip() {
        for place in [
            Place {
                frame: 0,
                at: 0,
                length: 0,
            },
            Place {
                frame: MAX_OFFSET - 1,
                at: u32::MAX as usize,
                length: u32::MAX as usize,
            },
        ] {
            assert_eq!(Packed::new(place).place(), place);
        }
    }

    #[test]
    fn scopes_are_separate() {
        let mut index = Index::default();
        let place = Place {
            frame: 1,
            at: 2,
            length: 3,
        };
        for (scope, id) in [("a", "1"), ("a", "2"), ("b", "1"), ("", "a1")] {
            let key = Key::new(Table(1), scope, id);
            index.apply(Op::Put { key, value: b"" }, place);
        }
        assert_eq!(index.places(Table(1), Some(b"a")).len(), 2);
        assert_eq!(index.places(Table(2), Some(b"a")).len(), 0);
        index.apply(
            Op::ClearScope {
                table: Table(1),
                scope: b"a",
            },
            place,
        );
        assert!(!index.has_scope(Table(1), b"a"));
        assert_eq!((index.count(Table(1)), index.live()), (2, 6));
        index.apply(Op::ClearTable { table: Table(1) }, place);
        assert_eq!((index.len(), index.live()), (0, 0));
    }
}
