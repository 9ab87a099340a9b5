//! A model of the store as a plain map, and the set of states that a crash may leave.

use std::collections::BTreeMap;

use fastrand::Rng;
use openclaw_vault::{Batch, Disk, Error, Key, Op, Table, Vault};

/// The number of tables in use.
pub(crate) const TABLES: u8 = 3;

type Name = (u8, Vec<u8>, Vec<u8>);

/// A store's records.
pub(crate) type Records = BTreeMap<Name, Vec<u8>>;

/// One change, owned.
#[derive(Clone)]
pub(crate) enum Change {
    Put(Name, Vec<u8>),
    Delete(Name),
    ClearScope(u8, Vec<u8>),
    ClearTable(u8),
}

impl Change {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let name = random_name(rng);
        match rng.u8(..40) {
            0 => Self::ClearTable(name.0),
            1..=2 => Self::ClearScope(name.0, name.1),
            3..=9 => Self::Delete(name),
            _ => Self::Put(name, random_value(rng)),
        }
    }

    pub(crate) fn op(&self) -> Op<'_> {
        match self {
            Self::Put(name, value) => Op::Put {
                key: key(name),
                value,
            },
            Self::Delete(name) => Op::Delete { key: key(name) },
            Self::ClearScope(table, scope) => Op::ClearScope {
                table: Table(*table),
                scope,
            },
            Self::ClearTable(table) => Op::ClearTable {
                table: Table(*table),
            },
        }
    }

    pub(crate) fn apply(&self, records: &mut Records) {
        match self {
            Self::Put(name, value) => {
                records.insert(name.clone(), value.clone());
            }
            Self::Delete(name) => {
                records.remove(name);
            }
            Self::ClearScope(table, scope) => {
                records.retain(|name, _| (name.0, &name.1) != (*table, scope));
            }
            Self::ClearTable(table) => records.retain(|name, _| name.0 != *table),
        }
    }
}

pub(crate) fn key(name: &Name) -> Key<'_> {
    Key {
        table: Table(name.0),
        scope: &name.1,
        id: &name.2,
    }
}

pub(crate) fn random_name(rng: &mut Rng) -> Name {
    // Concatenation must not make keys equal: ("a", "bc") is not ("ab", "c").
    let scopes: [&[u8]; 4] = [b"", b"a", b"ab", b"abc"];
    let ids: [&[u8]; 8] = [b"", b"a", b"b", b"bc", b"c", b"cd", b"d", b"e"];
    let scope = scopes[rng.usize(..scopes.len())];
    let id = ids[rng.usize(..ids.len())];
    (rng.u8(..TABLES), scope.to_vec(), id.to_vec())
}

fn random_value(rng: &mut Rng) -> Vec<u8> {
    let longest = [4, 40, 600, 6_000][rng.usize(..4)];
    let length = rng.usize(..longest);
    let mut value = vec![0; length];
    let noisy = length.min(16);
    rng.fill(&mut value[..noisy]);
    value
}

/// All records of a store, read through its API.
pub(crate) fn read<D: Disk>(vault: &Vault<D>) -> Result<Records, Error> {
    let mut records = Records::new();
    for table in 0..TABLES {
        vault.scan(Table(table), None, |entry| {
            let name = (entry.table.0, entry.scope, entry.id);
            let twice = records.insert(name, entry.value.to_vec());
            assert!(twice.is_none(), "a record was shown twice");
        })?;
    }
    assert_eq!(records.len(), vault.summary().records);
    Ok(records)
}

enum Step {
    Batch(Vec<Change>),
    Replaced(Records),
}

/// The states of a store since it was opened.
#[derive(Default)]
pub(crate) struct Timeline {
    base: Records,
    steps: Vec<Step>,
    /// The number of durable steps.
    durable: usize,
    /// The state after all steps.
    pub(crate) now: Records,
}

impl Timeline {
    pub(crate) fn starting_with(base: Records) -> Self {
        Self {
            now: base.clone(),
            base,
            ..Self::default()
        }
    }

    /// Records a batch that is about to be written. An empty batch is not a step.
    pub(crate) fn write(&mut self, changes: Vec<Change>) -> Batch {
        let mut batch = Batch::new();
        for change in &changes {
            batch.push(change.op());
            change.apply(&mut self.now);
        }
        if !changes.is_empty() {
            self.steps.push(Step::Batch(changes));
        }
        batch
    }

    /// Records that other contents are about to replace everything.
    pub(crate) fn replace(&mut self, records: Records) {
        self.now.clone_from(&records);
        self.steps.push(Step::Replaced(records));
    }

    /// Marks all steps as durable.
    pub(crate) fn all_durable(&mut self) {
        self.durable = self.steps.len();
    }

    pub(crate) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Marks the first `steps` steps as durable.
    pub(crate) fn durable_up_to(&mut self, steps: usize) {
        self.durable = self.durable.max(steps);
    }

    /// True if a store may hold these records after a crash, and report this number of commits.
    pub(crate) fn allows(&self, found: &Records, commits: Option<u64>) -> bool {
        let mut records = self.base.clone();
        let mut batches = 0;
        for done in 0..=self.steps.len() {
            let commits_match = commits.is_none_or(|commits| commits == batches);
            if done >= self.durable && commits_match && *found == records {
                return true;
            }
            match self.steps.get(done) {
                Some(Step::Batch(changes)) => {
                    batches += 1;
                    for change in changes {
                        change.apply(&mut records);
                    }
                }
                Some(Step::Replaced(replaced)) => records.clone_from(replaced),
                None => {}
            }
        }
        false
    }

    /// A summary for a failure message.
    pub(crate) fn describe(&self) -> String {
        format!("{} steps, {} durable", self.steps.len(), self.durable)
    }
}

impl From<Op<'_>> for Change {
    fn from(op: Op<'_>) -> Self {
        let name = |key: Key<'_>| (key.table.0, key.scope.to_vec(), key.id.to_vec());
        match op {
            Op::Put { key, value } => Self::Put(name(key), value.to_vec()),
            Op::Delete { key } => Self::Delete(name(key)),
            Op::ClearScope { table, scope } => Self::ClearScope(table.0, scope.to_vec()),
            Op::ClearTable { table } => Self::ClearTable(table.0),
        }
    }
}
