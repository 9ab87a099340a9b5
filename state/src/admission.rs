//! Applies the allowlist to each message. The message is journaled, or replaced by a `Dropped` event, or held in the
//! store until its sender is resolved. A message is always in exactly one of these states.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use openclaw_types::{ChatId, Contact, DropReason, Dropped, EventData, MessageId};
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

/// The maximum number of held messages.
pub const MAX_HELD_MESSAGES: usize = 1_000;
/// Held messages are dropped after this time, even if WhatsApp was never reachable.
const MAX_HOLD_TIME: Duration = Duration::from_secs(24 * 3600);

/// The allowlist, with the state that its verdicts need.
pub struct Admission {
    allowlist: Arc<Allowlist>,
    authorship: Authorship,
    journal: Arc<Journal>,
    people: Arc<dyn People>,
    vault: Vault,
    traffic: Arc<Traffic>,
    /// The marks of parked messages, which are held only to preserve the order of their conversation.
    parked_marks: Mutex<HashSet<Mark>>,
    /// How long a message is held while WhatsApp does not answer.
    resolve_timeout: Duration,
}

/// A held message.
#[derive(Serialize, Deserialize)]
pub struct Held {
    /// When it arrived, in milliseconds since 1970.
    #[serde(rename = "t")]
    at: u64,
    #[serde(rename = "m")]
    mark: Mark,
    #[serde(rename = "w")]
    what: EventData,
    /// For a parked message: the messages that precede it in its conversation and have not arrived yet.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    behind: Option<Vec<MessageId>>,
}

/// A parked message: it is held only to preserve the order of its conversation.
pub struct Parked {
    /// The mark of the message.
    pub mark: Mark,
    /// The chat of the message.
    pub chat: ChatId,
    /// The messages that must arrive first.
    pub behind: Vec<MessageId>,
}

impl Admission {
    /// Creates the admission step in front of `journal`.
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
            admission.journal.mark_arrived(held.mark);
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

    /// The rules on who may change which message.
    #[must_use]
    pub fn authorship(&self) -> &Authorship {
        &self.authorship
    }

    /// The number of held messages, parked ones included.
    #[must_use]
    pub fn count_held(&self) -> usize {
        self.vault.update(|update| update.count(Tables::HELD))
    }

    /// The number of messages that are held because their sender is not resolved.
    fn count_unknown(&self) -> usize {
        self.count_held().saturating_sub(self.parked_marks().len())
    }

    fn parked_marks(&self) -> MutexGuard<'_, HashSet<Mark>> {
        self.parked_marks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Parks an allowed message until [`Admission::release`]: the messages in `behind` precede it and have not
    /// arrived yet.
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

    /// The messages that an earlier session or process parked, in order. Messages that have arrived since are removed
    /// from their `behind`.
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

    /// Moves parked messages into the journal, in this order.
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

    /// The number of held messages from this sender.
    #[must_use]
    pub fn count_held_of(&self, contact: &Contact) -> usize {
        let theirs = |what: &EventData| {
            what.origin()
                .is_some_and(|origin| self.allowlist.is_same(&origin.sender, contact))
        };
        let held = self.held();
        held.iter().filter(|(_, held)| theirs(&held.what)).count()
    }

    /// Judges messages on their way into the journal. Returns the messages to journal and the messages to hold; the
    /// caller must make both durable before it acknowledges them. Senders are judged by the addresses that WhatsApp
    /// sent with the message; addresses learnt earlier are added afterwards.
    pub fn judge(&self, arrivals: Vec<Arrival>, now: SystemTime) -> (Vec<Arrival>, Vec<Held>) {
        let senders = arrivals.iter().filter_map(|arrival| {
            let origin = arrival.what.as_ref()?.origin()?;
            Some(&origin.sender)
        });
        // The addresses in these messages may resolve held ones, which must be journaled first.
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
                // Senders were resolved elsewhere in the meantime: their held messages must be journaled first.
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
                Verdict::Hold => self.dropped(what.as_ref(), VerdictReason::TooManyHeld),
                Verdict::Drop(reason) => self.dropped(what.as_ref(), reason),
            };
            let what = what.map(|what| {
                let what = self.people.resolve_contacts(what);
                self.people.learn_name(&what, now);
                self.authorship.judge(what, &judged)
            });
            judged.push(Arrival { name, what });
        }
        if !held.is_empty() {
            self.allowlist.changed();
        }
        (judged, held)
    }

    /// Judges held messages again. `asked` means that WhatsApp was just asked and did not answer, so expired holds
    /// end now.
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
                Verdict::Allow(_) => Some(what),
                Verdict::Drop(reason) => self.dropped(Some(&what), reason),
                Verdict::Hold if age > MAX_HOLD_TIME || (asked && age > self.resolve_timeout) => {
                    self.dropped(Some(&what), VerdictReason::NotResolved)
                }
                Verdict::Hold => continue,
            };
            let Some(what) = what else {
                self.vault.update(|update| update.batch().delete(row(&id)));
                continue;
            };
            let what = self.people.resolve_contacts(what);
            self.people.learn_name(&what, now);
            let what = self.authorship.judge(what, &[]);
            self.journal
                .release(mark, &what, now, |batch| batch.delete(row(&id)));
        }
    }

    fn held(&self) -> Vec<(Vec<u8>, Held)> {
        let rows = self.vault.scan(Tables::HELD, None);
        let read = |Entry { id, value, .. }: Entry| {
            // A row of a newer version cannot be decoded; it stays for that version.
            let held = ciborium::from_reader(value.as_slice()).ok()?;
            Some((id, held))
        };
        rows.into_iter().filter_map(read).collect()
    }

    /// The event in the place of one that is not allowed. `None` for a change of a group or a call: they are not reported at
    /// all.
    fn dropped(&self, what: Option<&EventData>, reason: VerdictReason) -> Option<EventData> {
        let what = what?;
        let origin = what.origin()?;
        if matches!(what, EventData::GroupChange(_) | EventData::Call(_)) {
            tracing::debug!(
                reason = reason.name(),
                "group change or call dropped by the allowlist"
            );
            return None;
        }
        self.traffic.count_dropped();
        tracing::info!(
            id = origin.id.as_str(),
            reason = reason.name(),
            sender = %masked(&origin.sender),
            group = origin.group,
            "message dropped by the allowlist"
        );
        Some(EventData::Dropped(Dropped {
            id: origin.id.clone(),
            chat: origin.chat.clone(),
            sender: origin.sender.clone(),
            from_me: Some(origin.from_me),
            sent_at: Some(origin.sent_at),
            offline: Some(origin.offline),
            reason: DropReason::from(reason),
        }))
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
    /// Writes those held messages into the batch that the journal has set aside. If a message was twice in the batch,
    /// its other copy may have become an event.
    pub fn keep(held: &[Self], aside: &[Mark], batch: &mut Batch) {
        let kept = held.iter().filter(|held| aside.contains(&held.mark));
        kept.for_each(|held| held.put(batch));
    }

    fn put(&self, batch: &mut Batch) {
        let mut bytes = Zeroizing::new(Vec::with_capacity(512 + self.what.heap_bytes()));
        ciborium::into_writer(self, &mut *bytes).expect("writing into a vector cannot fail");
        // The key is the message's mark, so a redelivery replaces the row.
        batch.put(row(&self.mark.to_bytes()), &bytes);
    }
}

/// Contains messages, so nothing is shown.
impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission").finish_non_exhaustive()
    }
}
