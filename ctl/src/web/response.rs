//! What the server sends: each response may be kept by no one, framed by no one, and loads nothing from elsewhere.

use std::convert::Infallible;

use futures::{Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// Only the embedded files; no inline script or style, no form, no frame, no base, and no text that becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// For a file that people sent: if it is opened by itself, it does nothing and knows nothing of the page.
const FOREIGN_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

const HEADERS: [(HeaderName, &str); 8] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// What is sent.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A body with its type and status. It may have a credential in it: no `Debug`.
pub(crate) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    /// Set for a file that people sent: how the browser takes it.
    disposition: Option<HeaderValue>,
    body: Body,
}

impl Answer {
    /// An HTML page.
    pub(crate) fn html(body: impl Into<Bytes>) -> Self {
        Self::file("text/html; charset=utf-8", body)
    }

    /// A file of this type.
    pub(crate) fn file(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            content_type,
            disposition: None,
            body: Full::new(body.into()).boxed_unsync(),
        }
    }

    /// A file that people sent.
    pub(crate) fn foreign(
        content_type: &'static str,
        disposition: HeaderValue,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            disposition: Some(disposition),
            ..Self::file(content_type, body)
        }
    }

    /// Events (`text/event-stream`), each taken from `events` when the browser has received the ones before.
    pub(crate) fn events(events: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        let frames = events.map(|bytes| Ok(Frame::data(bytes)));
        Self {
            body: StreamBody::new(frames).boxed_unsync(),
            ..Self::file("text/event-stream", "")
        }
    }

    /// JSON.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        // What is sent always serializes: it has neither maps with odd keys nor failing fields.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self::file("application/json", body)
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<Answer> for Response<Body> {
    fn from(answer: Answer) -> Self {
        let mut response = Self::new(answer.body);
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        if answer.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(disposition) = answer.disposition {
            headers.insert(CONTENT_DISPOSITION, disposition);
            let policy = HeaderValue::from_static(FOREIGN_POLICY);
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}
