//! Whether a request is being read. One is understood to its last word or refused: what is left out of it would ask for
//! something else. What an agent of a later version printed is read as far as it is understood.

use std::cell::Cell;

thread_local! {
    /// Reading a message does not leave its thread.
    static STRICT: Cell<bool> = const { Cell::new(false) };
}

/// For as long as it lives, what is read belongs to a message of this name.
pub(super) struct Within {
    before: bool,
}

impl Within {
    pub(super) fn message(name: &str) -> Self {
        let before = STRICT.get();
        STRICT.set(before || name.ends_with("Request"));
        Self { before }
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        STRICT.set(self.before);
    }
}

/// Whether what is read now is part of a request.
pub(super) fn is_request() -> bool {
    STRICT.get()
}
