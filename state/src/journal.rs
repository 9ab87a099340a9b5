//! The journal: events in order, durable, in constant memory. WatchEvents reads it.
//!
//! An event is written into the vault in one batch with the changes that belong to it, and becomes visible once it is
//! durable, so that a seq that a client has seen never refers to another event. A subscriber is a cursor, woken by a
//! `watch` of the head: there is no queue per client. Events beyond the retention are deleted, and a cursor before
//! them gets a gap. This module knows no WhatsApp type.
//!
//! ```text
//! append ──> vault's log ──fsync──> head ──> subscribers
//!                └── a chunk at a time ──> journal-N.seg ──> deleted when too old or too large
//! ```

mod ages;
mod aside;
mod authors;
mod damage;
mod mark;
mod pages;
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
pub use pages::{Backwards, EVENTS_PER_PAGE, MAX_EVENTS_SCANNED, Pages, Window};
use tally::Tally;
use unseen::Unseen;

const TABLES: JournalTables = JournalTables {
    rows: Tables::JOURNAL,
    files: Tables::JOURNAL_SEGMENTS,
    state: Tables::JOURNAL_STATE,
};

/// The retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum total size in bytes, as encrypted on disk.
    pub bytes: u64,
    /// The maximum age of an event, in agent time.
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

/// The journal.
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
    stored: openclaw_vault::Journal,
    ages: Ages,
    aside: Aside,
    unseen: Unseen,
    /// Events that cannot be read, by the first seq of each range.
    damaged: BTreeMap<Seq, Damage>,
    /// Events that were written but may not be durable yet, and so are not visible: the last seq of each write.
    unshown: VecDeque<(Ticket, Seq)>,
}

/// A message from WhatsApp, with all names that a redelivery of it may have.
pub struct Arrival {
    /// Identifies the message.
    pub name: MessageName,
    /// The event. `None` is a message without an event: only its arrival is recorded.
    pub what: Option<EventData>,
}

/// What a reader gets at its cursor.
#[derive(Debug, Default)]
pub struct Page {
    /// Requested events that are not available: first and last seq, inclusive.
    pub gap: Option<(Seq, Seq)>,
    /// True if the gap is due to a missing or damaged file.
    pub damaged: bool,
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// The last seq that this page covers, gaps included: the next page is read after it.
    pub cursor: Seq,
}

