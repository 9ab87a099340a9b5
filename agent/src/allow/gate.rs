//! The gate that every message passes: the rules in force, who was admitted beside them, and which LIDs the numbers in
//! them have.
//!
//! It asks nobody: whoever speaks to WhatsApp asks for [`Gate::unresolved`] numbers and tells [`Gate::learn`] the answer.
//! A LID that is not known is nobody's until every number in the rules has been asked for: only then is a sender who
//! shows no number told apart from those who are admitted.

mod told;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use openclaw_vault::{Batch, Key};
use tokio::sync::watch;

pub use self::told::{Failed, Refused, Summary};
use super::policy::{Because, Entry, Place, Rules, Sender, Verdict, Who};
use super::source::{Error, Loaded, Source};
use crate::model::{ChatId, Contact, Lid, Phone};
use crate::vault::{Tables, Vault, to_millis};

/// For how long WhatsApp's answer about a number's LID counts. People keep theirs; numbers change hands.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// How many entries may be added beside the file.
pub const MOST_ADDED: usize = 1_000;

/// What was learnt of numbers and LIDs in earlier lives, and from messages.
pub trait Book: Send + Sync {
    /// The number behind a LID.
    fn number_of(&self, lid: &Lid) -> Option<Phone>;
    /// The LID of a number.
    fn lid_of(&self, phone: &Phone) -> Option<Lid>;
}

/// The gate.
pub struct Gate {
    source: Source,
    vault: Vault,
    book: Box<dyn Book>,
    state: Mutex<State>,
    /// Counts changes of what is in force.
    changes: watch::Sender<u64>,
}

struct State {
    rules: Option<Rules>,
    from_file: bool,
    loaded_at: SystemTime,
    failed: Option<Failed>,
    added: Vec<Entry>,
    lids: HashMap<Phone, Asked>,
}

/// What is known of a number's LID.
#[derive(Clone, Debug, Default)]
struct Asked {
    lid: Option<Lid>,
    /// When WhatsApp last said so; `None` if that was in an earlier life.
    at: Option<SystemTime>,
}

impl Gate {
    /// The gate with the rules that were loaded, and with those whom the vault remembers to be admitted beside them.
    #[must_use]
    pub fn open(
        source: Source,
        loaded: Loaded,
        vault: Vault,
        book: Box<dyn Book>,
        now: SystemTime,
    ) -> Self {
        let Loaded { rules, from_file } = loaded;
        let added = remembered(&vault);
        let mut state = State {
            rules,
            from_file,
            loaded_at: now,
            failed: None,
            added,
            lids: HashMap::new(),
        };
        state.look_up(&*book);
        Self {
            source,
            vault,
            book,
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
        }
    }

    /// What is to be done with a message that `sender` wrote in `chat`.
    #[must_use]
    pub fn judge(
        &self,
        sender: &Contact,
        chat: &ChatId,
        from_me: bool,
        now: SystemTime,
    ) -> Verdict {
        if from_me {
            return Verdict::Admit(Because::Own);
        }
        let state = self.state();
        let State {
            rules, added, lids, ..
        } = &*state;
        let Some(rules) = rules else {
            return Verdict::Admit(Because::NoRules);
        };
        // By LID first: WhatsApp writes some numbers otherwise than people do (Brazil, Mexico, Argentina), and then the
        // number in a message is not the one in the rules, but its LID is.
        let listed = sender.lid.as_ref().and_then(|lid| {
            let mut listed = lids.iter();
            let listed = listed.find(|(_, asked)| asked.lid.as_ref() == Some(lid));
            listed.map(|(phone, _)| phone.clone())
        });
        let known = || sender.lid.as_ref().and_then(|lid| self.book.number_of(lid));
        let phone = listed.or_else(|| sender.phone.clone()).or_else(known);
        let known = Sender {
            phone: phone.as_ref(),
            lid: sender.lid.as_ref(),
            told_apart: sender.lid.is_none() || !lids.values().any(|asked| asked.is_stale(now)),
        };
        let group = chat.jid().ends_with("@g.us").then(|| chat.jid());
        rules.judge(known, group, added)
    }

    /// Numbers in the rules that WhatsApp should be asked about.
    #[must_use]
    pub fn unresolved(&self, now: SystemTime) -> Vec<Phone> {
        let state = self.state();
        let stale = state.lids.iter().filter(|(_, asked)| asked.is_stale(now));
        stale.map(|(phone, _)| phone.clone()).collect()
    }

    /// Which LIDs numbers have, as WhatsApp says now; `None` where it knows of none.
    pub fn learn(&self, told: Vec<(Phone, Option<Lid>)>, now: SystemTime) {
        let mut state = self.state();
        for (phone, lid) in told {
            if let Some(asked) = state.lids.get_mut(&phone) {
                *asked = Asked { lid, at: Some(now) };
            }
        }
    }

