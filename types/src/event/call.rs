//! Calls. The agent cannot take them.

use serde::{Deserialize, Serialize};

use super::Origin;
use super::content::is_false;
use super::part::{Part, Parts, View};
#[cfg(any(test, feature = "samples"))]
use super::samples;
use crate::words::CallState;

/// A person calls the account, or a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its origin; the id is that of the call, the sender is the caller.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// What happened to it.
    #[serde(rename = "s")]
    pub state: CallState,
    /// It is a video call.
    #[serde(rename = "v", default, skip_serializing_if = "is_false")]
    pub video: bool,
    /// It is a call of a group.
    #[serde(rename = "g", default, skip_serializing_if = "is_false")]
    pub group: bool,
}

impl Part for Call {
    fn view(&self) -> View<'_> {
        View::of(&self.origin)
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (Some(&mut self.origin.chat), vec![&mut self.origin.sender])
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        let states = CallState::ALL.iter().cloned();
        let other = CallState::Other("on_hold".into());
        let sample = |state| Self {
            origin: samples::origin(),
            state,
            video: true,
            group: true,
        };
        states.chain([other]).map(sample).collect()
    }
}
