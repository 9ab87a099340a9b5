//! A restriction of the account by WhatsApp, which leaves the link up.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::Nack;
use crate::stored::{maybe_time, time};

/// The reach-out time-lock, or the cap of new chats. The account can answer
/// existing chats, and not start new ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    /// The code with which WhatsApp refuses messages: 463 or 475.
    #[serde(rename = "c")]
    pub nack: Nack,
    /// WhatsApp's name of the restriction, as in `DEFAULT`. Empty if WhatsApp did not report one.
    #[serde(rename = "k", default)]
    pub name: String,
    /// When the agent noticed it.
    #[serde(rename = "t", with = "time")]
    pub since: SystemTime,
    /// When it ends; `None` if WhatsApp did not report it.
    #[serde(
        rename = "u",
        with = "maybe_time",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<SystemTime>,
    /// True if WhatsApp reported it. If false, it is inferred from a refused message, and counts until `until`.
    #[serde(rename = "q", default)]
    pub confirmed: bool,
}

impl Restriction {
    /// What the user should know. `utc` formats a time.
    #[must_use]
    pub fn hint(&self, utc: impl Fn(SystemTime) -> String) -> String {
        let Self {
            nack,
            until,
            confirmed,
            ..
        } = self;
        let end = match until {
            Some(until) if *confirmed => format!(" until {}", utc(*until)),
            _ => String::new(),
        };
        format!(
            "WhatsApp restricts this account{end} (code {}): existing chats can be answered, new ones cannot be started; see WhatsApp → Settings on the phone",
            nack.0
        )
    }
}
