//! The type of a file of the directory, from its name.
//!
//! Baileys names a key's file `<type>-<id>.json`, with `/` as `__` and `:` as `-`. In general this is ambiguous; for
//! the types here it is not.

use whatsapp_rust::wacore::types::jid::JidExt as _;
use whatsapp_rust::{Jid, Server};

use super::json;

/// More than the longest user or group id in use.
const MAX_ID_BYTES: usize = 96;
/// Prekey ids have three bytes on the wire.
const MAX_PREKEY_ID: u32 = 0xff_ffff;

/// A file that the import uses, or knowingly skips.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    PreKey(u32),
    Session(Address),
    Identity(Address),
    SenderKey {
        group: String,
        sender: Address,
    },
    SenderKeyMemory {
        group: String,
    },
    SyncKey(Vec<u8>),
    SyncVersion(String),
    /// By phone number.
    LidMapping(String),
    /// By LID.
    PnMapping(String),
    TcToken {
        user: String,
        lid: bool,
    },
    /// Not imported, because it is fetched from WhatsApp again.
    Refetched,
    /// One of the types, but with an invalid id.
    Unreadable,
}

/// A device address as libsignal-node writes it: `user[_domain].device`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) user: String,
    pub(super) domain: Domain,
    pub(super) device: u16,
}

/// The namespace of the user.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Domain {
    /// A phone number; before Baileys 7 also a LID.
    Unmarked,
    Lid,
    Hosted,
    HostedLid,
}

impl Name {
    /// `None` for a file that does not belong to the account: of another channel, or of unknown origin.
    pub(super) fn of(file: &str) -> Option<Self> {
        let stem = file.strip_suffix(".json")?;
        // The longer of two prefixes must be tried first.
        let name = if let Some(id) = stem.strip_prefix("sender-key-memory-") {
            group(id).map(|group| Self::SenderKeyMemory { group })
        } else if let Some(id) = stem.strip_prefix("sender-key-") {
            sender_key(id)
        } else if let Some(id) = stem.strip_prefix("pre-key-") {
            let id = id
                .parse()
                .ok()
                .filter(|id| (1..=MAX_PREKEY_ID).contains(id));
            id.map(Self::PreKey)
        } else if let Some(id) = stem.strip_prefix("session-") {
            address(id).map(Self::Session)
        } else if let Some(id) = stem.strip_prefix("identity-key-") {
            address(id).map(Self::Identity)
        } else if let Some(id) = stem.strip_prefix("app-state-sync-key-") {
            sync_key(id)
        } else if let Some(id) = stem.strip_prefix("app-state-sync-version-") {
            (id.len() <= MAX_ID_BYTES).then(|| Self::SyncVersion(id.to_owned()))
        } else if let Some(id) = stem.strip_prefix("lid-mapping-") {
            mapping(id)
        } else if let Some(id) = stem.strip_prefix("tctoken-") {
            token(id)
        } else if stem.starts_with("device-list-") {
            Some(Self::Refetched)
        } else {
            return None;
        };
        Some(name.unwrap_or(Self::Unreadable))
    }
}

impl Address {
    /// The key that whatsapp-rust uses for sessions and identities.
    pub(super) fn key(&self) -> String {
        self.jid().to_protocol_address_string()
    }

    /// The user's first device, under which sender keys are stored, whichever device wrote to the group.
    pub(super) fn bare(&self) -> Self {
        Self {
            device: 0,
            ..self.clone()
        }
    }

    pub(super) fn moved(&self, user: &str, domain: Domain) -> Self {
        Self {
            user: user.to_owned(),
            domain,
            device: self.device,
        }
    }

    fn jid(&self) -> Jid {
        let server = match self.domain {
            Domain::Unmarked => Server::Pn,
            Domain::Lid => Server::Lid,
            Domain::Hosted => Server::Hosted,
            Domain::HostedLid => Server::HostedLid,
        };
        Jid::new(self.user.as_str(), server).with_device(self.device)
    }
}

fn user(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
    (!text.is_empty() && text.len() <= MAX_ID_BYTES && text.chars().all(plain))
        .then(|| text.to_owned())
}

/// Parses `123@g.us`, `15550100001-1400000000@g.us`, `status@broadcast`.
fn group(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.@".contains(c);
    let fits = text.len() <= MAX_ID_BYTES && text.chars().all(plain) && text.parse::<Jid>().is_ok();
    (fits && text.contains('@')).then(|| text.to_owned())
}

fn address(text: &str) -> Option<Address> {
    let (marked, device) = text.rsplit_once('.')?;
    marked_address(marked, device)
}

