//! Parses the bodies and queries of requests into typed values, and reports each mistake.
//!
//! A body is parsed as JSON, whatever its content type, so that `curl -d '{…}'` works without a header.

use std::ops::Deref;

use axum::body::to_bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wacore_binary::{Jid, JidExt};

use super::failure::Failure;
use crate::number::{InvalidNumber, Number};
use crate::sim::Sim;
use crate::sim::phone::Phone;

/// Larger than any valid body.
const MAX_BODY: usize = 64 * 1024;

const README: &str = "the fields of every request are listed in sim/README.md";

/// A request's body.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let bytes = to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| {
            let error = format!("the body is larger than {MAX_BODY} bytes, or was cut off");
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, error, README)
        })?;
        let text = if bytes.is_empty() { b"{}" } else { &bytes[..] };
        // serde would also accept an array, field by field.
        if text
            .trim_ascii_start()
            .first()
            .is_some_and(|first| *first == b'[')
        {
            return Err(Failure::bad_request(
                "body: a list instead of an object",
                README,
            ));
        }
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| Failure::bad_request(format!("body: {error}"), README))
    }
}

/// The query of a request.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query: Result<Query<T>, QueryRejection> = Query::try_from_uri(&parts.uri);
        query.map(|Query(value)| Self(value)).map_err(|error| {
            Failure::bad_request(
                error.body_text(),
                "write + as %2B in a query, or leave it out: ?account=15550100001",
            )
        })
    }
}

/// A phone number as written in requests, with or without `+`. It is validated on arrival, and stored as `+` and
/// digits.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct E164(String);

impl TryFrom<String> for E164 {
    type Error = InvalidNumber;

    fn try_from(text: String) -> Result<Self, InvalidNumber> {
        text.parse::<Number>()
            .map(|number| Self(number.to_string()))
    }
}

impl E164 {
    /// The phone of an existing account: a request about an unused number is a mistake of the caller.
    pub(super) fn of(&self, sim: &Sim) -> Result<Phone, Failure> {
        if sim.numbers().contains(&self.0) {
            return Ok(sim.phone(self)?);
        }
        let hint =
            "an account is created on first use: link a companion to it, or send it a message";
        Err(Failure::new(
            StatusCode::NOT_FOUND,
            format!("no account {}", self.0),
            hint,
        ))
    }
}

/// The JID of a group, as POST /group returns it.
pub(super) fn group_jid(text: &str) -> Result<Jid, Failure> {
    let jid = text.parse::<Jid>().ok().filter(JidExt::is_group);
    jid.ok_or_else(|| {
        Failure::bad_request(
            format!("{text:?} is not a group's JID"),
            "use the jid that POST /group returned",
        )
    })
}

impl Deref for E164 {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
