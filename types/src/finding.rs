//! The result of a diagnosis.

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's name, a single word.
    pub check: &'static str,
    /// The result.
    pub state: State,
    /// A sentence, with masked phone numbers.
    pub text: String,
    /// What to do next; empty if nothing.
    pub hint: String,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Healthy.
    Good,
    /// A problem that keeps messages from arriving.
    Bad,
    /// Neither; worth knowing.
    Note,
}

impl Finding {
    /// A healthy result.
    #[must_use]
    pub fn good(check: &'static str, text: impl Into<String>) -> Self {
        Self::of(check, State::Good, text.into(), "")
    }

    /// A problem that keeps messages from arriving, and what to do about it.
    #[must_use]
    pub fn bad(check: &'static str, text: impl Into<String>, hint: &str) -> Self {
        Self::of(check, State::Bad, text.into(), hint)
    }

    /// Worth knowing, and what to do if it is not intended.
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
