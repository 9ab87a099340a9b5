//! The receiver of alerts and the signing key, as configured. The URL may itself be a secret (Slack's are), so only its
//! host is ever shown.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::http::Uri;
use hyper::http::uri::Scheme;
use openclaw_egress::{Egress, Target, unbracketed};
use openclaw_harden::environment::Secrets;
use zeroize::Zeroizing;

use super::signature::{BadKey, SigningKey};

/// The variable with the receiver's URL.
pub const URL: &str = "OPENCLAW_ALERT_URL";
/// The variable with the signing key.
pub const SECRET: &str = "OPENCLAW_ALERT_SECRET";

/// Alert variables that are removed from the environment first, before anything else can read them.
pub const SECRETS: [&str; 2] = [URL, SECRET];

const MAX_URL_BYTES: usize = 2048;
const MAX_KEY_FILE_BYTES: u64 = 4096;

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

/// The receiver's URL. `Debug` and `Display` show only its host.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Arc<Uri>);

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

/// Why a URL is rejected as the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is not a valid URL.
    #[error("it is not an address like https://hooks.example.com/path")]
    Malformed,
    /// Plain HTTP to another host, which anyone on the path could read.
    #[error(
        "it must be https; plain http is for a receiver on this machine only (http://127.0.0.1:PORT)"
    )]
    Plain,
    /// User name and password before the host.
    #[error("it must not contain credentials (user:password@); put a token into the path")]
    UserInfo,
    /// It is too long.
    #[error("it is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
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

impl Address {
    /// Parses and checks a URL.
    ///
    /// # Errors
    /// See [`BadAddress`]. No error contains any part of the URL.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        if text.len() > MAX_URL_BYTES {
            return Err(BadAddress::TooLong);
        }
        let uri: Uri = text.parse().map_err(|_| BadAddress::Malformed)?;
        let authority = uri.authority().ok_or(BadAddress::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(BadAddress::UserInfo);
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(BadAddress::Malformed);
        }
        let address = Self(Arc::new(uri));
        match address.0.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Ok(address),
            Some(scheme) if *scheme == Scheme::HTTP && address.is_loopback() => Ok(address),
            Some(scheme) if *scheme == Scheme::HTTP => Err(BadAddress::Plain),
            _ => Err(BadAddress::Malformed),
        }
    }

    /// The host. It is not secret.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// True for a numeric loopback address. A name does not count: it could resolve to another host.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        unbracketed(self.host())
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
    }

    /// True if alerts go through the proxy: not for a host that is exempt, and not for loopback.
    #[must_use]
    pub fn is_by_proxy(&self, egress: &Egress) -> bool {
        let Target { host, port, .. } = self.target();
        egress.proxy_for(host, port).is_some() && !self.is_loopback()
    }

    /// The host, for the connection.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        Target::of(&self.0).expect("its host was checked")
    }

    /// True if nothing on the path can read the alerts: TLS, or loopback.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }

    /// The full URL, for the connection.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
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
            Self::File(path) => read(path),
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

fn read(path: &std::path::Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    use std::io::Read as _;
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut given = Zeroizing::new(Vec::with_capacity(4096));
    let file = std::fs::File::open(path)?;
    file.take(MAX_KEY_FILE_BYTES).read_to_end(&mut given)?;
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_require_https_or_loopback() {
        for good in [
            "https://hooks.example.com/services/T0/B0/secret",
            "https://hooks.example.com:8443/?key=secret",
            "https://192.0.2.7/hook",
            "http://127.0.0.1:9000/hook",
            "http://127.3.2.1/",
            "http://[::1]:9000/hook",
        ] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("http://hooks.example.com/", BadAddress::Plain),
            ("http://localhost:9000/", BadAddress::Plain),
            ("http://192.0.2.7/", BadAddress::Plain),
            ("http://127.0.0.1.example.com/", BadAddress::Plain),
            ("https://name:word@hooks.example.com/", BadAddress::UserInfo),
            ("http://127.0.0.1@hooks.example.com/", BadAddress::UserInfo),
            ("ftp://hooks.example.com/", BadAddress::Malformed),
            ("hooks.example.com/path", BadAddress::Malformed),
            ("/path", BadAddress::Malformed),
            ("https:///path", BadAddress::Malformed),
            ("https://hooks.example.com/a b", BadAddress::Malformed),
            ("", BadAddress::Malformed),
        ] {
            assert_eq!(Address::parse(bad), Err(why), "{bad}");
        }
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL_BYTES));
        assert_eq!(Address::parse(&long), Err(BadAddress::TooLong));
    }

    #[test]
    fn only_the_host_is_ever_shown() {
        let address = Address::parse("https://hooks.example.com/services/sword?fish=1").unwrap();
        assert_eq!(address.to_string(), "hooks.example.com");
        assert_eq!(format!("{address:?}"), "Address(hooks.example.com)");
    }

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
