//! The recipients a client may send to. The limit is part of its code, and then of its row.
//!
//! A limit that cannot be read limits to no one.

use openclaw_types::{Lid, Phone, Recipient};
use serde::{Deserialize, Deserializer, Serialize};

/// The most recipients that a limit names.
pub const MAX_RECIPIENTS: usize = 256;

/// The recipients a client may send to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Stored")]
pub struct SendTo {
    /// To chats from which a message is among the events that are kept.
    pub known: bool,
    /// To these, at most [`MAX_RECIPIENTS`].
    pub recipients: Vec<Recipient>,
}

/// The field of a row. Never renamed. A field that is added here limits to no one in older versions, which do not know
/// what it allows.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(rename = "k")]
    known: bool,
    /// See [`Recipient::address`].
    #[serde(rename = "r")]
    recipients: Vec<String>,
}

impl SendTo {
    const fn no_one() -> Self {
        Self {
            known: false,
            recipients: Vec::new(),
        }
    }

    /// Whether `to` is one of the recipients. A person is the same by number and by LID, and by each spelling of a number,
    /// as far as `lid_of` knows the numbers' LIDs.
    pub fn lists(&self, to: &Recipient, lid_of: impl Fn(&Phone) -> Option<Lid>) -> bool {
        if self.recipients.contains(to) {
            return true;
        }
        let lid = |recipient: &Recipient| match recipient {
            Recipient::Phone(phone) => lid_of(phone),
            Recipient::Lid(lid) => Some(lid.clone()),
            Recipient::Group(_) => None,
        };
        let Some(wanted) = lid(to) else {
            return false;
        };
        let mut listed = self.recipients.iter().filter_map(lid);
        listed.any(|listed| listed == wanted)
    }

    /// A field that is in a row: for `deserialize_with`, next to a default of no limit.
    pub(super) fn read<'de, D>(field: D) -> Result<Option<Self>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let value = ciborium::Value::deserialize(field)?;
        let stored = value.deserialized().ok();
        Ok(Some(stored.and_then(Self::of).unwrap_or_else(Self::no_one)))
    }

    fn of(stored: Stored) -> Option<Self> {
        let Stored { known, recipients } = stored;
        let recipients = recipients.iter().map(|text| Recipient::of_address(text));
        Some(Self {
            known,
            recipients: recipients.collect::<Option<_>>()?,
        })
    }
}

impl From<SendTo> for Stored {
    fn from(limit: SendTo) -> Self {
        let SendTo { known, recipients } = limit;
        Self {
            known,
            recipients: recipients.iter().map(Recipient::address).collect(),
        }
    }
}
