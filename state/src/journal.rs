//! Events in order, durable, in constant memory: what WatchEvents reads.
//!
//! An event is written into the vault together with whatever belongs to it, and shown once it is durable: a seq that someone
//! has seen never stands for another event. A subscriber is a cursor, woken by a `watch` of the head: there is no queue per
//! client. What is older than the retention goes, and a cursor that points before it gets a gap. It knows no WhatsApp type.
//!
//! ```text
//! append ──> vault's log ──fsync──> head ──> subscribers
//!                └── a chunk at a time ──> journal-N.seg ──> let go of when too old or too many
//! ```

mod ages;
mod aside;
mod authors;
mod damage;
mod mark;
mod tally;
mod tidying;
mod unseen;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use openclaw_types::{Event, EventData, Lost, Seq};
use openclaw_vault::{Batch, Error, JournalTables};
use tokio::sync::{Notify, watch};

use crate::clock;
use crate::failpoint::{self, Failpoint};
use crate::vault::{Sealed, Tables, Ticket, Vault, from_millis, ok_or_abort, to_millis};

use ages::Ages;
use aside::Aside;
pub use authors::Written;
pub use damage::Damage;
pub use mark::{Mark, MessageName};
use tally::Tally;
use unseen::Unseen;

const TABLES: JournalTables = JournalTables {
    rows: Tables::JOURNAL,
    files: Tables::JOURNAL_SEGMENTS,
    state: Tables::JOURNAL_STATE,
};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, as they are sealed.
    pub bytes: u64,
    /// Time since an event was recorded, in which the agent ran or the machine did.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            age: Duration::from_secs(7 * 86_400),
        }
    }
}

/// The events.
pub struct Journal {
    vault: Vault,
    limits: Limits,
    state: Mutex<State>,
    /// The newest durable event.
    head: watch::Sender<Seq>,
    appended: Notify,
    tally: Tally,
}

struct State {
    kept: openclaw_vault::Journal,
    ages: Ages,
    aside: Aside,
    unseen: Unseen,
    /// Events that cannot be read any more, by the first of each range.
    damaged: BTreeMap<Seq, Damage>,
    /// Events that were written and may not be durable yet: the last of each write.
    unshown: VecDeque<(Ticket, Seq)>,
}

/// A message that WhatsApp delivered, by the names that it has in a redelivery, too.
pub struct Arrival {
    /// What names it.
    pub name: MessageName,
    /// What it is. `None` is for no one to see, and is remembered only.
    pub what: Option<EventData>,
}

/// What a cursor finds.
#[derive(Debug, Default)]
pub struct Page {
    /// Events that were asked for and are gone: first and last, both included.
    pub gap: Option<(Seq, Seq)>,
    /// The gap is of events that should be there: their file is missing or damaged.
    pub damaged: bool,
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// Everything up to here has been looked at: where the next page starts.
    pub cursor: Seq,
}

impl Journal {
    /// Finds the journal in the vault, or begins one there.
    #[must_use]
    pub fn open(vault: Vault, limits: Limits, now: SystemTime) -> Self {
        // An erased vault keeps nothing, and is asked for nothing.
        let (kept, unseen) = vault
            .with(|sealed| {
                let kept = openclaw_vault::Journal::open(sealed, TABLES, first(now))?;
                Ok((kept, Unseen::open(sealed)?))
            })
            .map(ok_or_abort)
            .expect("a vault that was just opened is not erased");
        // What was found was made durable when the vault was opened.
        let head = Seq(kept.head());
        let mut aside = Aside::default();
        unseen.marks().for_each(|mark| aside.insert(mark));
        let state = State {
            ages: Ages::open(&vault, head.0),
            kept,
            aside,
            unseen,
            damaged: BTreeMap::new(),
            unshown: VecDeque::new(),
        };
        Self {
            vault,
            limits,
            state: Mutex::new(state),
            head: watch::Sender::new(head),
            appended: Notify::new(),
            tally: Tally::default(),
        }
    }

    /// Adds an event. It becomes durable, and is shown, within a moment. `at` is in the agent's time, here and below: the
    /// event has what the system's clock shows for it.
    pub fn append(&self, what: EventData, at: SystemTime) -> Seq {
        self.append_with(what, at, |_| {})
    }

