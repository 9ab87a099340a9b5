//! The notes of a watch on stderr, besides errors.

use serde::Serialize;

use super::cursor_file;
use crate::console;
use crate::failure::Failure;

pub(super) struct Notes {
    json: bool,
}

impl Notes {
    /// Notes for a person, or as JSON.
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints `text` for a person, or `word` for a program.
    pub(super) fn note(&self, text: &str, word: &'static str) {
        if self.json {
            console::json_note(&Note {
                note: word,
                seq: None,
                why: None,
            });
        } else {
            console::note(&format!("note: {text}"));
        }
    }

    /// The agent is unreachable; the watch keeps trying.
    pub(super) fn waiting(&self, failure: &Failure) {
        self.note(&format!("{failure}; trying again"), "waiting");
    }

    /// The file of this event was not saved.
    pub(super) fn not_saved(&self, seq: u64, failure: &Failure) {
        if self.json {
            console::json_note(&Note {
                note: "not_saved",
                seq: Some(seq),
                why: Some(failure.to_string()),
            });
        } else {
            console::note(&format!(
                "warning: the file of event {seq} was not saved: {failure}"
            ));
        }
    }

    /// The position is not saved. The watch continues.
    pub(super) fn no_place(&self, error: &cursor_file::Error) {
        if self.json {
            console::json_note(&Note {
                note: "position_not_saved",
                seq: None,
                why: Some(error.to_string()),
            });
        } else {
            console::note(&format!(
                "warning: the position of this watch will not be saved: {error}"
            ));
        }
    }
}

/// A note as JSON on stderr: `lost`, `waiting`, `start_over`, `new_store`, `position_not_saved`, `not_saved`.
#[derive(Serialize)]
struct Note {
    note: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}
