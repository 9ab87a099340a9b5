//! Where records go. The loop that reads an agent (`feed`) knows only this trait.

pub mod jetstream;

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
}

/// A record is not stored, or it is not known whether it is. The same record may be put again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unstored(pub String);

/// A place that stores records, each once and in order.
pub trait Sink {
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
