//! What clients got wrong. Every rule that is checked is counted, so that "no violations" means something.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::party::{ChainId, Enc};

/// Violations beyond this many are counted, not kept.
const KEPT: usize = 10_000;

/// A rule that a client broke.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// The device, as a JID, or the socket if it has not said who it is.
    pub who: String,
    /// The rule, in a few words that do not change.
    pub rule: &'static str,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.who, self.rule, self.detail)
    }
}

/// The record of all checks, and the ledger of message keys that were used.
#[derive(Default)]
pub(crate) struct Verdicts {
    violations: Vec<Violation>,
    checks: u64,
    ledger: HashMap<(String, ChainId, u32), u64>,
}

impl Verdicts {
    /// Counts a check, and records its failure. Returns whether the rule was kept.
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
        if self.violations.len() < KEPT {
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

    /// Enters a ciphertext into the ledger. The same pair of chain and counter with other bytes is a message key
    /// used twice; with the same bytes it is a retransmission. Returns false for the former.
    ///
    /// `scope` is the sender, and for a group the group too: a sender key's chain id is unique only within them.
    pub(crate) fn ledger(&mut self, who: &str, scope: &str, enc: &Enc) -> bool {
        const RULE: &str = "no message key is used twice";
        let (chain, counter) = match enc.counter() {
            Ok(pair) => pair,
            Err(error) => return self.check(who, "a ciphertext has its type's form", Err(error)),
        };
        let mut hasher = DefaultHasher::new();
        enc.bytes.hash(&mut hasher);
        let fingerprint = hasher.finish();
        let before = self
            .ledger
            .insert((scope.to_owned(), chain, counter), fingerprint);
        let kept = before.is_none_or(|before| before == fingerprint);
        self.require(who, RULE, kept, &format!("counter {counter} in {scope}"))
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub(crate) fn checks(&self) -> u64 {
        self.checks
    }
}
