//! Contacts and chats: people by phone number and by LID, and the chats they write in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lid::Lid;
use crate::phone::{Phone, without_marks};
use crate::recipient::{Recipient, RecipientError};

/// A person. WhatsApp reports the phone number, the LID, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The phone number, where known.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// The LID, where known.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub lid: Option<Lid>,
}

impl Contact {
    /// From a JID: by number or by LID. The device is ignored.
    #[must_use]
    pub fn of_jid(jid: &str) -> Self {
        let (user, server) = split(jid);
        match server {
            "s.whatsapp.net" => Self {
                phone: Phone::of_digits(user),
                lid: None,
            },
            "lid" => Self {
                phone: None,
                lid: Lid::new(user),
            },
            _ => Self::default(),
        }
    }

    /// True if both have the same phone number, or both have the same LID.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let phone = self.phone.is_some() && self.phone == other.phone;
        let lid = self.lid.is_some() && self.lid == other.lid;
        phone || lid
    }
}

/// User and server of a JID, without agent and device. A hosted device is mapped to the server of its owner.
fn split(jid: &str) -> (&str, &str) {
    let (user, server) = jid.split_once('@').unwrap_or(("", jid));
    let server = match server {
        "hosted" | "c.us" => "s.whatsapp.net",
        "hosted.lid" => "lid",
        server => server,
    };
    (user.split([':', '.']).next().unwrap_or_default(), server)
}

/// A chat's JID, without device. It may hold a phone number: `Debug` shows the server only.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChatId(String);

impl ChatId {
    /// The one-to-one chat with the owner of this number.
    #[must_use]
    pub fn of_phone(phone: &Phone) -> Self {
        Self(format!("{}@s.whatsapp.net", phone.digits()))
    }

    /// Returns true for a one-to-one chat.
    #[must_use]
    pub fn is_person(&self) -> bool {
        self.0.ends_with("@lid") || self.0.ends_with("@s.whatsapp.net")
    }

    /// From a JID on the wire. The device is ignored.
    #[must_use]
    pub fn of_jid(jid: &str) -> Self {
        let (user, server) = split(jid);
        Self::new(format!("{user}@{server}"))
    }

    /// From a JID that the WhatsApp library has already parsed.
    #[must_use]
    pub fn new(jid: String) -> Self {
        Self(jid)
    }

    /// The full JID: for the API, never for a log.
    #[must_use]
    pub fn jid(&self) -> &str {
        &self.0
    }

    /// The size of its heap allocations, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }
}

impl fmt::Debug for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.0.rsplit_once('@').map_or("", |(_, server)| server);
        write!(f, "…@{server}")
    }
}

/// The chat with this recipient.
impl From<&Recipient> for ChatId {
    fn from(to: &Recipient) -> Self {
        Self(match to {
            Recipient::Phone(phone) => return Self::of_phone(phone),
            Recipient::Lid(_) | Recipient::Group(_) => to.address(),
        })
    }
}

impl FromStr for ChatId {
    type Err = RecipientError;

    /// Accepts what [`Recipient`] accepts, and chats that cannot be sent to: channels (`…@newsletter`) and the statuses
    /// (`status@broadcast`).
    fn from_str(text: &str) -> Result<Self, RecipientError> {
        let seen = without_marks(text);
        match seen.split_once('@') {
            Some((user, "newsletter")) if Lid::new(user).is_some() => Ok(Self(seen)),
            Some(("status", "broadcast")) => Ok(Self(seen)),
            _ => text
                .parse()
                .map(|recipient: Recipient| Self::from(&recipient)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_and_its_server_do_not_change_chat_or_contact() {
        for (addresses, name) in [
            (
                [
                    "15550100123@s.whatsapp.net",
                    "15550100123:7@s.whatsapp.net",
                    "15550100123.0:7@s.whatsapp.net",
                    "15550100123:99@hosted",
                    "15550100123@c.us",
                ],
                "15550100123@s.whatsapp.net",
            ),
            (
                [
                    "1@lid",
                    "1:3@lid",
                    "1.1:3@lid",
                    "1:99@hosted.lid",
                    "1@hosted.lid",
                ],
                "1@lid",
            ),
        ] {
            for address in addresses {
                assert_eq!(ChatId::of_jid(address).jid(), name, "{address}");
                assert_eq!(Contact::of_jid(address), Contact::of_jid(name), "{address}");
                assert!(ChatId::of_jid(address).is_person());
            }
        }
        assert!(!ChatId::of_jid("120363000000000001@g.us").is_person());
    }

    #[test]
    fn every_notation_of_a_number_is_the_same_chat() {
        for text in [
            "+1 555 010-0123",
            "https://wa.me/15550100123",
            " 15550100123@s.whatsapp.net",
        ] {
            let chat: ChatId = text.parse().unwrap();
            assert_eq!(chat.jid(), "15550100123@s.whatsapp.net", "{text}");
        }
        for jid in ["12345@newsletter", "status@broadcast", "1@lid"] {
            assert_eq!(jid.parse::<ChatId>().unwrap().jid(), jid);
        }
        for bad in ["@newsletter", "x@newsletter", "1@broadcast", "15550100123"] {
            assert!(bad.parse::<ChatId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unusual_number_on_the_wire_is_still_a_contact() {
        let contact = Contact::of_jid("0015550100002:7@s.whatsapp.net");
        assert_eq!(contact.phone.unwrap().digits(), "0015550100002");
    }

    #[test]
    fn debug_names_no_one() {
        let chat = ChatId::new("15550100123@s.whatsapp.net".into());
        assert_eq!(format!("{chat:?}"), "…@s.whatsapp.net");
    }
}
