//! The summary of the allowlist, and the reasons for rejecting a change to it.

use std::sync::Arc;
use std::time::SystemTime;

use super::MAX_ADDED_ENTRIES;
use crate::allow::policy::{Entry, EntryPlace, Rules};

/// A failed reload. The previous rules are still active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The time of the reload.
    pub at: SystemTime,
    /// The reason, with file and line.
    pub why: String,
}

/// The active rules, for Status and for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The rules; `None` allows everyone.
    pub rules: Option<Arc<Rules>>,
    /// The file of the rules, if they are from a file.
    pub file: Option<String>,
    /// When the rules were loaded.
    pub loaded_at: SystemTime,
    /// The entries added at runtime.
    pub added: Vec<Entry>,
    /// The last reload, if it failed.
    pub failed: Option<Failed>,
    /// Numbers in the rules whose LID is not resolved yet.
    pub unresolved: usize,
}

impl Summary {
    /// Logs the active rules.
    pub fn announce(&self) {
        let Some(rules) = &self.rules else {
            tracing::warn!(
                hint = "set --config to restrict them",
                "no allowlist, all senders are allowed"
            );
            return;
        };
        let (file, listed, added) = (self.file.as_deref(), rules.people.len(), self.added.len());
        let (direct, group) = (rules.direct.name(), rules.group.name());
        tracing::info!(file, direct, group, listed, added, "allowlist loaded");
        for remark in &rules.remarks {
            tracing::warn!(file, warning = remark, "allowlist warning");
        }
    }
}

/// Why an entry was not added or not removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There are no rules, so everyone is allowed and nothing can be added.
    #[error("there are no rules, so everyone is allowed")]
    NoRules,
    /// The entry is in the file or in the environment variable.
    #[error("{file} contains it on {place}")]
    InFile {
        /// The file, or the variable.
        file: String,
        /// The position in it.
        place: EntryPlace,
    },
    /// The entry was never added.
    #[error("it was not added here")]
    Absent,
    /// `*` is only valid in the file.
    #[error("only the file can allow everyone")]
    Anyone,
    /// The file has no `groups`, so all groups are allowed.
    #[error("the file does not limit groups, so every group is allowed already")]
    EveryGroup,
    /// The limit for added entries.
    #[error("{MAX_ADDED_ENTRIES} entries were added already")]
    TooMany,
}
