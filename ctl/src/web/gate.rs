//! Which requests are answered. Pure, apart from the random secrets and the mark that the address was used.
//!
//! - The address has a token that works once. It buys a cookie, so that a copy of the address (in the browser's
//!   history, or in a list of processes) is worthless afterwards.
//! - Browsers send cookies to every port of a host. The cookie is bound to a random path, so that other local servers
//!   do not receive it.
//! - `Host` must be a name of loopback, against DNS rebinding. `Origin` must match it, and `Sec-Fetch-Site` must not
//!   contradict it, against requests by other sites.

use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hyper::header::{COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::{Method, Uri};
use subtle::ConstantTimeEq as _;

use super::files::{self, File};
use crate::failure::Failure;

const COOKIE_NAME: &str = "openclaw";
const ENTRANCE: &str = "/open/";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

/// The secrets of one server. No `Debug`.
pub(super) struct Gate {
    token: String,
    key: String,
    /// The path of the site, with a slash at both ends. Random, but not a secret: the address bar shows it.
    base: String,
    used: AtomicBool,
}

/// A request that is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passed<'a> {
    /// The token was right, and is used up: set the cookie.
    Entered,
    /// An embedded file.
    File(&'static File),
    /// A request for the site, by its path below the base.
    Site(&'a str),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// The request is for another host.
    WrongHost,
    /// Another site sent it.
    WrongOrigin,
    /// Neither GET nor POST, or POST where nothing is changed.
    WrongMethod,
    /// The token was used before.
    Used,
    /// The token is wrong.
    WrongToken,
    /// The browser fetched the address in advance, which must not use the token.
    Early,
    /// No cookie, or a wrong one.
    NoKey,
    /// No cookie, because a link on another site led here. The browser sends it if the page itself leads here.
    FromElsewhere,
    /// Nothing is at this path.
    Unknown,
}

impl Gate {
    /// New secrets.
    pub(super) fn new() -> Result<Self, Failure> {
        let mut random = [0; 72];
        getrandom::fill(&mut random)
            .map_err(|error| Failure::new(format!("cannot get random bytes: {error}")))?;
        let (token, rest) = random.split_at(32);
        let (key, base) = rest.split_at(32);
        Ok(Self {
            token: BASE64URL_NOPAD.encode(token),
            key: BASE64URL_NOPAD.encode(key),
            base: format!("/{}/", HEXLOWER.encode(base)),
            used: AtomicBool::new(false),
        })
    }

    /// The path that works once. A credential.
    pub(super) fn entrance(&self) -> String {
        format!("{ENTRANCE}{}", self.token)
    }

    /// The path of the site.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The header that sets the cookie. Without an end, so that it ends with the browser.
    pub(super) fn cookie(&self) -> String {
        let (key, base) = (&self.key, &self.base);
        format!("{COOKIE_NAME}={key}; Path={base}; HttpOnly; SameSite=Strict")
    }

    /// Decides about a request. Success at the entrance uses the token.
    pub(super) fn judge<'a>(
        &self,
        method: &Method,
        uri: &'a Uri,
        headers: &HeaderMap,
    ) -> Result<Passed<'a>, Denied> {
        let host = host(uri, headers).ok_or(Denied::WrongHost)?;
        same_origin(method, headers, host)?;
        if !matches!(*method, Method::GET | Method::POST) {
            return Err(Denied::WrongMethod);
        }
        let path = uri.path();
        if let Some(below) = path.strip_prefix(self.base.as_str()) {
            return self.site(method, below, headers);
        }
        if *method != Method::GET {
            return Err(Denied::WrongMethod);
        }
        match path.strip_prefix(ENTRANCE) {
            Some(token) => self.enter(token, headers),
            None => files::at(path).map(Passed::File).ok_or(Denied::Unknown),
        }
    }

    fn enter<'a>(&self, token: &str, headers: &HeaderMap) -> Result<Passed<'a>, Denied> {
        if headers.contains_key(SEC_PURPOSE) {
            return Err(Denied::Early);
        }
        if !equal(token, &self.token) {
            return Err(Denied::WrongToken);
        }
        match self.used.swap(true, Ordering::Relaxed) {
            true => Err(Denied::Used),
            false => Ok(Passed::Entered),
        }
    }

    fn site<'a>(
        &self,
        method: &Method,
        below: &'a str,
        headers: &HeaderMap,
    ) -> Result<Passed<'a>, Denied> {
        let from = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
        let is_page = below.is_empty() && *method == Method::GET;
        if !self.has_key(headers) {
            return Err(match from {
                Some(b"cross-site") if is_page => Denied::FromElsewhere,
                _ => Denied::NoKey,
            });
        }
        match from {
            None | Some(b"same-origin") => Ok(Passed::Site(below)),
            // Opened from outside of any page: the address bar, a bookmark, a new tab.
            Some(_) if is_page => Ok(Passed::Site(below)),
            Some(_) => Err(Denied::WrongOrigin),
        }
    }

    fn has_key(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get_all(COOKIE).into_iter();
        let pairs = sent
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        pairs
            .filter(|(name, _)| *name == COOKIE_NAME)
            .any(|(_, key)| equal(key, &self.key))
    }
}

/// The only `Host`, if it is a name of loopback. The port is not compared: through SSH it may be another one.
fn host<'a>(uri: &Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut all = headers.get_all(HOST).iter();
    let (Some(host), None, None) = (all.next(), all.next(), uri.authority()) else {
        return None;
    };
    let host = host.to_str().ok()?;
    let port = ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .find_map(|name| host.strip_prefix(name))?;
    let is_port = |text: &str| text.parse::<u16>().is_ok() && !text.starts_with('+');
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(host)
}

/// A change needs an `Origin`, which browsers always send with it. Any other `Origin` is refused everywhere.
fn same_origin(method: &Method, headers: &HeaderMap, host: &str) -> Result<(), Denied> {
    let mut all = headers.get_all(ORIGIN).iter();
    let is_ours = |origin: &[u8]| origin.strip_prefix(b"http://") == Some(host.as_bytes());
    match (all.next(), all.next()) {
        (None, None) if *method != Method::POST => Ok(()),
        (Some(origin), None) if is_ours(origin.as_bytes()) => Ok(()),
        _ => Err(Denied::WrongOrigin),
    }
}

/// Compares in constant time. The lengths are no secret.
fn equal(given: &str, secret: &str) -> bool {
    given.as_bytes().ct_eq(secret.as_bytes()).into()
}