    /// Reads the rules again. Those before stay when that does not work.
    ///
    /// # Errors
    /// There should be rules, and there are none that can be meant.
    pub fn reload(&self, now: SystemTime) -> Result<(), Error> {
        let had_file = self.state().from_file;
        let loaded = self.source.load(had_file);
        let mut state = self.state();
        match loaded {
            Ok(Loaded { rules, from_file }) => {
                state.rules = rules;
                state.from_file = from_file;
                state.loaded_at = now;
                state.failed = None;
                state.look_up(&*self.book);
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

    /// Admits somebody beside the rules, for good. False when that was so already. Durable on return.
    ///
    /// # Errors
    /// It would mean nothing, or not what it seems to.
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
            if state.holder(&who).is_some() {
                return Ok(false);
            }
            if state.added.len() >= MOST_ADDED {
                return Err(Refused::TooMany);
            }
            let mut batch = Batch::new();
            let name = who.to_string();
            batch.put(row(&name), &to_millis(now).to_be_bytes());
            state.added.push(Entry {
                who,
                place: Place::Added,
            });
            state.look_up(&*self.book);
            batch
        };
        self.vault.commit(&batch).await;
        self.changed();
        Ok(true)
    }

    /// Takes back what was added. Durable on return.
    ///
    /// # Errors
    /// The file has it, or nobody added it.
    pub async fn remove(&self, who: &Who) -> Result<(), Refused> {
        let batch = {
            let mut state = self.state();
            let count = state.added.len();
            state.added.retain(|entry| entry.who != *who);
            if state.added.len() == count {
                return Err(match state.holder(who) {
                    Some(place) => Refused::InFile {
                        file: self.place(state.from_file),
                        place,
                    },
                    None => Refused::Absent,
                });
            }
            state.look_up(&*self.book);
            let mut batch = Batch::new();
            let name = who.to_string();
            batch.delete(row(&name));
            batch
        };
        self.vault.commit(&batch).await;
        self.changed();
        Ok(())
    }

    /// What is in force.
    #[must_use]
    pub fn summary(&self, now: SystemTime) -> Summary {
        let state = self.state();
        let stale = state.lids.values().filter(|asked| asked.is_stale(now));
        Summary {
            rules: state.rules.clone(),
            file: state.from_file.then(|| self.place(true)),
            loaded_at: state.loaded_at,
            added: state.added.clone(),
            failed: state.failed.clone(),
            unresolved: stale.count(),
        }
    }

    /// Hears which number and LID a message says its sender has. True when that is news about somebody in the rules.
    pub fn hear(&self, sender: &Contact, now: SystemTime) -> bool {
        self.state().hear(sender, now)
    }

    /// The LID of a number, as far as it is known here.
    #[must_use]
    pub fn lid_of(&self, phone: &Phone) -> Option<Lid> {
        let listed = self
            .state()
            .lids
            .get(phone)
            .and_then(|asked| asked.lid.clone());
        listed.or_else(|| self.book.lid_of(phone))
    }

    /// The number of a LID, as far as it is known here.
    #[must_use]
    pub fn number_of(&self, lid: &Lid) -> Option<Phone> {
        self.book.number_of(lid)
    }

    /// Takes up who was added according to a vault whose content was replaced.
    pub fn recall(&self) {
        let mut state = self.state();
        state.added = remembered(&self.vault);
        state.look_up(&*self.book);
        drop(state);
        self.changed();
    }

    /// Follows changes of what is in force.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Somebody waits to be told apart, or the rules changed.
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
    /// Forgets numbers that are in no rule any more, and looks up those that are new.
    fn look_up(&mut self, book: &dyn Book) {
        let mut before = std::mem::take(&mut self.lids);
        let Some(rules) = &self.rules else {
            return;
        };
        for phone in rules.numbers(&self.added) {
            let asked = before.remove(phone).unwrap_or_else(|| Asked {
                lid: book.lid_of(phone),
                at: None,
            });
            self.lids.insert(phone.clone(), asked);
        }
    }

    /// A message tells the LID of a number: that is as good as an answer.
    fn hear(&mut self, sender: &Contact, now: SystemTime) -> bool {
        let (Some(phone), Some(lid)) = (&sender.phone, &sender.lid) else {
            return false;
        };
        let Some(asked) = self.lids.get_mut(phone) else {
            return false;
        };
        let news = asked.is_stale(now) || asked.lid.as_ref() != Some(lid);
        *asked = Asked {
            lid: Some(lid.clone()),
            at: Some(now),
        };
        news
    }

    /// Where an entry stands, if it does.
    fn holder(&self, who: &Who) -> Option<Place> {
        let rules = self.rules.as_ref()?;
        let listed = rules.people.iter().chain(rules.groups.iter().flatten());
        let mut listed = listed.chain(&self.added);
        let held = listed.find(|entry| entry.who == *who);
        held.map(|entry| entry.place)
    }
}

impl Asked {
    fn is_stale(&self, now: SystemTime) -> bool {
        let age = self.at.map(|at| now.duration_since(at).unwrap_or_default());
        age.is_none_or(|age| age > FRESH)
    }
}

/// Numbers are inside.
impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

fn row(name: &str) -> Key<'_> {
    Key::new(Tables::ALLOW, "", name)
}

/// Who was admitted in earlier lives. A row that this version cannot read admits nobody.
fn remembered(vault: &Vault) -> Vec<Entry> {
    let rows = vault.scan(Tables::ALLOW, None);
    let names = rows
        .iter()
        .filter_map(|row| std::str::from_utf8(&row.id).ok());
    names
        .filter_map(super::file::kept)
        .map(|who| Entry {
            who,
            place: Place::Added,
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
