//! What is known of a person besides their addresses: names, "about" text, picture.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::Contact;
use crate::stored::maybe_time;

/// The maximum length of a person's names, in characters. WhatsApp's clients accept shorter ones.
pub const MAX_NAME_CHARS: usize = 100;
/// The maximum length of an "about" text, in characters. WhatsApp's clients accept 139.
pub const MAX_ABOUT_CHARS: usize = 256;
/// The maximum length of a picture's id, which is a number.
const MAX_PICTURE_ID_CHARS: usize = 32;

/// What is known of a person. Texts are empty where nothing is known.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Who it is.
    #[serde(rename = "c")]
    pub contact: Contact,
    /// The name that they gave themselves.
    #[serde(rename = "p", default)]
    pub push_name: String,
    /// Their name in the address book of the account's phone.
    #[serde(rename = "s", default)]
    pub saved_name: String,
    /// It is a business account.
    #[serde(rename = "b", default)]
    pub business: bool,
    /// The verified name of a business.
    #[serde(rename = "v", default)]
    pub verified_name: String,
    /// Their "about" text. Empty too if the account may not see it.
    #[serde(rename = "a", default)]
    pub about: String,
    /// When they set it, by WhatsApp's clock, if known.
    #[serde(rename = "t", with = "maybe_time", default)]
    pub about_set_at: Option<SystemTime>,
    /// The id of their picture. Empty too if the account may not see it.
    #[serde(rename = "i", default)]
    pub picture_id: String,
    /// When WhatsApp was last asked, in agent time. `None`: never.
    #[serde(rename = "q", with = "maybe_time", default)]
    pub asked_at: Option<SystemTime>,
    /// WhatsApp has reported a change since, but not of what.
    #[serde(rename = "o", default)]
    pub outdated: bool,
    /// When the person was last seen or asked about, in agent time: the least recent ones are forgotten first.
    #[serde(rename = "u", with = "maybe_time", default)]
    pub used_at: Option<SystemTime>,
}

impl Profile {
    /// The name to show: the one that the account's owner chose, else their own.
    #[must_use]
    pub fn name(&self) -> &str {
        let names = [&self.saved_name, &self.push_name, &self.verified_name];
        names
            .into_iter()
            .find(|it| !it.is_empty())
            .map_or("", String::as_str)
    }

    /// Cuts all texts at their limits: people and servers write them.
    pub fn cut(&mut self) {
        let Self {
            push_name,
            saved_name,
            verified_name,
            about,
            picture_id,
            ..
        } = self;
        for name in [push_name, saved_name, verified_name] {
            cut(name, MAX_NAME_CHARS);
        }
        cut(about, MAX_ABOUT_CHARS);
        cut(picture_id, MAX_PICTURE_ID_CHARS);
    }
}

fn cut(text: &mut String, chars: usize) {
    if let Some((end, _)) = text.char_indices().nth(chars) {
        text.truncate(end);
    }
}

/// Shows no name and no text.
impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_not_shown() {
        let long = "я".repeat(64 * 1024);
        let mut profile = Profile {
            push_name: long.clone(),
            saved_name: long.clone(),
            verified_name: long.clone(),
            about: long.clone(),
            picture_id: long,
            ..Profile::default()
        };
        profile.cut();
        assert_eq!(profile.push_name.chars().count(), MAX_NAME_CHARS);
        assert_eq!(profile.about.chars().count(), MAX_ABOUT_CHARS);
        assert_eq!(profile.picture_id.chars().count(), MAX_PICTURE_ID_CHARS);
        assert!(!format!("{profile:?}").contains('я'));
    }

    #[test]
    fn the_name_in_the_address_book_comes_first() {
        let mut profile = Profile::default();
        assert_eq!(profile.name(), "");
        profile.verified_name = "Harbour Office".into();
        assert_eq!(profile.name(), "Harbour Office");
        profile.push_name = "Anna".into();
        assert_eq!(profile.name(), "Anna");
        profile.saved_name = "Anna from work".into();
        assert_eq!(profile.name(), "Anna from work");
    }
}
