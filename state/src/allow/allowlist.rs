//! The allowlist that judges every message: the active rules, the entries added at runtime, and the LIDs of the
//! numbers in them.
//!
//! It does not contact WhatsApp: the resolver looks up the [`Allowlist::unresolved`] numbers and passes the answers
//! to [`Allowlist::learn`]. A person is judged by all known addresses. A LID that no answer contains is known to be
//! unlisted only once the LID of every number in the rules is known. An unlisted number is known to be unlisted only
//! once its own LID is known as well: it may be another spelling of a listed number.

mod numbers;
mod summary;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use openclaw_vault::{Batch, Key};
use tokio::sync::watch;

use self::numbers::Numbers;
pub use self::summary::{Failed, Refused, Summary};
use openclaw_types::{ChatId, Contact, Lid, Phone, Recipient};

use super::policy::{Entry, EntryPlace, Index, Recipients, Rules, Verdict, VerdictReason, Who};
use super::source::{Error, Loaded, Source};
use crate::send_to::SendTo;
use crate::vault::{Tables, Vault, to_millis};

/// The maximum number of entries added at runtime.
pub const MAX_ADDED_ENTRIES: usize = 1_000;

/// Numbers and LIDs that were learnt in earlier processes and from messages.
pub trait Book: Send + Sync {
    /// The number that belongs to a LID.
    fn number_of(&self, lid: &Lid) -> Option<Phone>;
    /// The LID of a number.
    fn lid_of(&self, phone: &Phone) -> Option<Lid>;
}

/// The active rules, with the known numbers and LIDs.
pub struct Allowlist {
    source: Source,
    vault: Vault,
    book: Box<dyn Book>,
    state: Mutex<State>,
    /// The version of the active rules: incremented by every change.
    changes: watch::Sender<u64>,
}

struct State {
    rules: Option<Arc<Rules>>,
    /// The limit of `allowTo`; `None` if the account may write to anyone.
    send_to: Option<Arc<SendTo>>,
    /// The index of the rules and of `added`; `None` without rules.
    index: Option<Index>,
    from_file: bool,
    loaded_at: SystemTime,
    failed: Option<Failed>,
    added: Vec<Entry>,
    numbers: Numbers,
}

impl Allowlist {
    /// Creates the allowlist from the loaded rules and the entries added in the vault.
    #[must_use]
    pub fn open(
        source: Source,
        loaded: Loaded,
        vault: Vault,
        book: Box<dyn Book>,
        now: SystemTime,
    ) -> Self {
        let Loaded { rules, from_file } = loaded;
        let added = load_added(&vault);
        let mut state = State {
            rules: rules.map(Arc::new),
            send_to: None,
            index: None,
            from_file,
            loaded_at: now,
            failed: None,
            added,
            numbers: Numbers::default(),
        };
        state.look_up();
        Self {
            source,
            vault,
            book,
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
        }
    }

    /// The verdict on a message from `sender` in `chat`.
    #[must_use]
    pub fn judge(
        &self,
        sender: &Contact,
        chat: &ChatId,
        from_me: bool,
        now: SystemTime,
    ) -> Verdict {
        if from_me {
            return Verdict::Allow(VerdictReason::Own);
        }
        let mut state = self.state();
        let State { index, numbers, .. } = &mut *state;
        let Some(index) = index else {
            return Verdict::Allow(VerdictReason::NoRules);
        };
        let person = numbers.person(sender, &*self.book, now);
        let all_answered = numbers.count_unanswered(now) == 0;
        let group = chat.jid().ends_with("@g.us").then(|| chat.jid());
        let verdict = index.judge(&person.sender(all_answered), group);
        if verdict == Verdict::Hold && person.is_unknown() {
            numbers.ask_about(sender);
        }
        verdict
    }

    /// The numbers to look up at WhatsApp: those in the rules, and those of held senders without a known LID. At most
    /// a thousand at a time.
    #[must_use]
    pub fn unresolved(&self, now: SystemTime) -> Vec<Phone> {
        self.state().numbers.unresolved(now)
    }

