//! One attempt to deliver one message: a signed POST. Only the response's status and headers are read.

use std::time::{Duration, Instant, SystemTime};

use hyper::body::Bytes;
use hyper::http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::http::{HeaderMap, HeaderValue, Request, StatusCode};
use openclaw_egress::{Egress, Error as EgressError};

use crate::address::Address;
use crate::signature::SigningKey;

/// A receiver, with the way to it and the signing key for it.
pub struct Receiver {
    address: Address,
    key: Option<SigningKey>,
    egress: Egress,
    user_agent: &'static str,
    timeout: Duration,
}

/// A message to post.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The same in every attempt: by it a receiver recognises a message that it has.
    pub id: &'a str,
    /// JSON.
    pub body: &'a Bytes,
    /// Further headers; the names are in lower case. One whose value is not allowed in a header is left out.
    pub headers: &'a [(&'static str, String)],
}

/// The result of an attempt.
#[derive(Debug)]
pub struct Attempt {
    /// The response's status; `None` without a response.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
    /// Why the message was not delivered.
    pub refused: Option<Refused>,
}

/// Why a message was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status, or the error without the URL's path; one line.
    pub error: String,
    /// What is at fault.
    pub scope: Scope,
    /// How long the receiver asks to wait.
    pub retry_after: Option<Duration>,
}

/// What is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The receiver, or the way to it: another message would fail as well.
    Receiver,
    /// The message: the receiver does not take it.
    Message,
    /// The receiver is gone for good (410), as Standard Webhooks defines it.
    Gone,
}

impl Receiver {
    /// `user_agent` is a name and a version, and `timeout` the limit for a whole attempt.
    #[must_use]
    pub fn new(
        address: Address,
        key: Option<SigningKey>,
        egress: Egress,
        user_agent: &'static str,
        timeout: Duration,
    ) -> Self {
        Self {
            // A loopback receiver needs no proxy.
            egress: match address.is_loopback() {
                true => Egress::direct(),
                false => egress,
            },
            address,
            key,
            user_agent,
            timeout,
        }
    }

    /// The host. It is not secret.
    #[must_use]
    pub fn host(&self) -> &str {
        self.address.host()
    }

    /// Connects, and posts nothing.
    ///
    /// # Errors
    /// It cannot be reached; one line, without the URL's path.
    pub async fn connect(&self) -> Result<(), String> {
        let target = self.address.target();
        let connecting = self.egress.connect(&target);
        match tokio::time::timeout(self.timeout, connecting).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(brief(&error.with_cause())),
            Err(_) => Err(format!("no connection within {} s", self.timeout.as_secs())),
        }
    }

    /// Makes one attempt. `now` is signed, and a `Retry-After` with a date counts from it.
    pub async fn post(&self, message: &Message<'_>, now: SystemTime) -> Attempt {
        let started = Instant::now();
        let posted = tokio::time::timeout(self.timeout, self.send(message, now)).await;
        let (status, error) = match posted {
            Ok(Ok((status, headers))) => {
                return Attempt {
                    status: Some(status.as_u16()),
                    took: started.elapsed(),
                    refused: refusal(status, &headers, now),
                };
            }
            // Without the URL's path.
            Ok(Err(error)) => (None, brief(&error.with_cause())),
            Err(_) => {
                let seconds = self.timeout.as_secs();
                (None, format!("no response within {seconds} s"))
            }
        };
        Attempt {
            status,
            took: started.elapsed(),
            refused: Some(Refused {
                error,
                scope: Scope::Receiver,
                retry_after: None,
            }),
        }
    }

    async fn send(
        &self,
        message: &Message<'_>,
        now: SystemTime,
    ) -> Result<(StatusCode, HeaderMap), EgressError> {
        let Message { id, body, headers } = *message;
        let timestamp = now.duration_since(SystemTime::UNIX_EPOCH);
        let timestamp = timestamp.unwrap_or_default().as_secs();
        let mut request = Request::post(self.address.uri())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, self.user_agent)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string());
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                request = request.header(*name, value);
            }
        }
        if let Some(key) = &self.key {
            let signature = key.sign(id, timestamp, body);
            request = request.header("webhook-signature", signature);
        }
        let target = self.address.target();
        let request = request.body(body.clone());
        let request = request.map_err(|_| EgressError::NotHttp {
            host: target.host.to_owned(),
        })?;
        // A redirect is not followed: it could send the message, or a secret URL, to a host that the operator did not
        // configure.
        self.egress.request_head(&target, request).await
    }
}

/// The failure for a status other than 2xx.
fn refusal(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Refused> {
    if status.is_success() {
        return None;
    }
    let code = status.as_u16();
    let scope = match code {
        410 => Scope::Gone,
        408 | 425 | 429 | 500.. => Scope::Receiver,
        300..400 => Scope::Receiver,
        _ => Scope::Message,
    };
    let error = match code {
        300..400 => format!("HTTP {code}: redirects are not followed, set the final URL"),
        _ => format!("HTTP {code}"),
    };
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    Some(Refused {
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
        refusal(status, &HeaderMap::new(), now).map(|refused| refused.scope)
    }

    #[test]
    fn a_status_shows_whether_the_receiver_or_the_message_is_at_fault() {
        for code in [200, 202, 204, 299] {
            assert_eq!(refused(code), None);
        }
        for code in [301, 302, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599] {
            assert_eq!(refused(code), Some(Scope::Receiver), "{code}");
        }
        for code in [400, 401, 403, 404, 413, 422] {
            assert_eq!(refused(code), Some(Scope::Message), "{code}");
        }
        assert_eq!(refused(410), Some(Scope::Gone));
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
