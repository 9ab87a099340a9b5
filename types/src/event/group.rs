//! Changes of groups.

use serde::{Deserialize, Serialize};

use super::Origin;
use super::content::is_false;
use super::part::{Part, Parts, View};
#[cfg(any(test, feature = "samples"))]
use super::samples;
use crate::Contact;
use crate::words::GroupChangeKind;

/// A group was changed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupChange {
    /// Its origin; the sender is the person who made the change.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// What was changed.
    #[serde(rename = "w")]
    pub change: GroupChangeKind,
    /// The people concerned.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Contact>,
    /// The new name or description.
    #[serde(rename = "x", default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The new value of a setting.
    #[serde(rename = "e", default, skip_serializing_if = "is_false")]
    pub enabled: bool,
    /// The new timer in seconds, 0 for none.
    #[serde(rename = "d", default, skip_serializing_if = "is_zero")]
    pub disappears_after: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it")]
const fn is_zero(seconds: &u32) -> bool {
    *seconds == 0
}

/// Never shows names or people.
impl std::fmt::Debug for GroupChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupChange")
            .field("origin", &self.origin)
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}

impl Part for GroupChange {
    fn view(&self) -> View<'_> {
        View::of(&self.origin)
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        let people = self.people.iter_mut().chain([&mut self.origin.sender]);
        (Some(&mut self.origin.chat), people.collect())
    }

    fn heap_bytes(&self) -> usize {
        self.text.capacity() + self.people.len() * (size_of::<Contact>() + 40)
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        let kinds = GroupChangeKind::ALL.iter().cloned();
        let other = GroupChangeKind::Other("full_moon".into());
        let sample = |change| Self {
            origin: samples::origin(),
            change,
            people: vec![samples::contact(), Contact::default()],
            text: "swordfish".into(),
            enabled: true,
            disappears_after: 604_800,
        };
        kinds.chain([other]).map(sample).collect()
    }
}
