//! Applies the allowlist to each message: it is reported, or replaced by an event that it was dropped, or held in the
//! store until its sender is resolved. A message is always in exactly one of these states.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use openclaw_types::{ChatId, Contact, DropReason, Dropped, EventData, MessageId, Origin};
use openclaw_vault::{Batch, Entry, Key};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::allow::{Allowlist, Verdict, VerdictReason};
use crate::authorship::Authorship;
use crate::journal::{Arrival, Journal, Mark};
use crate::outbox::Outbox;
use crate::people::People;
use crate::traffic::Traffic;
use crate::vault::{Tables, Vault, to_millis};

/// How many messages may wait for their sender to be resolved.
pub const MAX_HELD_MESSAGES: usize = 1_000;
/// Held messages are dropped after this, even if WhatsApp was never reachable.
const MAX_HOLD_TIME: Duration = Duration::from_secs(24 * 3600);

/// The allowlist, and what is done with its verdicts.
pub struct Admission {
    allowlist: Arc<Allowlist>,
    authorship: Authorship,
    journal: Arc<Journal>,
    people: Arc<dyn People>,
    vault: Vault,
    traffic: Arc<Traffic>,
    /// Messages that are held for their place in their conversation alone.
    parked_marks: Mutex<HashSet<Mark>>,
    /// How long a message is held while WhatsApp does not answer.
    resolve_timeout: Duration,
}

/// A message that is held.
#[derive(Serialize, Deserialize)]
pub struct Held {
    /// When it came, in milliseconds since 1970.
    #[serde(rename = "t")]
    at: u64,
    #[serde(rename = "m")]
    mark: Mark,
    #[serde(rename = "w")]
    what: EventData,
    /// It is held for its place in its conversation alone, behind these and what is held so before it.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    behind: Option<Vec<MessageId>>,
}

/// A message that is held for its place in its conversation alone.
pub struct Parked {
    /// Its mark.
    pub mark: Mark,
    /// Its chat.
    pub chat: ChatId,
    /// What is to arrive before it.
    pub behind: Vec<MessageId>,
}

impl Admission {
    /// The way into this journal.
    #[must_use]
    pub fn new(
        allowlist: Arc<Allowlist>,
        outbox: Arc<Outbox>,
        journal: Arc<Journal>,
        people: Arc<dyn People>,
        vault: Vault,
        traffic: Arc<Traffic>,
        resolve_timeout: Duration,
    ) -> Self {
        let admission = Self {
            allowlist,
            authorship: Authorship::new(Arc::clone(&journal), outbox, Arc::clone(&people)),
            journal,
            people,
            vault,
            traffic,
            parked_marks: Mutex::default(),
            resolve_timeout,
        };
        for (_, held) in admission.held() {
            admission.journal.remember(held.mark);
            if held.behind.is_some() {
                admission.parked_marks().insert(held.mark);
            }
        }
        admission
    }

    /// The allowlist.
    #[must_use]
    pub fn allowlist(&self) -> &Arc<Allowlist> {
        &self.allowlist
    }

    /// Who may change what.
    #[must_use]
    pub fn authorship(&self) -> &Authorship {
        &self.authorship
    }

    /// How many messages are held.
    #[must_use]
    pub fn count_held(&self) -> usize {
        self.vault.update(|update| update.count(Tables::HELD))
    }

    /// How many of them are held until the sender is resolved them.
    fn count_unknown(&self) -> usize {
        self.count_held().saturating_sub(self.parked_marks().len())
    }

    fn parked_marks(&self) -> MutexGuard<'_, HashSet<Mark>> {
        self.parked_marks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Parks a judged message until [`Admission::release`]: those in `behind` came before it and are still on their way.
    pub fn park(
        &self,
        arrival: &mut Arrival,
        behind: Vec<MessageId>,
        now: SystemTime,
    ) -> Option<Held> {
        let (at, mark) = (to_millis(now), arrival.name.mark());
        let what = arrival.what.take()?;
        self.parked_marks().insert(mark);
        Some(Held {
            at,
            mark,
            what,
            behind: Some(behind),
        })
    }

    /// What an earlier session or process had parked, in its order. What has arrived since is not waited for any more.
    #[must_use]
    pub fn parked(&self) -> Vec<Parked> {
        let held = self.held().into_iter();
        let parked = held.filter_map(|(_, held)| {
            let chat = held.what.chat()?.clone();
            let mut behind = held.behind?;
            behind.retain(|id| self.journal.written(id).is_empty());
            let mark = held.mark;
            Some(Parked { mark, chat, behind })
        });
        parked.collect()
    }

    /// Gives the journal what was held back, in this order.
    pub fn release(&self, marks: &[Mark], now: SystemTime) {
        for mark in marks {
            self.parked_marks().remove(mark);
            let id = mark.to_bytes();
            let Some(bytes) = self.vault.load(row(&id)) else {
                continue;
            };
            let Ok(Held { what, .. }) = ciborium::from_reader(bytes.as_slice()) else {
                continue;
            };
            let what = self
                .authorship
                .judge(self.people.resolve_contacts(what), &[]);
            self.journal
                .release(*mark, &what, now, |batch| batch.delete(row(&id)));
        }
    }

    /// How many of them someone wrote.
    #[must_use]
    pub fn count_held_of(&self, contact: &Contact) -> usize {
        let theirs = |what: &EventData| {
            what.origin()
                .is_some_and(|origin| self.allowlist.is_same(&origin.sender, contact))
        };
        let held = self.held();
        held.iter().filter(|(_, held)| theirs(&held.what)).count()
    }

