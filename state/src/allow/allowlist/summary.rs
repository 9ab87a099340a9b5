//! The allowlist's summary, and why a change to it was refused.

use std::sync::Arc;
use std::time::SystemTime;

use super::MAX_ADDED_ENTRIES;
use crate::allow::policy::{Entry, EntryPlace, Rules};

/// A reload that did not work. The rules before it are active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// When.
    pub at: SystemTime,
    /// Why, with file and line.
    pub why: String,
}

/// The active rules, for Status and for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The rules; `None` allows everyone.
    pub rules: Option<Arc<Rules>>,
    /// The file that they are from, if they are a file's.
    pub file: Option<String>,
    /// When they were read.
    pub loaded_at: SystemTime,
    /// Who was allowed in addition to them.
    pub added: Vec<Entry>,
    /// The last reload, if it did not work.
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

/// An entry is not added, or not removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Everyone is allowed: there is nothing to add to.
    #[error("there are no rules, so everyone is allowed")]
    NoRules,
    /// The file has it, or the environment.
    #[error("{file} contains it on {place}")]
    InFile {
        /// Which file.
        file: String,
        /// Where in it.
        place: EntryPlace,
    },
    /// No one added it.
    #[error("it was not added here")]
    Absent,
    /// `*` is for the file to say.
    #[error("only the file can allow everyone")]
    Anyone,
    /// The file names no groups, and then all of them count.
    #[error("the file does not limit groups, so every group is allowed already")]
    EveryGroup,
    /// The bound.
    #[error("{MAX_ADDED_ENTRIES} entries were added already")]
    TooMany,
}
