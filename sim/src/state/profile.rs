//! Profiles: picture, about text, business name, timer, privacy settings, blocked contacts.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use data_encoding::BASE64;

use crate::clock::unix_now;
use crate::number::Number;
use crate::wire::file::sha256;

/// The values of privacy settings that select who sees something.
const AUDIENCES: &[&str] = &["all", "contacts", "contact_blacklist", "none"];

/// The privacy settings and their values; the first is the default.
const SETTINGS: [(&str, &[&str]); 9] = [
    ("readreceipts", &["all", "none"]),
    ("profile", AUDIENCES),
    ("status", AUDIENCES),
    ("online", &["all", "match_last_seen"]),
    ("last", AUDIENCES),
    ("groupadd", AUDIENCES),
    ("calladd", &["all", "known", "contacts"]),
    ("messages", &["all", "contacts"]),
    ("defense", &["off", "on_standard"]),
];

/// The value that has a list of exceptions.
pub(crate) const ALL_EXCEPT: &str = "contact_blacklist";

/// One person's profile.
#[derive(Default)]
pub(crate) struct Profile {
    pub(crate) picture: Option<Picture>,
    /// The text, and when it was set.
    pub(crate) about: Option<(String, u64)>,
    /// The verified name of a business.
    pub(crate) business: Option<String>,
    /// The default timer of new chats in seconds, and when it was set.
    pub(crate) timer: (u32, u64),
    /// The settings that differ from their default.
    settings: BTreeMap<&'static str, &'static str>,
    /// The exceptions, by setting.
    except: BTreeMap<&'static str, BTreeSet<Number>>,
    /// The blocked contacts, and since when.
    pub(crate) blocked: BTreeMap<Number, u64>,
}

/// A profile picture, of a person or a group.
#[derive(Clone)]
pub(crate) struct Picture {
    pub(crate) id: u64,
    /// On the media host.
    pub(crate) direct_path: String,
    pub(crate) bytes: Bytes,
}

impl Picture {
    pub(crate) fn hash(&self) -> String {
        BASE64.encode(&sha256(&self.bytes))
    }
}

/// The setting and value with these names, if they exist.
pub(crate) fn setting(name: &str, value: &str) -> Option<(&'static str, &'static str)> {
    let (name, values) = SETTINGS.into_iter().find(|(known, _)| *known == name)?;
    let value = values.iter().find(|known| **known == value)?;
    Some((name, value))
}

impl Profile {
    pub(crate) fn set(&mut self, name: &'static str, value: &'static str) {
        self.settings.insert(name, value);
    }

    /// The value of a setting.
    pub(crate) fn value(&self, name: &str) -> &'static str {
        let mut settings = self.settings();
        let found = settings.find(|(known, _)| *known == name);
        found.map_or("all", |(_, value)| value)
    }

    /// All settings, with WhatsApp's names and values.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        SETTINGS.into_iter().map(|(name, values)| {
            let set = self.settings.get(name).copied();
            (name, set.unwrap_or(values[0]))
        })
    }

    /// Adds or removes an exception of a setting.
    pub(crate) fn set_exception(&mut self, setting: &'static str, who: Number, out: bool) {
        let except = self.except.entry(setting).or_default();
        match out {
            true => except.insert(who),
            false => except.remove(&who),
        };
    }

    /// A hash of the exceptions, by which clients detect that their list is outdated.
    pub(crate) fn except_hash(&self, setting: &str) -> String {
        let except = self.except.get(setting).into_iter().flatten();
        list_hash(except)
    }

    /// A hash of the blocked contacts.
    pub(crate) fn blocked_hash(&self) -> String {
        list_hash(self.blocked.keys())
    }

    /// Blocks or unblocks a contact.
    pub(crate) fn block(&mut self, who: &Number, blocked: bool) {
        if blocked {
            self.blocked.entry(who.clone()).or_insert_with(unix_now);
        } else {
            self.blocked.remove(who);
        }
    }

    /// Whether a person may see the field of this setting. A contact is a person who has exchanged messages with the
    /// owner.
    pub(crate) fn shows(&self, setting: &str, to: &Number, is_contact: bool) -> bool {
        let value = self.value(setting);
        let left_out = || self.except.get(setting).is_some_and(|it| it.contains(to));
        let in_audience = match value {
            "none" => false,
            "contacts" => is_contact,
            ALL_EXCEPT => is_contact && !left_out(),
            _ => true,
        };
        in_audience && !self.blocked.contains_key(to)
    }
}

fn list_hash<'a>(list: impl Iterator<Item = &'a Number>) -> String {
    let names: Vec<String> = list.map(Number::lid_user).collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => BASE64.encode(&sha256(names.join(",").as_bytes())[..9]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_controls_who_sees_a_field() {
        let contact: Number = "+15550100002".parse().expect("a number");
        let mut profile = Profile::default();
        assert!(profile.shows("profile", &contact, false), "by default");
        for (value, stranger, known) in [
            ("all", true, true),
            ("contacts", false, true),
            ("contact_blacklist", false, true),
            ("none", false, false),
        ] {
            let (name, value) = setting("profile", value).expect("a setting");
            profile.set(name, value);
            assert_eq!(
                profile.shows("profile", &contact, false),
                stranger,
                "{value}"
            );
            assert_eq!(profile.shows("profile", &contact, true), known, "{value}");
        }
        let (name, value) = setting("profile", ALL_EXCEPT).expect("a setting");
        profile.set(name, value);
        assert_eq!(profile.except_hash(name), "none");
        profile.set_exception(name, contact.clone(), true);
        assert_ne!(profile.except_hash(name), "none");
        assert!(!profile.shows("profile", &contact, true));
        assert!(profile.shows("status", &contact, true));
        profile.block(&contact, true);
        assert!(!profile.shows("status", &contact, true));
    }

    #[test]
    fn only_whatsapps_settings_and_values_are_accepted() {
        assert!(setting("online", "match_last_seen").is_some());
        assert!(setting("online", "none").is_none());
        assert!(setting("shoe_size", "all").is_none());
        assert_eq!(Profile::default().settings().count(), SETTINGS.len());
    }
}