impl Journal {
    /// Opens the journal in the vault, or creates it.
    #[must_use]
    pub fn open(vault: Vault, limits: Limits, now: SystemTime) -> Self {
        // An erased vault has no records and accepts none.
        let (stored, unseen) = vault
            .with(|sealed| {
                let stored = openclaw_vault::Journal::open(sealed, TABLES, first(now))?;
                Ok((stored, Unseen::open(sealed)?))
            })
            .map(ok_or_abort)
            .expect("a vault that was just opened is not erased");
        // Opening the vault made everything in it durable.
        let head = Seq(stored.head());
        let mut aside = Aside::default();
        unseen.marks().for_each(|mark| aside.insert(mark));
        let state = State {
            ages: Ages::open(&vault, head.0),
            stored,
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

    /// Adds an event, which becomes durable and visible shortly after. `at` is in agent time, here and below; the
    /// event itself gets the corresponding wall-clock time.
    pub fn append(&self, what: EventData, at: SystemTime) -> Seq {
        self.append_with(what, at, |_| {})
    }

    /// Adds an event and other changes of the vault, atomically.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the caller creates it for this call"
    )]
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
        let seq = Seq(state.stored.push(&mut batch, recorded(at), mark, &event));
        also(&mut batch);
        self.write(&mut state, &batch);
        seq
    }

    /// Adds the messages that have not arrived before, atomically with other changes of the vault. `also` gets the
    /// marks of the new messages without an event. A held message whose mark is not among them has become an event,
    /// so the caller must not store it.
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
                    state.stored.push(&mut batch, recorded(at), mark.0, &event);
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

    /// Like [`Journal::arrive`], and returns once everything is durable, or once `enough` is: the part from which the
    /// messages can be recovered after a power loss.
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

    /// Adds a message that arrived before and was held elsewhere until now, atomically with other changes of the
    /// vault. Does nothing if the journal already has an event with this mark.
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
            state.stored.push(&mut batch, recorded(at), mark.0, &event);
        }
        also(&mut batch);
        self.write(&mut state, &batch);
    }

    /// Records that a message has arrived and is held elsewhere.
    pub fn mark_arrived(&self, mark: Mark) {
        self.state().aside.insert(mark);
    }

    /// Records, durably, that a message may be lost: WhatsApp will treat it as received, but it may not be in the
    /// journal.
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

    /// True if a message with one of these names has arrived: it is an event, was one, or is held elsewhere.
    #[must_use]
    pub fn knows(&self, name: &MessageName) -> bool {
        self.has(&self.state(), name)
    }

    /// True if there is, or was, an event with one of these marks.
    fn is_event(&self, state: &State, marks: &[u64]) -> bool {
        let known = |sealed: &mut Sealed| state.stored.knows(sealed, marks);
        self.vault.with(known).map(ok_or_abort).unwrap_or_default()
    }

    fn has(&self, state: &State, name: &MessageName) -> bool {
        let marks = name.marks();
        if state.aside.contains(&marks) {
            return true;
        }
        // The sender's addresses may have changed since, so compare with the event itself.
        self.is_event(state, &marks)
            || self
                .named(state, name.id())
                .iter()
                .any(|event| authors::is_named(&event.what, name))
    }

    /// Returns once everything added so far is durable and visible.
    pub async fn flush(&self) {
        self.vault.flush().await;
        self.show();
    }

    /// Returns up to `most` events after `after`. A cursor beyond the head reads from the oldest event: this journal
    /// never issued that cursor, and waiting for its seq to be reached could block the reader forever.
    #[must_use]
    pub fn read(&self, after: Seq, most: usize) -> Page {
        let head = *self.head.borrow();
        let mut state = self.state();
        let oldest = state.stored.oldest();
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
            .with(|sealed| state.stored.read(sealed, from, head.0, most));
        let Some(page) = read.map(ok_or_abort) else {
            return nothing;
        };
        let gap = page.gap.map(|(first, last)| (Seq(first), Seq(last)));
        let damaged = page.damage.is_some();
        if let Some((error, (first, last))) = page.damage.zip(gap) {
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

    /// The event with this seq, if it is durable and kept.
    #[must_use]
    pub fn event(&self, seq: Seq) -> Option<Event> {
        let page = self.read(Seq(seq.0.saturating_sub(1)), 1);
        page.events.into_iter().find(|event| event.seq == seq)
    }

    /// The seqs of the newest and the oldest event; the oldest is 0 if there is no event.
    #[must_use]
    pub fn range(&self) -> (Seq, Seq) {
        let head = *self.head.borrow();
        let oldest = Seq(self.state().stored.oldest());
        (head, if oldest > head { Seq(0) } else { oldest })
    }

    /// The size of the retained events in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.state().stored.bytes()
    }

    /// Subscribes to changes of the head.
    pub fn subscribe(&self) -> watch::Receiver<Seq> {
        self.head.subscribe()
    }

    /// Reopens the journal after the contents of the vault were replaced, and continues after its last event.
    pub fn restart(&self) {
        let mut state = self.state();
        let next = state.stored.head() + 1;
        let opened = self
            .vault
            .with(|sealed| openclaw_vault::Journal::open(sealed, TABLES, next));
        if let Some(stored) = opened.map(ok_or_abort) {
            state.stored = stored;
            state.ages = Ages::default();
            state.aside = Aside::default();
            state.damaged.clear();
            state.unseen = Unseen::default();
        }
    }

    fn with_stored<R>(
        &self,
        work: impl FnOnce(&mut openclaw_vault::Journal, &mut Sealed) -> Result<R, Error>,
    ) -> Option<R> {
        let mut state = self.state();
        self.vault
            .with(|sealed| work(&mut state.stored, sealed))
            .map(ok_or_abort)
    }

    fn write(&self, state: &mut State, batch: &Batch) -> Ticket {
        let ticket = self.vault.write(batch);
        let seq = Seq(state.stored.head());
        if state.unshown.back().is_none_or(|(_, last)| *last < seq) && seq > *self.head.borrow() {
            state.unshown.push_back((ticket, seq));
            self.appended.notify_one();
        }
        ticket
    }

    /// Makes events visible that have become durable.
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

/// Contains messages, so nothing is shown.
impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

/// The first seq of a new journal. It is higher than all seqs of earlier journals on other volumes, so that a cursor
/// from one of them is recognised as an old one.
fn first(now: SystemTime) -> u64 {
    to_millis(now).max(1)
}

/// The time that is stored in an event.
fn recorded(at: SystemTime) -> u64 {
    to_millis(clock::shown(at))
}

fn encode(what: &EventData) -> zeroize::Zeroizing<Vec<u8>> {
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(256 + what.heap_bytes()));
    ciborium::into_writer(what, &mut *bytes).expect("writing into a vector cannot fail");
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
