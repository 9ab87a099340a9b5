//! Where records go. The loop that reads an agent (`feed`) knows only this trait.

pub mod jetstream;
pub mod webhook;

use std::time::Duration;

use openclaw_types::Backoff;

use crate::record::Record;

/// What a sink has done with a record that it now holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It was written.
    Written,
    /// It was written without what happened in it, because the sink cannot store as much.
    Omitted,
    /// The sink had it already.
    Known,
    /// It was set aside as a dead letter.
    SetAside,
}

/// A record is not stored, or it is not known whether it is. The same record may be put again.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Unstored {
    /// Why.
    pub why: String,
    /// The sink asks for no other attempt before that.
    pub retry_after: Option<Duration>,
}

impl Unstored {
    /// For the usual pause.
    #[must_use]
    pub const fn new(why: String) -> Self {
        Self {
            why,
            retry_after: None,
        }
    }
}

/// A place that stores records, each once and in order.
pub trait Sink {
    /// The pauses between attempts at a record.
    const PAUSES: Backoff;
    /// The agent's cursor moves after this many records at the latest; before it, records are put again after a kill.
    const MAX_UNACKED: u32;

    /// Begins with an agent's store.
    ///
    /// # Errors
    /// The sink cannot be read.
    fn begin(&mut self, store: &[u8]) -> impl Future<Output = Result<(), Unstored>>;

    /// Returns once the record is stored. One record is put at a time.
    ///
    /// # Errors
    /// See [`Unstored`].
    fn put(&mut self, record: &Record) -> impl Future<Output = Result<Stored, Unstored>>;
}
