//! The value of a flag that may be a secret.

use std::fmt;
use std::str::FromStr;

/// A value that `Debug` does not print.
#[derive(Clone, Default)]
pub(crate) struct Hidden(String);

impl Hidden {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Hidden {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}
