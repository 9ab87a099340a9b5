//! The messages of a backup that a restore keeps: all tokens, so that they still identify their messages, but nothing
//! that would be sent automatically. A message that was waiting at the time of the backup may have been sent since;
//! it is only sent again, with the same id, if its caller asks for it.

use std::collections::HashSet;

use openclaw_vault::Op;

use super::row;
use super::{Outbox, State};
use crate::vault::Tables;

/// Filters the changes of a backup.
#[derive(Default)]
pub struct Carried {
    /// The tokens of messages that were waiting.
    waiting: HashSet<Vec<u8>>,
}

impl Carried {
    /// True if a change concerns the outbox; in that case the part to keep was passed to `write`.
    pub fn take<E>(
        &mut self,
        op: &Op<'_>,
        write: &mut dyn FnMut(Op<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        if op.table() != Tables::OUTBOX {
            return Ok(false);
        }
        match *op {
            Op::Put { key, value } if row::is_row(key) => {
                let Some(row::AtRest { value, waited }) = row::at_rest(value) else {
                    return Ok(true);
                };
                if waited {
                    self.waiting.insert(key.id.to_vec());
                } else {
                    self.waiting.remove(key.id);
                }
                write(Op::Put { key, value: &value })?;
            }
            Op::Delete { key } if row::is_row(key) => {
                self.waiting.remove(key.id);
                write(Op::Delete { key })?;
            }
            // Payloads, and the hold of that store's sends.
            _ => {}
        }
        Ok(true)
    }

    /// The number of messages that were waiting.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        u64::try_from(self.waiting.len()).unwrap_or(u64::MAX)
    }
}

impl Outbox {
    /// Reloads the outbox after the store was replaced. Returns the number of tokens.
    pub fn reload(&self) -> u64 {
        let state = &mut *self.state();
        *state = State::load(&self.vault, self.limits);
        self.work.notify_one();
        u64::try_from(state.messages.len()).unwrap_or(u64::MAX)
    }
}
