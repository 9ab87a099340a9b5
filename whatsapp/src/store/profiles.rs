//! What is known of people: their names from messages and from the phone's address book, and what WhatsApp answers when
//! it is asked about them. The changes that it reports are applied.
//!
//! A person has one row, under the LID if it is known, else under the number.

use std::time::{Duration, SystemTime};

use openclaw_state::people::People as _;
use openclaw_state::vault::{Tables, Update};
use openclaw_types::{ChatId, Contact, Lid, Profile};
use openclaw_vault::Key;

use super::Store;
use super::records::{decode, encode};

/// The maximum number of people. With all texts at their limits a row has about 2.5 KiB.
const MAX_ROWS: usize = 4_096;
/// Without room for another person, so many are forgotten at once: to find them, all rows are read. Those go first that the
/// phone has not saved, because it never sends a name again, and among them those that were not seen for longest.
const ROWS_FORGOTTEN_AT_ONCE: usize = MAX_ROWS / 8;
/// That a person was seen again is written no more often.
const SEEN_INTERVAL: Duration = Duration::from_secs(24 * 3600);

fn row(jid: &str) -> Key<'_> {
    Key::new(Tables::PROFILES, "", jid)
}

impl Store {
    /// What is known of a person, with all their known addresses.
    #[must_use]
    pub fn profile(&self, who: &Contact) -> Option<Profile> {
        let (who, jids) = self.addresses(who);
        let rows = jids.iter();
        let rows = rows.filter_map(|jid| decode(&self.vault().load(row(jid))?));
        let mut profile: Profile = rows.reduce(joined)?;
        profile.contact = who;
        Some(profile)
    }

    /// Applies what was learnt of a person, who may be new. Only written if it changes something; becomes durable with the
    /// next commit of the vault.
    pub(crate) fn see(&self, who: &Contact, now: SystemTime, learn: impl FnOnce(&mut Profile)) {
        self.write_profile(who, now, true, learn);
    }

    /// Whether a person was seen lately under this name. Reads one row: every message asks.
    pub(crate) fn is_seen_as(&self, who: &Contact, name: &str, now: SystemTime) -> bool {
        let lid = who.lid.as_ref();
        let known = lid.and_then(|lid| decode(&self.vault().load(row(&lid.jid()))?));
        known.is_some_and(|known: Profile| known.push_name == name && is_recent(&known, now))
    }

    /// Applies a change that WhatsApp has reported of a person, if anything is known of them.
    pub(crate) fn change_profile(
        &self,
        who: &Contact,
        now: SystemTime,
        change: impl FnOnce(&mut Profile),
    ) {
        self.write_profile(who, now, false, change);
    }

    fn write_profile(
        &self,
        who: &Contact,
        now: SystemTime,
        is_new: bool,
        change: impl FnOnce(&mut Profile),
    ) {
        let (who, jids) = self.addresses(who);
        let Some((canonical, others)) = jids.split_first() else {
            return;
        };
        self.vault().update(|update| {
            let known: Option<Profile> = load(update, canonical);
            let other = others.iter().find_map(|jid| load(update, jid));
            let is_moved = other.is_some();
            let before = known.clone();
            let joined = [known, other].into_iter().flatten().reduce(joined);
            if joined.is_none() && !is_new {
                return;
            }
            if before.is_none() && !is_moved {
                make_room(update);
            }
            let mut profile = joined.unwrap_or_default();
            profile.contact = who;
            change(&mut profile);
            profile.cut();
            if before.as_ref() == Some(&profile) && !is_moved && is_recent(&profile, now) {
                return;
            }
            profile.used_at = Some(now);
            if let Ok(bytes) = encode(&profile) {
                update.batch().put(row(canonical), &bytes);
            }
            for jid in others.iter().filter(|_| is_moved) {
                update.batch().delete(row(jid));
            }
        });
    }

    /// The person with all known addresses, the number as WhatsApp spells it.
    #[must_use]
    pub fn person(&self, who: &Contact) -> Contact {
        let mut who = who.clone();
        let by_number = who.phone.as_ref().map(ChatId::of_phone);
        if let Some(name) = by_number.and_then(|chat| self.chat_name(&chat)) {
            let Contact { phone, lid } = Contact::of_jid(name.jid());
            who.phone = phone.or(who.phone);
            who.lid = who.lid.or(lid);
        }
        self.resolve_contact(who)
    }

    /// The person, and their JIDs: the canonical one first.
    fn addresses(&self, who: &Contact) -> (Contact, Vec<String>) {
        let who = self.person(who);
        let lid = who.lid.as_ref().map(Lid::jid);
        let number = who.phone.as_ref();
        let number = number.map(|phone| ChatId::of_phone(phone).jid().to_owned());
        let jids = lid.into_iter().chain(number).collect();
        (who, jids)
    }
}

fn load(update: &Update<'_>, jid: &str) -> Option<Profile> {
    decode(&update.load(row(jid))?)
}

/// One person's rows by LID and by number, from before it was known that they belong together.
fn joined(by_lid: Profile, by_number: Profile) -> Profile {
    let (asked, other) = match by_lid.asked_at < by_number.asked_at {
        true => (by_number, by_lid),
        false => (by_lid, by_number),
    };
    let text = |one: String, other: String| if one.is_empty() { other } else { one };
    Profile {
        push_name: text(asked.push_name, other.push_name),
        saved_name: text(asked.saved_name, other.saved_name),
        used_at: asked.used_at.max(other.used_at),
        ..asked
    }
}

