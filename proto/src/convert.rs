//! Conversions between the protobuf contract and `openclaw-types`, in both directions, one file per noun.
//!
//! Every struct is destructured field by field, so that a new field cannot be forgotten.

mod content;
mod event;
mod group;
mod link;
mod people;
mod send;
mod target;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use prost_types::Timestamp;

pub use content::{media, media_kind};
pub use event::event;
pub use group::group;
pub use link::link_status;
pub use people::{chat_kind, contact};
pub use send::{nack, send_state};

/// A field of a protobuf message has no meaning in the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is missing or invalid")]
pub struct Error {
    /// The field's name.
    pub field: &'static str,
}

const fn missing(field: &'static str) -> Error {
    Error { field }
}

fn time(at: Option<Timestamp>, field: &'static str) -> Result<SystemTime, Error> {
    let at = at.ok_or(missing(field))?;
    SystemTime::try_from(at).map_err(|_| missing(field))
}

/// The name for an enum value that the contract defines but the model does not have. An unknown value stays visible as
/// its number.
fn reason_word(value: i32, known: Option<&'static str>, other: String) -> String {
    match known {
        _ if !other.is_empty() => other,
        Some(word) => word.to_owned(),
        None => format!("unknown reason {value}"),
    }
}

/// Converts a reason in both directions: an enum of the contract, plus the text of a reason that the enum does not
/// have.
macro_rules! reason {
    ($to:ident, $from:ident, $name:ident { $($variant:ident),+ $(,)? }) => {
        fn $to(reason: openclaw_types::$name) -> (i32, String) {
            use openclaw_types::$name as Ours;
            match reason {
                $(Ours::$variant => (crate::v1::$name::$variant.into(), String::new()),)+
                Ours::Other(word) => match <crate::v1::$name as crate::Word>::from_word(&word) {
                    Some(known) => (known.into(), String::new()),
                    None => (crate::v1::$name::Other.into(), word),
                },
            }
        }

        fn $from(reason: i32, other: String) -> openclaw_types::$name {
            use openclaw_types::$name as Ours;
            match crate::v1::$name::try_from(reason) {
                $(Ok(crate::v1::$name::$variant) => Ours::$variant,)+
                known => {
                    let known = known.ok().map(crate::Word::word);
                    Ours::from(crate::convert::reason_word(reason, known, other))
                }
            }
        }
    };
}
use reason;
