//! Flaws of a passphrase that is present.

use openclaw_settings::Flaw;
use openclaw_vault::{Secret, Weakness};

/// Why a passphrase must not be used for a new slot. Existing slots still open with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It may differ from the intended one.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// It is weak.
    #[error(transparent)]
    Weak(#[from] Weakness),
}

impl Fault {
    /// The flaw of a passphrase, if any.
    #[must_use]
    pub fn of(given: &str) -> Option<Self> {
        let text = openclaw_settings::free_text(given.as_bytes()).ok()??;
        let weak = || {
            let secret = Secret::parse_passphrase(text.as_given()).ok()?;
            secret.weakness().map(Self::Weak)
        };
        text.flaw().map(Self::Flaw).or_else(weak)
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Flaw(_) => {
                "a passphrase is used exactly as given: write it on one line, without quotes, marks or blanks around it"
            }
            Self::Weak(Weakness::Placeholder | Weakness::Path) => {
                "set the passphrase itself, or name the file that it is in with OPENCLAW_AUTH_PASSPHRASE_FILE"
            }
            Self::Weak(_) => {
                "anyone with the volume can try passphrases: use four words or more, or a key from `openclaw-agent keys generate`"
            }
        }
    }
}