    /// Adds an event together with other changes of the vault: all of them last, or none.
    #[expect(clippy::needless_pass_by_value, reason = "the caller made it for this")]
    pub fn append_with(
        &self,
        what: EventData,
        at: SystemTime,
        also: impl FnOnce(&mut Batch),
    ) -> Seq {
        let event = self.counted(&what);
        let mut state = self.state();
        let mut batch = Batch::new();
        let mark = match &what {
            EventData::Outcome(outcome) => Mark::of_sent(outcome.sent.id.as_str()).0,
            _ => 0,
        };
        let seq = Seq(state.kept.push(&mut batch, recorded(at), mark, &event));
        also(&mut batch);
        self.write(&mut state, &batch);
        seq
    }

    /// Adds those of the messages that have not arrived before, together with other changes of the vault. These are given
    /// the marks of the new ones that are no event: what is kept elsewhere of another was an event before.
    pub fn arrive(
        &self,
        arrivals: Vec<Arrival>,
        at: SystemTime,
        also: impl FnOnce(&mut Batch, &[Mark]),
    ) -> Ticket {
        let mut state = self.state();
        let mut batch = Batch::new();
        let mut aside = Vec::new();
        for Arrival { name, what } in arrivals {
            if self.has(&state, &name) {
                continue;
            }
            let mark = name.mark();
            match what {
                Some(what) => {
                    let event = self.counted(&what);
                    state.kept.push(&mut batch, recorded(at), mark.0, &event);
                }
                None => {
                    state.aside.insert(mark);
                    state.unseen.push(mark, &mut batch);
                    aside.push(mark);
                }
            }
        }
        also(&mut batch, &aside);
        self.write(&mut state, &batch)
    }

    /// As [`Journal::arrive`], and returns once all of that is durable, or once `enough` is: what lets the messages be found
    /// again, should the power go.
    pub async fn arrived(
        &self,
        arrivals: Vec<Arrival>,
        at: SystemTime,
        enough: Ticket,
        also: impl FnOnce(&mut Batch, &[Mark]),
    ) {
        failpoint::pass(Failpoint::Journaling);
        let ticket = self.arrive(arrivals, at, also);
        failpoint::pass(Failpoint::Journaled);
        if !self.vault.is_durable(enough) {
            self.vault.durable(ticket).await;
            self.show();
        }
        failpoint::reach(Failpoint::Durable).await;
    }

    /// Adds a message that has arrived before and was kept elsewhere until now, together with other changes of the vault. One
    /// that is an event under the same mark already is not added again.
    pub fn release(
        &self,
        mark: Mark,
        what: &EventData,
        at: SystemTime,
        also: impl FnOnce(&mut Batch),
    ) {
        let mut state = self.state();
        let mut batch = Batch::new();
        if !self.is_event(&state, &[mark.0]) {
            let event = self.counted(what);
            state.kept.push(&mut batch, recorded(at), mark.0, &event);
        }
        also(&mut batch);
        self.write(&mut state, &batch);
    }

    /// Takes a message for one that has arrived, because it is kept elsewhere.
    pub fn remember(&self, mark: Mark) {
        self.state().aside.insert(mark);
    }

    /// Records, durably, that WhatsApp will take a message for received that may not be here.
    pub async fn lost(&self, name: MessageName, lost: Lost) {
        tracing::error!(
            id = lost.id.as_str(),
            hint = "ask the sender to send it again",
            "redelivered message cannot be decrypted again, recorded as lost"
        );
        let what = Some(EventData::Lost(lost));
        let ticket = self.arrive(vec![Arrival { name, what }], clock::now(), |_, _| {});
        self.vault.durable(ticket).await;
        self.show();
    }

    /// Whether a message of that name has arrived: it is kept, was kept, or is held elsewhere.
    #[must_use]
    pub fn knows(&self, name: &MessageName) -> bool {
        self.has(&self.state(), name)
    }

    /// Whether an event is, or was, kept under one of these marks.
    fn is_event(&self, state: &State, marks: &[u64]) -> bool {
        let kept = |sealed: &mut Sealed| state.kept.knows(sealed, marks);
        self.vault.with(kept).map(ok_or_abort).unwrap_or_default()
    }

    fn has(&self, state: &State, name: &MessageName) -> bool {
        let marks = name.marks();
        if state.aside.contains(&marks) {
            return true;
        }
        // Its sender may have got another name since: then the event shows it.
        self.is_event(state, &marks)
            || self
                .named(state, name.id())
                .iter()
                .any(|event| authors::is_named(&event.what, name))
    }

