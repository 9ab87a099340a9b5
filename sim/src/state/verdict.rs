//! Violations by clients. Every checked rule is counted, so that a test can prove that rules were checked.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::number::DeviceId;
use crate::signal::party::{ChainId, Enc};

/// The maximum number of stored violations; further ones are only counted.
const MAX_VIOLATIONS: usize = 10_000;

/// A rule that a client broke.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// The device as a JID, or the socket if it has not identified itself.
    pub who: String,
    /// The rule, in a short and constant text.
    pub rule: &'static str,
    /// What the simulator found.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.who, self.rule, self.detail)
    }
}

/// The result of recording a ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Its chain and counter have not been used.
    New,
    /// The same bytes were recorded before: a retransmission.
    Again,
    /// Other bytes were recorded with this key, or it has no key at all.
    Broken,
}

/// The name of a companion in violations.
pub(crate) fn name_of((number, device): &DeviceId) -> String {
    number.pn_device(*device).to_string()
}

/// The record of all checks, and the ledger of used message keys.
#[derive(Default)]
pub(crate) struct Verdicts {
    violations: Vec<Violation>,
    checks: u64,
    ledger: HashMap<(String, ChainId, u32), u64>,
}

impl Verdicts {
    /// Counts a check, and records a violation if it failed. Returns whether it passed.
    pub(crate) fn check<E: fmt::Display>(
        &mut self,
        who: &str,
        rule: &'static str,
        outcome: Result<(), E>,
    ) -> bool {
        self.checks += 1;
        let Err(error) = outcome else { return true };
        let violation = Violation {
            who: who.to_owned(),
            rule,
            detail: error.to_string(),
        };
        tracing::error!("VIOLATION {violation}");
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(violation);
        }
        false
    }

    /// [`Self::check`] for a condition.
    pub(crate) fn require(
        &mut self,
        who: &str,
        rule: &'static str,
        kept: bool,
        detail: &str,
    ) -> bool {
        self.check(who, rule, if kept { Ok(()) } else { Err(detail) })
    }

    /// Records a ciphertext in the ledger. `scope` is the sender and the recipient of the chain: a sender key's chain
    /// id is unique only within them.
    pub(crate) fn ledger(&mut self, who: &str, scope: &str, enc: &Enc) -> Entry {
        const RULE: &str = "no message key is used twice";
        let (chain, counter) = match enc.counter() {
            Ok(pair) => pair,
            Err(error) => {
                self.check(who, "a ciphertext has the format of its type", Err(error));
                return Entry::Broken;
            }
        };
        let mut hasher = DefaultHasher::new();
        enc.bytes.hash(&mut hasher);
        let fingerprint = hasher.finish();
        let key = (scope.to_owned(), chain, counter);
        let before = self.ledger.insert(key, fingerprint);
        let kept = before.is_none_or(|before| before == fingerprint);
        let detail = format!("counter {counter}, {scope}");
        match (self.require(who, RULE, kept, &detail), before) {
            (false, _) => Entry::Broken,
            (true, None) => Entry::New,
            (true, Some(_)) => Entry::Again,
        }
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub(crate) fn checks(&self) -> u64 {
        self.checks
    }
}