fn is_recent(profile: &Profile, now: SystemTime) -> bool {
    let age = profile.used_at.map(|at| now.duration_since(at));
    age.is_some_and(|age| age.is_ok_and(|age| age < SEEN_INTERVAL))
}

fn make_room(update: &mut Update<'_>) {
    if update.count(Tables::PROFILES) < MAX_ROWS {
        return;
    }
    let rows = update.scan(Tables::PROFILES, None);
    // A row that cannot be read goes first.
    let worth = |profile: Profile| (!profile.saved_name.is_empty(), profile.used_at);
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|it| (decode(&it.value).map(worth), it.id))
        .collect();
    rows.sort_unstable();
    for (_, jid) in rows.iter().take(ROWS_FORGOTTEN_AT_ONCE) {
        update.batch().delete(Key::new(Tables::PROFILES, "", jid));
    }
}

#[cfg(test)]
mod tests {
    use openclaw_state::vault::trial::Volume;
    use openclaw_types::{MAX_ABOUT_CHARS, MAX_NAME_CHARS};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn lid(n: usize) -> Contact {
        Contact::of_jid(&format!("{n}@lid"))
    }

    fn number(n: usize) -> Contact {
        Contact::of_jid(&format!("1555010{n:04}@s.whatsapp.net"))
    }

    fn name(store: &Store, who: &Contact) -> Option<String> {
        store.profile(who).map(|profile| profile.push_name)
    }

    #[tokio::test]
    async fn names_survive_a_restart_and_a_change_needs_a_known_person() {
        let mut volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        store.see(&lid(1), at(0), |it| it.push_name = "Anna".into());
        store.change_profile(&lid(1), at(1), |it| it.about = "at sea".into());
        store.change_profile(&lid(2), at(1), |it| it.about = "ashore".into());
        volume.vault.flush().await;
        volume.reopen();
        let store = Store::new(volume.vault.clone());
        let anna = store.profile(&lid(1)).unwrap();
        assert_eq!((&*anna.push_name, &*anna.about), ("Anna", "at sea"));
        assert_eq!(store.profile(&lid(2)), None);
    }

    #[tokio::test]
    async fn a_person_whose_lid_becomes_known_is_one_person() {
        let volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        store.see(&number(1), at(0), |it| {
            it.saved_name = "Anna from work".into();
        });
        store.see(&lid(1), at(1), |it| it.push_name = "Anna".into());
        store.learn("1@lid", "15550100001@s.whatsapp.net");
        for who in [number(1), lid(1)] {
            let anna = store.profile(&who).unwrap();
            assert_eq!(anna.name(), "Anna from work");
            assert_eq!(anna.push_name, "Anna");
            assert!(anna.contact.phone.is_some() && anna.contact.lid.is_some());
        }
        store.see(&lid(1), at(2), |it| it.push_name = "Annabel".into());
        let rows = volume.vault.scan(Tables::PROFILES, None);
        assert_eq!(rows.len(), 1);
        let anna = store.profile(&number(1)).unwrap();
        assert_eq!(
            (anna.name(), &*anna.push_name),
            ("Anna from work", "Annabel")
        );
    }

    #[tokio::test]
    async fn the_least_recent_people_are_forgotten_and_texts_are_bounded() {
        let volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        for n in 0..MAX_ROWS {
            store.see(&lid(n), at(n as u64), |it| it.push_name = "A".into());
        }
        store.change_profile(&lid(2), at(2), |it| it.saved_name = "Anna".into());
        // The first one is seen again, a day later.
        store.see(&lid(0), at(90_000), |it| it.push_name = "A".into());
        let long = "я".repeat(64 * 1024);
        store.see(&lid(MAX_ROWS), at(90_001), |it| {
            it.push_name.clone_from(&long);
            it.about.clone_from(&long);
        });
        let rows = volume.vault.scan(Tables::PROFILES, None);
        assert_eq!(rows.len(), MAX_ROWS - ROWS_FORGOTTEN_AT_ONCE + 1);
        assert!(rows.iter().all(|row| row.value.len() < 2_560));
        assert!(name(&store, &lid(0)).is_some());
        assert!(name(&store, &lid(1)).is_none());
        assert!(name(&store, &lid(2)).is_some());
        assert!(name(&store, &lid(ROWS_FORGOTTEN_AT_ONCE + 1)).is_none());
        assert!(name(&store, &lid(ROWS_FORGOTTEN_AT_ONCE + 2)).is_some());
        let last = store.profile(&lid(MAX_ROWS)).unwrap();
        assert_eq!(last.push_name.chars().count(), MAX_NAME_CHARS);
        assert_eq!(last.about.chars().count(), MAX_ABOUT_CHARS);
    }

    #[tokio::test]
    async fn a_name_that_is_known_is_not_written_again() {
        let volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        let used = |store: &Store| store.profile(&lid(1)).unwrap().used_at;
        store.see(&lid(1), at(0), |it| it.push_name = "Anna".into());
        store.see(&lid(1), at(10), |it| it.push_name = "Anna".into());
        assert_eq!(used(&store), Some(at(0)));
        store.see(&lid(1), at(90_000), |it| it.push_name = "Anna".into());
        assert_eq!(used(&store), Some(at(90_000)));
    }
}