    /// Records the LIDs that WhatsApp reported for these numbers; `None` if it knows none.
    pub fn learn(&self, answers: Vec<(Phone, Option<Lid>)>, now: SystemTime) {
        let mut state = self.state();
        for (phone, lid) in answers {
            state.numbers.learn(phone, lid, now);
        }
    }

    /// True if two contacts are known to be the same person.
    #[must_use]
    pub fn is_same(&self, a: &Contact, b: &Contact) -> bool {
        let state = self.state();
        let lid = |contact: &Contact| {
            let phone = contact.phone.as_ref();
            let answered = || phone.and_then(|phone| state.numbers.lid_of(phone).cloned());
            let from_book = || phone.and_then(|phone| self.book.lid_of(phone));
            contact.lid.clone().or_else(answered).or_else(from_book)
        };
        let same_phone = a.phone.is_some() && a.phone == b.phone;
        same_phone || lid(a).is_some_and(|a| lid(b) == Some(a))
    }

    /// Reloads the rules. On an error the previous rules stay active.
    ///
    /// # Errors
    /// There should be rules, but none that are valid.
    pub fn reload(&self, now: SystemTime) -> Result<(), Error> {
        let had_file = self.state().from_file;
        let loaded = self.source.load(had_file);
        let mut state = self.state();
        match loaded {
            Ok(Loaded { rules, from_file }) => {
                state.rules = rules.map(Arc::new);
                state.from_file = from_file;
                state.loaded_at = now;
                state.failed = None;
                state.look_up();
                drop(state);
                self.changed();
                Ok(())
            }
            Err(error) => {
                let why = chain(&error);
                state.failed = Some(Failed { at: now, why });
                Err(error)
            }
        }
    }

    /// Adds an entry permanently. Returns false if it was added before. Durable on return.
    ///
    /// # Errors
    /// The entry would have no effect, or a misleading one.
    pub async fn add(&self, who: Who, now: SystemTime) -> Result<bool, Refused> {
        let batch = {
            let mut state = self.state();
            let Some(rules) = &state.rules else {
                return Err(Refused::NoRules);
            };
            match who {
                Who::Anyone => return Err(Refused::Anyone),
                Who::Group(_) if rules.groups.is_none() => return Err(Refused::EveryGroup),
                _ => {}
            }
            let index = state.index.as_ref();
            if index.is_some_and(|index| index.place_of(&who).is_some()) {
                return Ok(false);
            }
            if state.added.len() >= MAX_ADDED_ENTRIES {
                return Err(Refused::TooMany);
            }
            let mut batch = Batch::new();
            let name = who.to_string();
            batch.put(row(&name), &to_millis(now).to_be_bytes());
            state.added.push(Entry {
                who,
                place: EntryPlace::Added,
            });
            state.look_up_added();
            batch
        };
        self.vault.commit(&batch).await;
        self.changed();
        Ok(true)
    }

    /// Removes an entry that was added at runtime. Durable on return.
    ///
    /// # Errors
    /// The entry is in the file, or was never added.
    pub async fn remove(&self, who: &Who) -> Result<(), Refused> {
        let batch = {
            let mut state = self.state();
            let count = state.added.len();
            state.added.retain(|entry| entry.who != *who);
            if state.added.len() == count {
                let index = state.index.as_ref();
                return Err(match index.and_then(|index| index.place_of(who)) {
                    Some(place) => Refused::InFile {
                        file: self.place(state.from_file),
                        place,
                    },
                    None => Refused::Absent,
                });
            }
            state.look_up_added();
            let mut batch = Batch::new();
            let name = who.to_string();
            batch.delete(row(&name));
            batch
        };
        self.vault.commit(&batch).await;
        self.changed();
        Ok(())
    }

