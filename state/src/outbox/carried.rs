//! What of a backup's messages lives on when it is restored: every token, so that it still is the same message, and nothing
//! that would go by itself. What waited when the backup was made may have gone since; its caller asks again, under its id.

use std::collections::HashSet;

use openclaw_vault::Op;

use super::row;
use super::{Outbox, State};
use crate::vault::Tables;

/// Looks at a backup change by change.
#[derive(Default)]
pub struct Carried {
    /// Tokens of messages that waited.
    waiting: HashSet<Vec<u8>>,
}

impl Carried {
    /// Whether a change is one of messages of ours; then it is passed to `write`, as far as it lives on.
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
            // Texts, and what held sends of that store.
            _ => {}
        }
        Ok(true)
    }

    /// How many messages waited.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        u64::try_from(self.waiting.len()).unwrap_or(u64::MAX)
    }
}

impl Outbox {
    /// Another store has taken the place of this one: what is known is what that says. Returns how many tokens that are.
    pub fn reload(&self) -> u64 {
        let state = &mut *self.state();
        *state = State::load(&self.vault, self.limits);
        self.work.notify_one();
        u64::try_from(state.messages.len()).unwrap_or(u64::MAX)
    }
}
