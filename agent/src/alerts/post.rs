//! One attempt to deliver one alert: a signed POST. Only the response's status and headers are evaluated.

use std::time::{Duration, Instant, SystemTime};

use hyper::body::Bytes;
use hyper::http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::http::{HeaderMap, Request, StatusCode};
use openclaw_egress::{Answer, Egress, Error as EgressError};
use openclaw_state::alerts::{Failure, Row, Scope};
use openclaw_state::vault::to_millis;

use super::body::body;
use super::settings::{Address, Format};
use super::signature::SigningKey;

/// The limit for the whole attempt.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// What a receiver may answer beyond its status.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The receiver, with the way to it and the signing key for it.
pub(super) struct Receiver {
    address: Address,
    key: Option<SigningKey>,
    format: Format,
    egress: Egress,
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
    pub(super) fn new(
        address: Address,
        key: Option<SigningKey>,
        format: Format,
        egress: Egress,
    ) -> Self {
        Self {
            // A loopback receiver needs no proxy.
            egress: match address.is_loopback() {
                true => Egress::direct(),
                false => egress,
            },
            address,
            key,
            format,
        }
    }

    pub(super) fn host(&self) -> &str {
        self.address.host()
    }

    pub(super) async fn post(&self, row: &Row, now: SystemTime) -> Attempt {
        let started = Instant::now();
        let posted = tokio::time::timeout(POST_TIMEOUT, self.send(row, now)).await;
        let (status, error) = match posted {
            Ok(Ok(answer)) => {
                return Attempt {
                    status: Some(answer.status.as_u16()),
                    took: started.elapsed(),
                    failure: refusal(answer.status, &answer.headers, now),
                };
            }
            // Without the URL's path.
            Ok(Err(error)) => (None, brief(&error.with_cause())),
            Err(_) => {
                let seconds = POST_TIMEOUT.as_secs();
                (None, format!("no response within {seconds} s"))
            }
        };
        Attempt {
            status,
            took: started.elapsed(),
            failure: Some(Failure {
                error,
                scope: Scope::Receiver,
                retry_after: None,
            }),
        }
    }

    async fn send(&self, row: &Row, now: SystemTime) -> Result<Answer, EgressError> {
        let body = body(row, self.format);
        let timestamp = to_millis(now) / 1000;
        let mut request = Request::post(self.address.uri())
            .header(CONTENT_TYPE, "application/json")
            .header(
                USER_AGENT,
                concat!("openclaw-agent/", env!("CARGO_PKG_VERSION")),
            )
            .header("webhook-id", &row.id)
            .header("webhook-timestamp", timestamp.to_string());
        if let Some(key) = &self.key {
            let signature = key.sign(&row.id, timestamp, &body);
            request = request.header("webhook-signature", signature);
        }
        let target = self.address.target();
        let request = request.body(Bytes::from(body));
        let request = request.map_err(|_| EgressError::NotHttp {
            host: target.host.to_owned(),
        })?;
        // A redirect is not followed: it could send the alert, or Slack's secret URL, to a host that the operator did not
        // configure.
        self.egress
            .request(&target, request, MAX_ANSWER_BYTES)
            .await
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
}