    /// Returns once everything added so far is durable and shown.
    pub async fn flush(&self) {
        self.vault.flush().await;
        self.show();
    }

    /// Up to `most` events after `after`. A cursor beyond the head gets everything that is kept: no one was given it here,
    /// and waiting for it would be silence for ever.
    #[must_use]
    pub fn read(&self, after: Seq, most: usize) -> Page {
        let head = *self.head.borrow();
        let mut state = self.state();
        let oldest = state.kept.oldest();
        let after = if after > head { Seq(0) } else { after };
        let from = if after == Seq(0) { oldest } else { after.0 + 1 };
        let nothing = Page {
            cursor: Seq(after.0.max(from - 1)),
            ..Page::default()
        };
        if from > head.0 {
            return nothing;
        }
        let read = self
            .vault
            .with(|sealed| state.kept.read(sealed, from, head.0, most));
        let Some(page) = read.map(ok_or_abort) else {
            return nothing;
        };
        let gap = page.gap.map(|(first, last)| (Seq(first), Seq(last)));
        let damaged = page.harmed.is_some();
        if let Some((error, (first, last))) = page.harmed.zip(gap) {
            state.note_damage(first, last, &error);
        }
        let last = page.rows.last().map(|row| Seq(row.seq));
        let cursor = last.or(gap.map(|(_, last)| last));
        Page {
            gap,
            damaged,
            events: page.rows.iter().map(event).collect(),
            cursor: cursor.unwrap_or(nothing.cursor),
        }
    }

    /// The seqs of the newest and the oldest event kept; 0 where there is none.
    #[must_use]
    pub fn range(&self) -> (Seq, Seq) {
        let head = *self.head.borrow();
        let oldest = Seq(self.state().kept.oldest());
        (head, if oldest > head { Seq(0) } else { oldest })
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.state().kept.bytes()
    }

    /// Follows the head.
    pub fn subscribe(&self) -> watch::Receiver<Seq> {
        self.head.subscribe()
    }

    /// Begins again behind its last event, in a vault whose content was replaced.
    pub fn restart(&self) {
        let mut state = self.state();
        let next = state.kept.head() + 1;
        let opened = self
            .vault
            .with(|sealed| openclaw_vault::Journal::open(sealed, TABLES, next));
        if let Some(kept) = opened.map(ok_or_abort) {
            state.kept = kept;
            state.ages = Ages::default();
            state.aside = Aside::default();
            state.damaged.clear();
            state.unseen = Unseen::default();
        }
    }

    fn with_kept<R>(
        &self,
        work: impl FnOnce(&mut openclaw_vault::Journal, &mut Sealed) -> Result<R, Error>,
    ) -> Option<R> {
        let mut state = self.state();
        self.vault
            .with(|sealed| work(&mut state.kept, sealed))
            .map(ok_or_abort)
    }

    fn write(&self, state: &mut State, batch: &Batch) -> Ticket {
        let ticket = self.vault.write(batch);
        let seq = Seq(state.kept.head());
        if state.unshown.back().is_none_or(|(_, last)| *last < seq) && seq > *self.head.borrow() {
            state.unshown.push_back((ticket, seq));
            self.appended.notify_one();
        }
        ticket
    }

    /// Shows what has become durable.
    fn show(&self) {
        let mut state = self.state();
        let mut head = None;
        while let Some((ticket, seq)) = state.unshown.front().copied()
            && self.vault.is_durable(ticket)
        {
            head = Some(seq);
            state.unshown.pop_front();
        }
        drop(state);
        if let Some(seq) = head {
            self.head.send_if_modified(|head| {
                let news = seq > *head;
                *head = seq.max(*head);
                news
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Messages are inside.
impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

/// The first seq of a new journal: above those of the journals before it on another volume, so that a cursor from one of
/// them gets it as such.
fn first(now: SystemTime) -> u64 {
    to_millis(now).max(1)
}

/// An event's own time.
fn recorded(at: SystemTime) -> u64 {
    to_millis(clock::shown(at))
}

fn encode(what: &EventData) -> zeroize::Zeroizing<Vec<u8>> {
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(256 + what.heap_bytes()));
    ciborium::into_writer(what, &mut *bytes).expect("a vector takes what is written to it");
    bytes
}

fn event(row: &openclaw_vault::Row) -> Event {
    Event {
        seq: Seq(row.seq),
        at: from_millis(row.at),
        what: ciborium::from_reader(row.event.as_slice()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
