//! What a diagnosis found.

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What, in one word.
    pub check: &'static str,
    /// How it is.
    pub state: State,
    /// In a sentence, without whole numbers.
    pub text: String,
    /// What to do next; empty when there is nothing to do.
    pub hint: String,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// It keeps messages from arriving.
    Bad,
    /// Neither: something to know.
    Note,
}

impl Finding {
    /// It is as it should be.
    #[must_use]
    pub fn good(check: &'static str, text: impl Into<String>) -> Self {
        Self::of(check, State::Good, text.into(), "")
    }

    /// It keeps messages from arriving; what to do about it.
    #[must_use]
    pub fn bad(check: &'static str, text: impl Into<String>, hint: &str) -> Self {
        Self::of(check, State::Bad, text.into(), hint)
    }

    /// Something to know, and what to do if it is not meant.
    #[must_use]
    pub fn note(check: &'static str, text: impl Into<String>, hint: &str) -> Self {
        Self::of(check, State::Note, text.into(), hint)
    }

    fn of(check: &'static str, state: State, text: String, hint: &str) -> Self {
        let hint = hint.to_owned();
        Self {
            check,
            state,
            text,
            hint,
        }
    }
}
