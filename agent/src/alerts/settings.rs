//! The receiver of alerts and the signing key, as configured.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use openclaw_harden::environment::Secrets;
use openclaw_webhook::{Address, BadKey, SigningKey, read_key_file};
use zeroize::Zeroizing;

/// The variable with the receiver's URL.
pub const URL: &str = "OPENCLAW_ALERT_URL";
/// The variable with the signing key.
pub const SECRET: &str = "OPENCLAW_ALERT_SECRET";

/// Alert variables that are removed from the environment first, before anything else can read them.
pub const SECRETS: [&str; 2] = [URL, SECRET];

/// The alert settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The receiver.
    pub address: Address,
    /// Where the signing key is.
    pub key: KeyPlace,
    /// The format of an alert's body.
    pub format: Format,
    /// How long the link may be lost before an alert is raised.
    pub after: Duration,
}

/// The format of an alert's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON as in docs/alerts.md.
    #[default]
    Json,
    /// Slack's incoming webhooks and compatible receivers: `{"text": …}`.
    Slack,
}

/// Where the signing key is.
#[derive(Clone)]
pub enum KeyPlace {
    /// No key: alerts are not signed.
    Nowhere,
    /// In an environment variable.
    Environment(Arc<Secrets>),
    /// In a file.
    File(PathBuf),
}

/// The signing key cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The value is not a valid key.
    #[error("cannot sign alerts with the secret in {place}")]
    Bad {
        /// The file or variable.
        place: String,
        /// Why the value is invalid.
        source: BadKey,
    },
    /// The file cannot be read.
    #[error("cannot read {place}")]
    Read {
        /// The file or variable.
        place: String,
        /// The system's error.
        source: std::io::Error,
    },
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "give the receiver's signing secret, without quotes or blanks around it: whsec_ and base64, or any text of at least 16 characters; \
         `echo whsec_$(openssl rand -base64 32)` makes one"
    }
}

impl fmt::Debug for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPlace({self})")
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str("nowhere"),
            Self::Environment(_) => f.write_str(SECRET),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl KeyPlace {
    /// Loads the key. `None` if alerts are not signed.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn load(&self) -> Result<Option<SigningKey>, Error> {
        let place = self.to_string();
        let read = match self {
            Self::Nowhere => return Ok(None),
            Self::Environment(secrets) => secrets
                .read(SECRET)
                .map(|text| text.as_ref().map_or_else(Zeroizing::default, bytes_of))
                .map_err(std::io::Error::other),
            Self::File(path) => read_key_file(path),
        };
        let given = match read {
            Ok(given) => given,
            Err(source) => return Err(Error::Read { place, source }),
        };
        let key = SigningKey::read(&given);
        key.map(Some).map_err(|source| Error::Bad { place, source })
    }

    /// The file with the key, if it is in one.
    #[must_use]
    pub fn file(&self) -> Option<&std::path::Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Nowhere | Self::Environment(_) => None,
        }
    }
}

fn bytes_of(text: &Zeroizing<String>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_read_without_its_trailing_newline() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "sixteen letters.\n").unwrap();
        assert!(KeyPlace::File(path.clone()).load().unwrap().is_some());
        std::fs::write(&path, "short\n").unwrap();
        let error = KeyPlace::File(path).load().err().unwrap();
        assert!(!format!("{error:?}").contains("short"));
        assert!(matches!(error, Error::Bad { .. }));
        let folder = KeyPlace::File(dir.path().to_owned()).load();
        assert!(matches!(folder, Err(Error::Read { .. })));
        assert!(KeyPlace::Nowhere.load().unwrap().is_none());
    }
}
