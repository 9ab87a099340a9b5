//! A proxy, as its URL names it. The URL may contain a user name and a password: only scheme, host and port are ever shown.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::http::uri::Authority;
use zeroize::Zeroizing;

/// The port of a proxy whose URL has none, as in curl.
const DEFAULT_PORT: u16 = 1080;
const DEFAULT_HTTPS_PORT: u16 = 443;
/// The limit of SOCKS5 for each of them (RFC 1929).
const MAX_CREDENTIAL_BYTES: usize = 255;

/// A proxy. Neither `Debug` nor `Display` shows its credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: Scheme,
    host: String,
    port: u16,
    credentials: Option<Arc<Credentials>>,
}

/// How to speak to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// HTTP CONNECT.
    Http,
    /// HTTP CONNECT over TLS.
    Https,
    /// SOCKS5; this machine resolves names.
    Socks5,
    /// SOCKS5; the proxy resolves names.
    Socks5h,
}

/// The user name and the password. No `Debug`.
#[derive(PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: Zeroizing<String>,
    pub(crate) password: Zeroizing<String>,
}

/// Why a text is not the URL of a proxy. Never contains the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProxy {
    /// It is not a valid URL.
    #[error("it is not an address like http://proxy.example.com:3128 or socks5h://127.0.0.1:1080")]
    Malformed,
    /// Its scheme is not supported.
    #[error("its scheme is not http, https, socks5 or socks5h")]
    Scheme,
    /// SOCKS4 cannot.
    #[error("SOCKS4 is not supported: use socks5h://, or http://")]
    Socks4,
    /// Something follows the port.
    #[error("nothing may follow the port")]
    Path,
    /// They cannot be sent.
    #[error(
        "its user name and password must each have 1 to {MAX_CREDENTIAL_BYTES} characters; write a special character in them as %XX"
    )]
    Credentials,
}

impl Proxy {
    /// Parses a URL. Without a scheme it is `http`; without a port it is 1080, for `https` 443; both as in curl.
    ///
    /// # Errors
    /// See [`BadProxy`].
    pub fn parse(text: &str) -> Result<Self, BadProxy> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "socks5" => Scheme::Socks5,
            // Desktops set `socks` for SOCKS5.
            "socks5h" | "socks" => Scheme::Socks5h,
            "socks4" | "socks4a" => return Err(BadProxy::Socks4),
            _ => return Err(BadProxy::Scheme),
        };
        // The credentials are cut off first, at the last `@`, so that no part of them can be taken for the host.
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let address = rest.strip_suffix('/').unwrap_or(rest);
        if address.contains(['/', '?', '#']) {
            return Err(BadProxy::Path);
        }
        let address: Authority = address.parse().map_err(|_| BadProxy::Malformed)?;
        let host = address.host();
        // `port_u16` has no error for a number that is too large.
        let port = match (&address.as_str()[host.len()..], scheme) {
            ("", Scheme::Https) => DEFAULT_HTTPS_PORT,
            ("", _) => DEFAULT_PORT,
            (port, _) => {
                let port = port.strip_prefix(':').and_then(|port| port.parse().ok());
                port.filter(|port| *port != 0).ok_or(BadProxy::Malformed)?
            }
        };
        let host = crate::unbracketed(host);
        if host.is_empty() || (host.contains(':') && host.parse::<IpAddr>().is_err()) {
            return Err(BadProxy::Malformed);
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
            credentials: credentials.map(Credentials::parse).transpose()?,
        })
    }

    pub(crate) const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name or address, IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// True for a numeric loopback address. A name does not count: it could resolve to another host.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// True if the URL has a user name and a password.
    #[must_use]
    pub const fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_deref()
    }
}

impl Credentials {
    fn parse(text: &str) -> Result<Arc<Self>, BadProxy> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let (user, password) = (decoded(user)?, decoded(password)?);
        let fits = |text: &str| text.len() <= MAX_CREDENTIAL_BYTES;
        if user.is_empty() || user.contains(':') || !fits(&user) || !fits(&password) {
            return Err(BadProxy::Credentials);
        }
        Ok(Arc::new(Self { user, password }))
    }
}

