//! What the stream holds of one agent, and from it the decision about each event: pure code.
//!
//! An event has one subject, that of its kind, and is published only on the condition that the newest message of that subject
//! is still the one that was read. The server checks that in the moment in which it stores the message, so that the seqs on a
//! subject only rise, however often a relay is killed, however long it was away, and if two of them run: no event is stored
//! twice. Each event is decided on after the one before it is stored, so that the order of the agent is that of the stream.
//!
//! ```text
//!           read the newest of the subject           PubAck
//!  unknown ──────────────────────────────> known ──────────────> known
//!     ^                                      │
//!     └── no PubAck in time, or the server ──┘
//!         reports another newest message
//! ```

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

/// Identifies an event at the broker: the store that recorded it, and its seq there. Its text is the `Nats-Msg-Id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The id of the store, in hexadecimal.
    pub store: String,
    /// The seq.
    pub seq: u64,
}

impl Mark {
    /// The mark of an event.
    #[must_use]
    pub fn new(store: &[u8], seq: u64) -> Self {
        let store = HEXLOWER.encode(store);
        Self { store, seq }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.store, self.seq)
    }
}

/// The text is not a mark: another program wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMark;

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let (store, seq) = text.rsplit_once('-').ok_or(NoMark)?;
        let is_hex = |c: char| c.is_ascii_digit() || matches!(c, 'a'..='f');
        if store.is_empty() || !store.chars().all(is_hex) {
            return Err(NoMark);
        }
        let seq = seq.parse().map_err(|_| NoMark)?;
        let store = store.to_owned();
        Ok(Self { store, seq })
    }
}

/// The newest message of a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// Its sequence number in the stream; 0 if the subject has no message.
    pub stream_seq: u64,
    /// The event in it, if a relay wrote it.
    pub mark: Option<Mark>,
}

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The stream has it.
    Skip,
    /// First read the newest message of its subject.
    Read,
    /// Publish it, if the newest message of its subject has this sequence number in the stream.
    Publish(u64),
}

/// What the stream holds of one agent, as far as it is known.
#[derive(Debug, Default)]
pub struct Ledger {
    store: String,
    /// The newest event that the stream is known to hold.
    head: u64,
    /// By the last token of the subject: one for each kind of event.
    subjects: HashMap<String, Newest>,
}

impl Ledger {
    /// Begins with the store of the agent and the newest message of all its subjects. Everything else is read when it is
    /// needed.
    #[must_use]
    pub fn begin(store: &[u8], newest: Option<Mark>) -> Self {
        let store = HEXLOWER.encode(store);
        let head = newest.filter(|mark| mark.store == store);
        Self {
            head: head.map_or(0, |mark| mark.seq),
            store,
            subjects: HashMap::new(),
        }
    }

    /// The newest event that the stream is known to hold; 0 if there is none of this store.
    #[must_use]
    pub const fn head(&self) -> u64 {
        self.head
    }

    /// Decides about an event.
    #[must_use]
    pub fn step(&self, kind: &str, seq: u64) -> Step {
        if seq <= self.head {
            return Step::Skip;
        }
        match self.subjects.get(kind) {
            None => Step::Read,
            Some(newest) if self.holds(newest, seq) => Step::Skip,
            Some(newest) => Step::Publish(newest.stream_seq),
        }
    }

    /// Messages of another store say nothing about this one: the agent was set up again.
    fn holds(&self, newest: &Newest, seq: u64) -> bool {
        let mark = newest.mark.as_ref();
        mark.is_some_and(|mark| mark.store == self.store && mark.seq >= seq)
    }

    /// The newest message of a subject was read.
    pub fn read(&mut self, kind: &str, newest: Newest) {
        self.subjects.insert(kind.to_owned(), newest);
    }

    /// The server has stored the event.
    pub fn stored(&mut self, kind: &str, seq: u64, stream_seq: u64) {
        self.head = self.head.max(seq);
        let mark = Some(Mark {
            store: self.store.clone(),
            seq,
        });
        self.read(kind, Newest { stream_seq, mark });
    }

    /// It is not known what the subject holds: no PubAck arrived, or another relay was faster.
    pub fn doubt(&mut self, kind: &str) {
        self.subjects.remove(kind);
    }
}

#[cfg(test)]
mod tests;