fn marked_address(marked: &str, device: &str) -> Option<Address> {
    let (name, domain) = match marked.split_once('_') {
        None => (marked, Domain::Unmarked),
        Some((name, "1")) => (name, Domain::Lid),
        Some((name, "128")) => (name, Domain::Hosted),
        Some((name, "129")) => (name, Domain::HostedLid),
        Some(_) => return None,
    };
    Some(Address {
        user: user(name)?,
        domain,
        device: device.parse().ok()?,
    })
}

/// Split from the right, because the id of an old group contains a dash too.
fn sender_key(id: &str) -> Option<Name> {
    let (rest, device) = id.rsplit_once("--")?;
    let (group_id, marked) = rest.rsplit_once("--")?;
    Some(Name::SenderKey {
        group: group(group_id)?,
        sender: marked_address(marked, device)?,
    })
}

fn sync_key(id: &str) -> Option<Name> {
    let id = json::base64(&id.replace("__", "/"))?;
    (!id.is_empty() && id.len() <= MAX_ID_BYTES).then_some(Name::SyncKey(id))
}

fn mapping(id: &str) -> Option<Name> {
    match id.strip_suffix("_reverse") {
        Some(lid) => user(lid).map(Name::PnMapping),
        None => user(id).map(Name::LidMapping),
    }
}

fn token(id: &str) -> Option<Name> {
    if id == "__index" {
        return Some(Name::Refetched);
    }
    let (name, server) = id.split_once('@')?;
    let name = name.split('-').next()?;
    let lid = match server {
        "lid" | "hosted.lid" => true,
        "s.whatsapp.net" | "c.us" | "hosted" => false,
        _ => return None,
    };
    user(name).map(|user| Name::TcToken { user, lid })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session_key(file: &str) -> Option<String> {
        match Name::of(file)? {
            Name::Session(address) => Some(address.key()),
            _ => None,
        }
    }

    #[test]
    fn a_session_is_stored_under_the_librarys_address() {
        for (file, key) in [
            ("session-15550100002.0.json", "15550100002@c.us.0"),
            ("session-15550100002.3.json", "15550100002:3@c.us.0"),
            ("session-125081686442798_1.0.json", "125081686442798@lid.0"),
            (
                "session-125081686442798_1.12.json",
                "125081686442798:12@lid.0",
            ),
            ("session-15550100002_128.99.json", "15550100002:99@hosted.0"),
            (
                "session-125081686442798_129.99.json",
                "125081686442798:99@hosted.lid.0",
            ),
        ] {
            assert_eq!(session_key(file).as_deref(), Some(key), "{file}");
        }
    }

    #[test]
    fn a_group_with_a_dash_in_its_id_is_separated_from_its_sender() {
        let name = Name::of("sender-key-15550100001-1400000000@g.us--125081686442798_1--4.json");
        let Some(Name::SenderKey { group, sender }) = name else {
            panic!("the name is not that of a sender key");
        };
        assert_eq!(group, "15550100001-1400000000@g.us");
        assert_eq!(sender.key(), "125081686442798:4@lid.0");
        assert_eq!(sender.bare().key(), "125081686442798@lid.0");
    }

    #[test]
    fn a_slash_in_the_id_of_a_sync_key_is_restored() {
        let name = Name::of("app-state-sync-key-AAA__+w==.json");
        assert!(name == Some(Name::SyncKey(vec![0, 0, 0x3f, 0xfb])));
    }

    #[test]
    fn foreign_files_belong_to_no_account() {
        for file in [
            "oauth.json",
            "telegram-allow-from.json",
            "session-15550100002.0.json.tmp",
            ".creds.backup.4f2a",
            "pre-key",
            "whatsapp",
        ] {
            assert!(Name::of(file).is_none(), "{file}");
        }
    }

    #[test]
    fn an_invalid_name_is_reported_as_unreadable() {
        for file in [
            "session-.json",
            "session-15550100002.json",
            "session-15550100002.70000.json",
            "session-15550100002_7.0.json",
            "session-../../etc.0.json",
            "pre-key-0.json",
            "pre-key-16777216.json",
            "pre-key-x.json",
            "sender-key-g@g.us.json",
            "sender-key---.json",
            "app-state-sync-key-.json",
            "tctoken-1.json",
        ] {
            assert!(Name::of(file) == Some(Name::Unreadable), "{file}");
        }
    }

    #[test]
    fn data_that_whatsapp_sends_again_is_not_imported() {
        assert!(Name::of("device-list-15550100002.json") == Some(Name::Refetched));
        assert!(Name::of("tctoken-__index.json") == Some(Name::Refetched));
    }
}