    /// The active rules.
    #[must_use]
    pub fn summary(&self, now: SystemTime) -> Summary {
        let mut state = self.state();
        let unresolved = state.numbers.count_unanswered(now);
        Summary {
            rules: state.rules.clone(),
            file: state.from_file.then(|| self.place(true)),
            loaded_at: state.loaded_at,
            added: state.added.clone(),
            failed: state.failed.clone(),
            unresolved,
        }
    }

    /// Records the number and LID that a message shows for its sender. Returns true if this is new for someone in the
    /// rules, or for a sender with held messages.
    pub fn learn_sender(&self, sender: &Contact, now: SystemTime) -> bool {
        self.state().numbers.learn_sender(sender, now)
    }

    /// The recipients that the account may write to; `None`: anyone.
    #[must_use]
    pub fn send_to(&self) -> Option<Arc<SendTo>> {
        self.state().send_to.clone()
    }

    /// Whether all LIDs are known that could show that a limit names this recipient.
    #[must_use]
    pub fn knows_lids(&self, limit: &SendTo, to: &Recipient, now: SystemTime) -> bool {
        let is_known = |recipient: &Recipient| match recipient {
            Recipient::Phone(phone) => self.is_known(phone, now),
            Recipient::Lid(_) | Recipient::Group(_) => true,
        };
        matches!(to, Recipient::Group(_)) || is_known(to) && limit.recipients.iter().all(is_known)
    }

    /// The LID of a number, if known.
    #[must_use]
    pub fn lid_of(&self, phone: &Phone) -> Option<Lid> {
        let answered = self.state().numbers.lid_of(phone).cloned();
        answered.or_else(|| self.book.lid_of(phone))
    }

    /// True if the LID of a number is known, or WhatsApp has answered that it has none.
    #[must_use]
    pub fn is_known(&self, phone: &Phone, now: SystemTime) -> bool {
        self.state().numbers.is_answered(phone, now) || self.lid_of(phone).is_some()
    }

    /// The number of a LID, if known.
    #[must_use]
    pub fn number_of(&self, lid: &Lid) -> Option<Phone> {
        self.book.number_of(lid)
    }

    /// Reloads the added entries after the contents of the vault were replaced.
    pub fn recall(&self) {
        let mut state = self.state();
        state.added = load_added(&self.vault);
        state.look_up();
        drop(state);
        self.changed();
    }

    /// Subscribes to changes of the active rules.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Notifies the resolver: a sender must be resolved, or the rules have changed.
    pub fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn place(&self, from_file: bool) -> String {
        if from_file {
            self.source.path().display().to_string()
        } else {
            "the environment".to_owned()
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Rebuilds the index, and updates the set of numbers to resolve.
    fn look_up(&mut self) {
        self.index = self
            .rules
            .as_ref()
            .map(|rules| Index::new(rules, &self.added));
        let to = self.rules.as_ref().and_then(|rules| rules.to.as_ref());
        self.send_to = to.and_then(Recipients::limit).map(Arc::new);
        match &self.index {
            Some(index) => self.numbers.follow(index),
            None => self.numbers = Numbers::default(),
        }
    }

    /// Like `look_up`, if only `added` has changed.
    fn look_up_added(&mut self) {
        if let Some(index) = &mut self.index {
            index.set_added(&self.added);
            self.numbers.follow(index);
        }
    }
}

/// Contains numbers, so nothing is shown.
impl std::fmt::Debug for Allowlist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Allowlist").finish_non_exhaustive()
    }
}

fn row(name: &str) -> Key<'_> {
    Key::new(Tables::ALLOW, "", name)
}

/// The entries added by earlier processes. A row that this version cannot read is skipped, so it allows no one.
fn load_added(vault: &Vault) -> Vec<Entry> {
    let rows = vault.scan(Tables::ALLOW, None);
    let names = rows
        .iter()
        .filter_map(|row| std::str::from_utf8(&row.id).ok());
    names
        .filter_map(super::file::kept)
        .map(|who| Entry {
            who,
            place: EntryPlace::Added,
        })
        .collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