/// Replaces `%XX`. A `%` before anything else is itself, as in curl.
fn decoded(text: &str) -> Result<Zeroizing<String>, BadProxy> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.split_at_checked(2)).flatten();
        let escaped = escaped.and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok()?;
            let is_hex = digits.bytes().all(|it| it.is_ascii_hexdigit());
            Some((is_hex.then(|| u8::from_str_radix(digits, 16).ok())??, after))
        });
        let (byte, after) = escaped.unwrap_or((byte, after));
        bytes.push(byte);
        rest = after;
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| BadProxy::Credentials)?;
    match text.chars().any(char::is_control) {
        true => Err(BadProxy::Credentials),
        false => Ok(Zeroizing::new(text.to_owned())),
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Socks5 => "socks5",
            Scheme::Socks5h => "socks5h",
        };
        write!(f, "{scheme}://{}", crate::authority(&self.host, self.port))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_credentials() {
        for (text, shown) in [
            (
                "http://proxy.example.com:3128",
                "http://proxy.example.com:3128",
            ),
            ("proxy.example.com:3128", "http://proxy.example.com:3128"),
            ("proxy.example.com", "http://proxy.example.com:1080"),
            ("https://proxy.example.com", "https://proxy.example.com:443"),
            ("HTTP://10.0.0.1:8080/", "http://10.0.0.1:8080"),
            ("socks5://[2001:db8::7]:1080", "socks5://[2001:db8::7]:1080"),
            ("socks://127.0.0.1", "socks5h://127.0.0.1:1080"),
            ("socks5h://anna:sword@127.0.0.1:9", "socks5h://127.0.0.1:9"),
            (
                "http://anna:sw@rd@proxy.example.com:1",
                "http://proxy.example.com:1",
            ),
            (
                "anna:sword@proxy.example.com:1",
                "http://proxy.example.com:1",
            ),
            (
                "http://anna@proxy.example.com:1",
                "http://proxy.example.com:1",
            ),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(proxy.to_string(), shown, "{text}");
            assert_eq!(format!("{proxy:?}"), format!("Proxy({shown})"));
            assert_eq!(proxy.has_credentials(), text.contains('@'), "{text}");
        }
    }

    #[test]
    fn credentials_may_contain_anything_that_is_escaped() {
        let proxy = Proxy::parse("http://a%40b:p%3Aq%2f%25%zz%@h:1").unwrap();
        let credentials = proxy.credentials().unwrap();
        assert_eq!(*credentials.user, "a@b");
        assert_eq!(*credentials.password, "p:q/%%zz%");
        let long = "x".repeat(256);
        for bad in [
            ":fish@h:1",
            "@h:1",
            "a%3Ab:fish@h:1",
            "a:fi%0ash@h:1",
            "a:fi%ffsh@h:1",
            &format!("{long}:x@h:1"),
            &format!("x:{long}@h:1"),
        ] {
            let error = Proxy::parse(bad).unwrap_err();
            assert_eq!(error, BadProxy::Credentials, "{bad}");
            assert!(!error.to_string().contains("fi"));
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for (text, why) in [
            ("", BadProxy::Malformed),
            ("sword fish", BadProxy::Malformed),
            ("http://", BadProxy::Malformed),
            ("http://anna:sword@", BadProxy::Malformed),
            ("http://h:0", BadProxy::Malformed),
            ("http://h:70000", BadProxy::Malformed),
            ("http://h:", BadProxy::Malformed),
            ("http://[::1:1080", BadProxy::Malformed),
            ("http://::1:1080", BadProxy::Malformed),
            ("ftp://h:1", BadProxy::Scheme),
            ("socks4://h:1", BadProxy::Socks4),
            ("socks4a://h:1", BadProxy::Socks4),
            ("http://h:1/x", BadProxy::Path),
            ("http://h:1?x", BadProxy::Path),
            ("http://h:1/#x", BadProxy::Path),
        ] {
            assert_eq!(Proxy::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn only_addresses_are_loopback() {
        for (text, expected) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("localhost:1", false),
            ("10.0.0.1:1", false),
            ("127.0.0.1.example.com:1", false),
        ] {
            assert_eq!(
                Proxy::parse(text).unwrap().is_loopback(),
                expected,
                "{text}"
            );
        }
    }
}
