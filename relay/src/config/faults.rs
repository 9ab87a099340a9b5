//! What is wrong with a configuration.

use std::fmt;

/// One fault: where it is, what it is, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    place: String,
    what: String,
    hint: String,
}

impl Fault {
    /// A fault at a place. All texts are a line without a full stop.
    #[must_use]
    pub fn new(place: String, what: String, hint: &str) -> Self {
        let hint = hint.to_owned();
        Self { place, what, hint }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, what, hint } = self;
        write!(f, "error: {place}: {what}\nhint: {hint}")
    }
}

/// All faults.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// A single one.
    #[must_use]
    pub fn of(fault: Fault) -> Self {
        Self(vec![fault])
    }

    /// Adds one.
    pub fn add(&mut self, place: impl Into<String>, what: impl Into<String>, hint: &str) {
        self.0.push(Fault::new(place.into(), what.into(), hint));
    }

    /// True if nothing is wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Two lines for each.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{fault}")?;
        }
        Ok(())
    }
}
