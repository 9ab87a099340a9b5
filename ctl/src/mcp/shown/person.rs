//! People, times and words.

use openclaw_proto::Word;
use openclaw_proto::v1::{Contact, ContactInfo, LookupResult};
use prost_types::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::mcp::untrusted::{Cleaner, MAX_LISTED_CHARS, UntrustedText, id};
use crate::render::word::word;

/// A person, by number, by LID, or both.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Person {
    /// The phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// WhatsApp's id of the person, "…@lid".
    #[serde(skip_serializing_if = "Option::is_none")]
    lid: Option<String>,
}

impl Person {
    pub(crate) fn of(contact: &Contact) -> Self {
        let Contact { phone, lid } = contact;
        Self {
            phone: id(phone),
            lid: id(lid),
        }
    }

    pub(crate) fn known(contact: Option<&Contact>) -> Option<Self> {
        contact.map(Self::of)
    }
}

/// RFC 3339, in UTC.
pub(crate) fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// The word of an enum; `None` if it is unspecified.
pub(crate) fn known<T: Word>(value: i32) -> Option<String> {
    (value != 0).then(|| word::<T>(value).to_owned())
}

/// What is known of a person.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ContactShown {
    /// Their number and LID.
    contact: Option<Person>,
    /// Whether it is a business account.
    business: bool,
    /// Whether they have a picture that this account may see.
    has_picture: bool,
    /// When WhatsApp was asked last.
    asked_at: Option<String>,
    /// The name in the phone's address book is `chat_name`, the one that they gave themselves `sender_name`, the "about"
    /// text `text`, and the verified name of a business in `details`.
    untrusted_text: UntrustedText,
}

impl From<&ContactInfo> for ContactShown {
    fn from(info: &ContactInfo) -> Self {
        let ContactInfo {
            contact,
            push_name,
            saved_name,
            business,
            verified_name,
            about,
            about_set_at: _,
            picture_id,
            asked_at,
        } = info;
        let mut cleaner = Cleaner::new(MAX_LISTED_CHARS);
        let verified = cleaner.name(verified_name);
        Self {
            contact: Person::known(contact.as_ref()),
            business: *business,
            has_picture: !picture_id.is_empty(),
            asked_at: time(*asked_at),
            untrusted_text: UntrustedText {
                sender_name: cleaner.name(push_name),
                chat_name: cleaner.name(saved_name),
                text: cleaner.text(about),
                details: Some(verified)
                    .filter(|it| !it.is_empty())
                    .into_iter()
                    .collect(),
                shortened: cleaner.shortened,
                ..UntrustedText::default()
            },
        }
    }
}

/// Which numbers are on WhatsApp.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Lookups {
    /// One for each number, in the order of the request.
    pub(crate) results: Vec<LookupShown>,
}

/// What WhatsApp knows of a number.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LookupShown {
    /// The number, as it was asked for.
    number: String,
    /// Whether it is on WhatsApp.
    on_whatsapp: bool,
    /// The person, with the number as WhatsApp spells it.
    contact: Option<Person>,
    /// Whether it is a business account.
    business: bool,
}

impl From<&LookupResult> for LookupShown {
    fn from(result: &LookupResult) -> Self {
        let LookupResult {
            number,
            on_whatsapp,
            contact,
            business,
            checked_at: _,
        } = result;
        Self {
            number: id(number).unwrap_or_default(),
            on_whatsapp: *on_whatsapp,
            contact: Person::known(contact.as_ref()),
            business: *business,
        }
    }
}
