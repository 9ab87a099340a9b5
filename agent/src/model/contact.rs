//! Who and where: people by phone number and by LID, and the chats they write in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::phone::{Phone, PhoneError};

/// A person's LID, WhatsApp's number-free name for them: digits only, without server and device.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lid(String);

/// Why a text is no LID. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a LID is 1 to 20 digits")]
pub struct LidError;

impl TryFrom<String> for Lid {
    type Error = LidError;

    fn try_from(user: String) -> Result<Self, LidError> {
        Self::new(&user).ok_or(LidError)
    }
}

impl From<Lid> for String {
    fn from(lid: Lid) -> Self {
        lid.0
    }
}

impl Lid {
    /// From the user part of a JID on the `lid` server. `None` when it is not digits.
    #[must_use]
    pub fn new(user: &str) -> Option<Self> {
        let valid = (1..=20).contains(&user.len()) && user.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| Self(user.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.0
    }

    /// `123456@lid`.
    #[must_use]
    pub fn jid(&self) -> String {
        format!("{}@lid", self.0)
    }
}

impl fmt::Debug for Lid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lid")
    }
}

/// A person. WhatsApp tells the phone number, the LID, or both.
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
    /// As an address on the wire names them: by number or by LID, whatever the device.
    #[must_use]
    pub fn of_jid(jid: &str) -> Self {
        let (user, server) = split(jid);
        match server {
            "s.whatsapp.net" => Self {
                phone: user.parse().ok(),
                lid: None,
            },
            "lid" => Self {
                phone: None,
                lid: Lid::new(user),
            },
            _ => Self::default(),
        }
    }
}

/// User and server of a JID, without agent and device. A hosted device's server is that of its owner.
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
    /// Of an address on the wire, whatever the device.
    #[must_use]
    pub fn of_jid(jid: &str) -> Self {
        let (user, server) = split(jid);
        Self::new(format!("{user}@{server}"))
    }

    /// The chat with a person, by number.
    #[must_use]
    pub fn of_phone(phone: &Phone) -> Self {
        Self(format!("{}@s.whatsapp.net", phone.digits()))
    }

    /// Whether it is a chat of two.
    #[must_use]
    pub fn is_person(&self) -> bool {
        self.0.ends_with("@lid") || self.0.ends_with("@s.whatsapp.net")
    }

    /// From a JID that WhatsApp's library has already parsed.
    #[must_use]
    pub fn new(jid: String) -> Self {
        Self(jid)
    }

    /// The whole JID: for the API, never for a log.
    #[must_use]
    pub fn jid(&self) -> &str {
        &self.0
    }

    /// How many bytes of memory it holds beside itself.
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

/// To whom a message may be sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// A person, by number.
    Phone(Phone),
    /// A person, by LID.
    Lid(Lid),
    /// A group, by the user part of its JID.
    Group(String),
}

impl Recipient {
    /// As it is parsed: for the API and the disk, never for a log.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Phone(phone) => phone.e164(),
            Self::Lid(lid) => lid.jid(),
            Self::Group(user) => format!("{user}@g.us"),
        }
    }
}

/// The chat that messages to this recipient are in.
impl From<&Recipient> for ChatId {
    fn from(to: &Recipient) -> Self {
        Self(match to {
            Recipient::Phone(phone) => return Self::of_phone(phone),
            Recipient::Lid(_) | Recipient::Group(_) => to.address(),
        })
    }
}

/// Why a text names nobody. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// Not a number, and not a JID either.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// A JID of a kind that cannot be sent to.
    #[error("messages go to a phone number (+15550100123), a LID (…@lid) or a group (…@g.us)")]
    Unsupported,
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        let Some((user, server)) = text.trim().split_once('@') else {
            return Ok(Self::Phone(text.parse()?));
        };
        let group = || {
            let valid = (5..=64).contains(&user.len())
                && user.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            valid.then(|| Self::Group(user.to_owned()))
        };
        match server {
            "s.whatsapp.net" | "c.us" => Ok(Self::Phone(user.parse()?)),
            "lid" => Lid::new(user)
                .map(Self::Lid)
                .ok_or(RecipientError::Unsupported),
            "g.us" => group().ok_or(RecipientError::Unsupported),
            _ => Err(RecipientError::Unsupported),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_numbers_lids_and_groups() {
        let phone = "+15550100123".parse().unwrap();
        assert_eq!("+1 555 010-0123".parse(), Ok(Recipient::Phone(phone)));
        assert!(matches!(
            "15550100123@s.whatsapp.net".parse(),
            Ok(Recipient::Phone(_))
        ));
        assert!(matches!(
            "100000000000001@lid".parse(),
            Ok(Recipient::Lid(_))
        ));
        assert!(matches!(
            "120363000000000001@g.us".parse(),
            Ok(Recipient::Group(_))
        ));
        for bad in [
            "",
            "x@lid",
            "@g.us",
            "1@newsletter",
            "status@broadcast",
            "a b@g.us",
            "1:2@lid",
        ] {
            assert!(bad.parse::<Recipient>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_read_as_who_it_was_written_for() {
        for text in [
            "+15550100123",
            "100000000000001@lid",
            "120363000000000001@g.us",
        ] {
            let recipient: Recipient = text.parse().unwrap();
            assert_eq!(recipient.address(), text);
            assert_eq!(recipient.address().parse(), Ok(recipient.clone()));
            let chat = ChatId::from(&recipient);
            assert_eq!(chat.jid().parse(), Ok(recipient));
        }
    }

    #[test]
    fn an_address_of_any_device_and_server_is_the_same_chat_and_person() {
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
    fn debug_names_nobody() {
        let chat = ChatId::new("15550100123@s.whatsapp.net".into());
        assert_eq!(format!("{chat:?}"), "…@s.whatsapp.net");
    }
}
