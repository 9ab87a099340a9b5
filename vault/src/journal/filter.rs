//! Filters that rule out files that do not hold a mark, before a file's record is read.
//!
//! An xor filter (Graf and Lemire, 2019) over the upper halves of marks: a fingerprint of 16 bits in 1.23 slots a
//! key, with a false positive rate of 1 in 65,536. Truncating it to 8 bits halves the memory and raises the rate to 1
//! in 256. Truncation works because a fingerprint is the xor of its slots, and so is each half of it.

/// Attempts to build a filter; each succeeds with a probability above 0.8.
const MAX_SEEDS: u64 = 64;

/// A set of upper halves, with false positives.
pub(super) struct Filter {
    seed: u64,
    /// Slots in each of the three parts.
    part: u32,
    prints: Prints,
}

enum Prints {
    /// No filter could be built: every key may be present.
    None,
    Wide(Box<[u16]>),
    Narrow(Box<[u8]>),
}

/// The slots of a key, and the fingerprint that they must xor to.
struct Lookup {
    places: [usize; 3],
    print: u16,
}

impl Filter {
    /// The filter for the upper halves of `marks`. Zero is no mark and is left out.
    pub(super) fn of(marks: &[u64]) -> Self {
        let marks = marks.iter().filter(|mark| **mark != 0);
        let mut keys: Vec<u32> = marks.map(|mark| half(*mark)).collect();
        keys.sort_unstable();
        keys.dedup();
        // 1.23 slots a key, plus a few for small sets.
        let part = u32::try_from((keys.len() * 41 / 100) + 11).unwrap_or(u32::MAX);
        for seed in 1..=MAX_SEEDS {
            let mut filter = Self {
                seed,
                part,
                prints: Prints::None,
            };
            if let Some(prints) = filter.build(&keys) {
                filter.prints = Prints::Wide(prints);
                return filter;
            }
        }
        Self {
            seed: 0,
            part,
            prints: Prints::None,
        }
    }

    /// False if no mark with this upper half is present.
    pub(super) fn may_hold(&self, key: u32) -> bool {
        let Lookup { places, print } = self.lookup(key);
        match &self.prints {
            Prints::None => true,
            Prints::Wide(prints) => places.iter().fold(print, |x, at| x ^ prints[*at]) == 0,
            Prints::Narrow(prints) => {
                let print = print.to_le_bytes()[0];
                places.iter().fold(print, |x, at| x ^ prints[*at]) == 0
            }
        }
    }

    /// Halves the memory. Returns false if that was done before.
    pub(super) fn narrow(&mut self) -> bool {
        let Prints::Wide(prints) = &self.prints else {
            return false;
        };
        let prints = prints.iter().map(|print| print.to_le_bytes()[0]);
        self.prints = Prints::Narrow(prints.collect());
        true
    }

    /// The size of the heap allocation in bytes.
    pub(super) fn bytes(&self) -> usize {
        match &self.prints {
            Prints::None => 0,
            Prints::Wide(prints) => 2 * prints.len(),
            Prints::Narrow(prints) => prints.len(),
        }
    }

    fn lookup(&self, key: u32) -> Lookup {
        let hash = mixed(u64::from(key) ^ self.seed.rotate_left(32));
        let part = u64::from(self.part);
        let place = |turn: u32, nth: u64| {
            let slice = ((hash.rotate_left(turn) & u64::from(u32::MAX)) * part) >> 32;
            usize::try_from(slice + nth * part).unwrap_or(usize::MAX)
        };
        Lookup {
            places: [place(0, 0), place(21, 1), place(42, 2)],
            print: u16::from_le_bytes([hash.to_le_bytes()[7], mixed(hash).to_le_bytes()[0]]),
        }
    }

    /// Peels keys: repeatedly removes a key that has a slot to itself, then assigns those slots in reverse order.
    /// `None` if this fails for the current seed.
    fn build(&self, keys: &[u32]) -> Option<Box<[u16]>> {
        let size = usize::try_from(3 * self.part).ok()?;
        // For each slot the number of its keys, and their xor.
        let mut table = vec![(0_u16, 0_u32); size];
        for key in keys {
            for at in self.lookup(*key).places {
                table[at].0 = table[at].0.saturating_add(1);
                table[at].1 ^= key;
            }
        }
        let mut alone: Vec<usize> = (0..size).filter(|at| table[*at].0 == 1).collect();
        let mut order = Vec::with_capacity(keys.len());
        while let Some(at) = alone.pop() {
            let (count, key) = table[at];
            if count != 1 {
                continue;
            }
            order.push((key, at));
            for at in self.lookup(key).places {
                let (count, keys) = &mut table[at];
                *count -= 1;
                *keys ^= key;
                if *count == 1 {
                    alone.push(at);
                }
            }
        }
        if order.len() < keys.len() {
            return None;
        }
        let mut prints = vec![0_u16; size];
        for (key, own) in order.into_iter().rev() {
            let Lookup { places, print } = self.lookup(key);
            // The key's own slot is still 0 here.
            prints[own] = places.iter().fold(print, |x, at| x ^ prints[*at]);
        }
        Some(prints.into_boxed_slice())
    }
}

/// The upper half of a mark, which all marks of one message id have in common.
pub(super) fn half(mark: u64) -> u32 {
    u32::try_from(mark >> 32).unwrap_or_default()
}

/// Mixes all bits (the finaliser of `SplitMix64`).
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(count: u64, seed: u64) -> Vec<u64> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| random.u64(1..)).collect()
    }

    #[test]
    fn it_contains_all_its_marks_and_has_few_false_positives() {
        for count in [0, 1, 2, 3, 10, 700, 2048, 20_000] {
            let own = marks(count, count);
            let mut filter = Filter::of(&own);
            let others = marks(100_000, 99);
            let wrong = |filter: &Filter| {
                let others = others.iter().filter(|mark| !own.contains(mark));
                others.filter(|mark| filter.may_hold(half(**mark))).count()
            };
            for most in [20, 600] {
                assert!(own.iter().all(|mark| filter.may_hold(half(*mark))));
                if count <= 2048 {
                    assert!(wrong(&filter) < most, "{count}: {}", wrong(&filter));
                }
                filter.narrow();
            }
            assert!(!filter.narrow());
        }
    }

    #[test]
    fn duplicate_and_zero_marks_are_handled() {
        let own = [7 << 32, 7 << 32 | 1, 0, 7 << 32];
        let filter = Filter::of(&own);
        assert!(filter.may_hold(7) && !filter.may_hold(8));
    }

    #[test]
    fn it_is_small() {
        let filter = Filter::of(&marks(1000, 1));
        assert!(filter.bytes() <= 2600, "{}", filter.bytes());
    }
}
