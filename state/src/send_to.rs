//! The recipients that the account, or one of its clients, may send to. That of a client is stored with its code, then with the
//! client; that of the account is in the rules.
//!
//! A limit that cannot be decoded allows no recipient.

use openclaw_types::{Lid, Phone, Recipient};
use serde::{Deserialize, Deserializer, Serialize};

/// The maximum number of recipients in a limit.
pub const MAX_RECIPIENTS: usize = 256;

/// A limit of recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Stored")]
pub struct SendTo {
    /// Allows chats from which the journal has a message.
    pub known: bool,
    /// Allows these recipients, at most [`MAX_RECIPIENTS`].
    pub recipients: Vec<Recipient>,
}

/// The field in a row. Never rename it. If a field is added here, older versions cannot decode the limit and allow no
/// recipient.
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

    /// True if `to` is one of the recipients. Number and LID of one person are equal, and so are the spellings of a
    /// number, as far as `lid_of` knows the LIDs.
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

    /// Decodes the field in a row: for `deserialize_with`, next to a default of no limit.
    pub(crate) fn read<'de, D>(field: D) -> Result<Option<Self>, D::Error>
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
