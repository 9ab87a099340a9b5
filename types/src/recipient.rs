//! The recipient of a message, and its text form, which is the same in every command, request, file and variable.

use std::fmt;
use std::str::FromStr;

use crate::contact::{ChatId, Contact};
use crate::lid::{Lid, LidError};
use crate::phone::{self, Phone, PhoneError};

/// A recipient of messages.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// A person, by phone number.
    Phone(Phone),
    /// A person, by LID.
    Lid(Lid),
    /// A group, by the user part of its JID.
    Group(String),
}

impl Recipient {
    /// The text form, which parses back to the same recipient: for the API and the disk, never for a log.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Phone(phone) => phone.e164(),
            Self::Lid(lid) => lid.jid(),
            Self::Group(user) => format!("{user}@g.us"),
        }
    }

    /// The recipient of a message to this chat. `None` for chats that cannot be sent to: statuses, channels.
    #[must_use]
    pub fn of_chat(chat: &ChatId) -> Option<Self> {
        match chat.jid().split_once('@')? {
            (digits, "s.whatsapp.net") => Phone::of_digits(digits).map(Self::Phone),
            _ => Self::of_address(chat.jid()),
        }
    }

    /// A person by one of their addresses, the number first. `None` if neither is known.
    #[must_use]
    pub fn of_contact(who: &Contact) -> Option<Self> {
        let by_lid = || who.lid.clone().map(Self::Lid);
        who.phone.clone().map(Self::Phone).or_else(by_lid)
    }

    /// The person; `None` for a group.
    #[must_use]
    pub fn into_contact(self) -> Option<Contact> {
        let (phone, lid) = match self {
            Self::Phone(phone) => (Some(phone), None),
            Self::Lid(lid) => (None, Some(lid)),
            Self::Group(_) => return None,
        };
        Some(Contact { phone, lid })
    }

    /// From an address that this or an older version stored: never refused because the parser has become stricter.
    #[must_use]
    pub fn of_address(address: &str) -> Option<Self> {
        match address.split_once('@') {
            None => Phone::of_digits(address).map(Self::Phone),
            Some((user, "lid")) => Lid::new(user).map(Self::Lid),
            Some((user, "g.us")) if !user.is_empty() => Some(Self::Group(user.to_owned())),
            Some(_) => None,
        }
    }
}

/// Masked, because a group of the old kind contains a phone number.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(phone) => fmt::Debug::fmt(phone, f),
            Self::Lid(lid) => fmt::Debug::fmt(lid, f),
            Self::Group(_) => f.write_str("…@g.us"),
        }
    }
}

/// Why a text is not a recipient. The error does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// Neither a number nor a JID.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// Not a LID.
    #[error(transparent)]
    Lid(#[from] LidError),
    /// Not a group.
    #[error("a group is DIGITS@g.us, or NUMBER-TIME@g.us of the old kind")]
    Group,
    /// The JID of a device.
    #[error("this is a device's JID: leave out :N, messages go to the person")]
    Device,
    /// A JID of a kind that cannot be sent to.
    #[error("give a phone number (+15550100123), a LID (…@lid) or a group (…@g.us)")]
    Unsupported,
}

impl RecipientError {
    /// The error as a single word, as in `corpus/numbers.tsv`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Phone(error) => error.name(),
            Self::Lid(LidError) => "lid",
            Self::Group => "group",
            Self::Device => "device",
            Self::Unsupported => "unsupported",
        }
    }
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        // Links are checked first: their prefilled text may contain an `@`.
        if let Some(number) = phone::in_link_text(text) {
            return Ok(Self::Phone(number?));
        }
        let seen = phone::without_marks(text);
        let Some((user, server)) = seen.split_once('@') else {
            return Ok(Self::Phone(phone::read(text)?));
        };
        let person = matches!(server, "s.whatsapp.net" | "c.us" | "lid");
        match server {
            _ if person && is_device(user) => Err(RecipientError::Device),
            "s.whatsapp.net" | "c.us" => Ok(Self::Phone(number(user)?)),
            "lid" => Ok(Self::Lid(Lid::new(user).ok_or(LidError)?)),
            "g.us" if is_group(user) => Ok(Self::Group(user.to_owned())),
            "g.us" => Err(RecipientError::Group),
            _ => Err(RecipientError::Unsupported),
        }
    }
}

/// `USER:DEVICE` or `USER.AGENT:DEVICE`.
fn is_device(user: &str) -> bool {
    let number = user.trim_start_matches(|c: char| c.is_ascii_digit());
    number.len() < user.len() && number.starts_with([':', '.'])
}

/// Parses the user part of a person's JID: digits only, without separators.
fn number(user: &str) -> Result<Phone, PhoneError> {
    let wrong = user.chars().zip(1..).find(|(c, _)| !c.is_ascii_digit());
    match wrong {
        None => Phone::of_country(user),
        Some((found, at)) if !found.is_ascii() && found.is_numeric() => {
            Err(PhoneError::OtherDigit { found, at })
        }
        Some((found, at)) if found.is_alphabetic() => Err(PhoneError::Letter { found, at }),
        Some((found, at)) => Err(PhoneError::Character { found, at }),
    }
}

/// Digits, or the creator's number and the time of creation in seconds.
fn is_group(user: &str) -> bool {
    let digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit())
            && !text.starts_with('0')
    };
    match user.split_once('-') {
        None => digits(user, 5, 20),
        Some((maker, made)) => digits(maker, 7, 15) && digits(made, 10, 10),
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
    fn an_address_parses_to_its_recipient() {
        for text in [
            "+15550100123",
            "100000000000001@lid",
            "120363000000000001@g.us",
        ] {
            let recipient: Recipient = text.parse().unwrap();
            assert_eq!(recipient.address(), text);
            assert_eq!(recipient.address().parse(), Ok(recipient.clone()));
            assert_eq!(Recipient::of_address(text), Some(recipient.clone()));
            let chat = ChatId::from(&recipient);
            assert_eq!(chat.jid().parse(), Ok(recipient.clone()));
            assert_eq!(Recipient::of_chat(&chat), Some(recipient));
        }
        for none in ["status@broadcast", "120363000000000001@newsletter"] {
            assert_eq!(Recipient::of_chat(&ChatId::of_jid(none)), None);
        }
    }

    #[test]
    fn a_stored_address_is_still_accepted() {
        for old in [
            "+0015550100002",
            "+4407700900123",
            "-----@g.us",
            "15550100001-@g.us",
        ] {
            assert!(old.parse::<Recipient>().is_err(), "{old}");
            let recipient = Recipient::of_address(old).unwrap();
            assert_eq!(recipient.address(), old);
        }
    }

    #[test]
    fn debug_shows_no_number() {
        let group: Recipient = "15550100001-1600000000@g.us".parse().unwrap();
        assert_eq!(format!("{group:?}"), "…@g.us");
    }
}
