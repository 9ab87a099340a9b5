//! One attempt to deliver one alert: a signed POST. Only the response's status and headers are evaluated. It blocks.

use std::time::{Duration, Instant, SystemTime};

use hyper::http::header::{CONTENT_TYPE, RETRY_AFTER};
use hyper::http::{HeaderMap, StatusCode};
use openclaw_state::alerts::{Failure, Row, Scope};
use openclaw_state::vault::to_millis;
use ureq::Error as UreqError;

use super::body::body;
use super::settings::{Address, Format};
use super::signature::SigningKey;

/// The limit for the whole attempt.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// The receiver, with the HTTP client and signing key for it.
pub(super) struct Receiver {
    address: Address,
    key: Option<SigningKey>,
    format: Format,
    http: ureq::Agent,
}

/// The result of an attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The response's status; `None` without a response.
    pub(super) status: Option<u16>,
    pub(super) took: Duration,
    /// Why the attempt failed.
    pub(super) failure: Option<Failure>,
}

impl Receiver {
    pub(super) fn new(address: Address, key: Option<SigningKey>, format: Format) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(POST_TIMEOUT))
            .https_only(address.is_encrypted())
            // A redirect could send the alert, or Slack's secret URL, to a host that the operator did not configure.
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .user_agent(concat!("openclaw-agent/", env!("CARGO_PKG_VERSION")));
        // A loopback receiver needs no proxy.
        let config = if address.is_loopback() {
            config.proxy(None)
        } else {
            config
        };
        Self {
            http: config.build().new_agent(),
            address,
            key,
            format,
        }
    }

    pub(super) fn host(&self) -> &str {
        self.address.host()
    }

    pub(super) fn post(&self, row: &Row, now: SystemTime) -> Attempt {
        let body = body(row, self.format);
        let timestamp = to_millis(now) / 1000;
        let mut request = self
            .http
            .post(self.address.uri())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &row.id)
            .header("webhook-timestamp", timestamp.to_string());
        if let Some(key) = &self.key {
            let signature = key.sign(&row.id, timestamp, &body);
            request = request.header("webhook-signature", signature);
        }
        let started = Instant::now();
        // The response's body is dropped unread, and the connection with it.
        let answer = request.send(&body[..]);
        let took = started.elapsed();
        match answer {
            Ok(answer) => Attempt {
                status: Some(answer.status().as_u16()),
                took,
                failure: refusal(answer.status(), answer.headers(), now),
            },
            Err(error) => Attempt {
                status: None,
                took,
                failure: Some(Failure {
                    error: describe(&error),
                    scope: Scope::Receiver,
                    retry_after: None,
                }),
            },
        }
    }
}

/// The failure for a status other than 2xx. Standard Webhooks defines 410 as a permanently removed endpoint.
fn refusal(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Failure> {
    if status.is_success() {
        return None;
    }
    let code = status.as_u16();
    let scope = match code {
        410 => Scope::Final,
        408 | 425 | 429 | 500.. => Scope::Receiver,
        300..400 => Scope::Receiver,
        _ => Scope::Alert,
    };
    let error = match code {
        300..400 => format!("HTTP {code}: redirects are not followed, set the final URL"),
        _ => format!("HTTP {code}"),
    };
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    Some(Failure {
        error,
        scope,
        retry_after: retry_after.and_then(|text| parse_retry_after(text, now)),
    })
}

/// Parses `Retry-After`: seconds, or a date.
fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// Describes an error in our own words: the library's text may contain the URL.
fn describe(error: &UreqError) -> String {
    match error {
        UreqError::Timeout(_) => format!("no response within {} s", POST_TIMEOUT.as_secs()),
        UreqError::HostNotFound => "DNS lookup failed".to_owned(),
        UreqError::ConnectionFailed => "connection failed".to_owned(),
        // Errors of the system or TLS about a connection: names, certificates, sockets.
        UreqError::Io(error) => brief(&format!("the connection failed: {error}")),
        UreqError::Rustls(error) => brief(&format!("the TLS connection failed: {error}")),
        UreqError::Tls(_) => "the TLS connection failed".to_owned(),
        UreqError::InvalidProxyUrl => {
            "the proxy of the environment is not a valid address".to_owned()
        }
        UreqError::Protocol(_) => "the response is not HTTP".to_owned(),
        _ => "the request failed".to_owned(),
    }
}

/// Shortens a text to one line of a table.
fn brief(text: &str) -> String {
    const MAX_CHARS: usize = 160;
    let line = text.chars().filter(|c| !c.is_control());
    line.take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16) -> Option<Scope> {
        let status = StatusCode::from_u16(code).unwrap();
        let now = SystemTime::UNIX_EPOCH;
        refusal(status, &HeaderMap::new(), now).map(|failure| failure.scope)
    }

    #[test]
    fn a_status_shows_whether_the_receiver_or_the_alert_is_at_fault() {
        for code in [200, 202, 204, 299] {
            assert_eq!(refused(code), None);
        }
        for code in [301, 302, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599] {
            assert_eq!(refused(code), Some(Scope::Receiver), "{code}");
        }
        for code in [400, 401, 403, 404, 413, 422] {
            assert_eq!(refused(code), Some(Scope::Alert), "{code}");
        }
        assert_eq!(refused(410), Some(Scope::Final));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_747);
        let parse = |text| parse_retry_after(text, now);
        assert_eq!(parse(" 120 "), Some(Duration::from_secs(120)));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse(date), Some(Duration::from_secs(30)));
        let past = "Sun, 06 Nov 1994 08:40:00 GMT";
        assert_eq!(parse(past), Some(Duration::ZERO));
        for odd in ["", "-1", "soon", "99999999999999999999"] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn no_error_repeats_the_address() {
        let error = UreqError::BadUri("https://hooks.example.com/swordfish".to_owned());
        assert!(!describe(&error).contains("swordfish"));
        let error = UreqError::RequireHttpsOnly("http://example.com/swordfish".to_owned());
        assert!(!describe(&error).contains("swordfish"));
    }
}
