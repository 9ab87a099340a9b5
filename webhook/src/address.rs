//! The URL of a receiver. It may itself be a secret (Slack's are), so only its host is ever shown.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::http::Uri;
use hyper::http::uri::Scheme;
use openclaw_egress::{Egress, Target, unbracketed};

const MAX_URL_BYTES: usize = 2048;

/// The receiver's URL. `Debug` and `Display` show only its host.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Arc<Uri>);

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

    /// True if messages go through the proxy: not for a host that is exempt, and not for loopback.
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

    /// True if nothing on the path can read the messages: TLS, or loopback.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_require_https_or_loopback() {
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
}