    /// Judges messages on their way into the journal: what it is to take, and what is held instead. That must be kept, and
    /// durable, before the messages are acknowledged. Senders are judged by what WhatsApp sent with the message; what is
    /// known of them from before is added afterwards.
    pub fn judge(&self, arrivals: Vec<Arrival>, now: SystemTime) -> (Vec<Arrival>, Vec<Held>) {
        let senders = arrivals.iter().filter_map(|arrival| {
            let origin = arrival.what.as_ref()?.origin()?;
            Some(&origin.sender)
        });
        // What these show of their senders may free those before them, and they come first.
        let news = senders
            .filter(|sender| self.allowlist.learn_sender(sender, now))
            .count();
        if news > 0 {
            self.settle(now, false);
        }
        let mut count = self.count_unknown();
        let (mut judged, mut held) = (Vec::with_capacity(arrivals.len()), Vec::new());
        for Arrival { name, what } in arrivals {
            let Some(origin) = what.as_ref().and_then(EventData::origin) else {
                let what = what.map(|what| self.people.resolve_contacts(what));
                judged.push(Arrival { name, what });
                continue;
            };
            let verdict = self
                .allowlist
                .judge(&origin.sender, &origin.chat, origin.from_me, now);
            if matches!(verdict, Verdict::Allow(_))
                && count > 0
                && self.count_held_of(&origin.sender) > 0
            {
                // Who they are was learnt elsewhere meanwhile: what they wrote before comes first.
                self.settle(now, false);
            }
            let what = match verdict {
                Verdict::Allow(_) => what,
                Verdict::Hold if count < MAX_HELD_MESSAGES => {
                    let (at, mark) = (to_millis(now), name.mark());
                    held.extend(what.map(|what| Held {
                        at,
                        mark,
                        what,
                        behind: None,
                    }));
                    count += 1;
                    None
                }
                Verdict::Hold => Some(self.dropped(origin, VerdictReason::TooManyHeld)),
                Verdict::Drop(reason) => Some(self.dropped(origin, reason)),
            };
            let what = what.map(|what| self.people.resolve_contacts(what));
            let what = what.map(|what| self.authorship.judge(what, &judged));
            judged.push(Arrival { name, what });
        }
        if !held.is_empty() {
            self.allowlist.changed();
        }
        (judged, held)
    }

    /// Judges again what is held. `asked` says that WhatsApp was just asked in vain: then there is an end to it.
    pub fn settle(&self, now: SystemTime, asked: bool) {
        for (id, Held { at, mark, what, .. }) in self.held() {
            if self.parked_marks().contains(&mark) {
                continue;
            }
            let Some(origin) = what.origin() else {
                continue;
            };
            let age = Duration::from_millis(to_millis(now).saturating_sub(at));
            let verdict = self
                .allowlist
                .judge(&origin.sender, &origin.chat, origin.from_me, now);
            let what = match verdict {
                Verdict::Allow(_) => what,
                Verdict::Drop(reason) => self.dropped(origin, reason),
                Verdict::Hold if age > MAX_HOLD_TIME || (asked && age > self.resolve_timeout) => {
                    self.dropped(origin, VerdictReason::NotResolved)
                }
                Verdict::Hold => continue,
            };
            let what = self.people.resolve_contacts(what);
            let what = self.authorship.judge(what, &[]);
            self.journal
                .release(mark, &what, now, |batch| batch.delete(row(&id)));
        }
    }

    fn held(&self) -> Vec<(Vec<u8>, Held)> {
        let rows = self.vault.scan(Tables::HELD, None);
        let read = |Entry { id, value, .. }: Entry| {
            // One that this version cannot read stays: a later one may.
            let held = ciborium::from_reader(value.as_slice()).ok()?;
            Some((id, held))
        };
        rows.into_iter().filter_map(read).collect()
    }

    fn dropped(&self, origin: &Origin, reason: VerdictReason) -> EventData {
        self.traffic.count_dropped();
        tracing::info!(
            id = origin.id.as_str(),
            reason = reason.name(),
            sender = %masked(&origin.sender),
            group = origin.group,
            "message dropped by the allowlist"
        );
        EventData::Dropped(Dropped {
            id: origin.id.clone(),
            chat: origin.chat.clone(),
            sender: origin.sender.clone(),
            from_me: Some(origin.from_me),
            sent_at: Some(origin.sent_at),
            offline: Some(origin.offline),
            reason: DropReason::from(reason),
        })
    }
}

fn masked(sender: &Contact) -> String {
    match &sender.phone {
        Some(phone) => phone.to_string(),
        None => "a LID".to_owned(),
    }
}

fn row(id: &[u8]) -> Key<'_> {
    Key::new(Tables::HELD, "", id)
}

impl Held {
    /// Lets a batch keep those of these that the journal has set aside: of a message that came twice in a batch, the other
    /// copy may have become an event.
    pub fn keep(held: &[Self], aside: &[Mark], batch: &mut Batch) {
        let kept = held.iter().filter(|held| aside.contains(&held.mark));
        kept.for_each(|held| held.put(batch));
    }

    fn put(&self, batch: &mut Batch) {
        let mut bytes = Zeroizing::new(Vec::with_capacity(512 + self.what.heap_bytes()));
        ciborium::into_writer(self, &mut *bytes).expect("a vector takes what is written to it");
        // Named as the message is: one that is delivered again takes its own place.
        batch.put(row(&self.mark.to_bytes()), &bytes);
    }
}

/// Messages are inside.
impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission").finish_non_exhaustive()
    }
}
