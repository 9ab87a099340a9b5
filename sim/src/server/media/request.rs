//! The parts that all requests to the media host have: an address, and an optional token.

use axum::body::Body;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use crate::state::media::Access;
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;

/// The name used in violations for a client without a token.
pub(super) const UNKNOWN_CLIENT: &str = "a client of the media host";

/// An address as clients write it: a path and a query. The query may have a second `?`, because a file's path has a
/// query of its own.
pub(super) struct Address<'a> {
    pub(super) path: &'a str,
    query: Vec<(&'a str, &'a str)>,
}

impl<'a> Address<'a> {
    pub(super) fn of(uri: &'a Uri) -> Self {
        let query = uri.query().unwrap_or_default().split(['?', '&']);
        let pairs = query.filter_map(|pair| pair.split_once('='));
        Self {
            path: uri.path(),
            query: pairs.collect(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.query.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| *value)
    }
}

/// The sender of a request, and whether its token is still valid. A token that the server has not issued breaks a
/// rule.
pub(super) fn authorized(shared: &Shared, token: &str) -> Result<String, StatusCode> {
    const RULE: &str = "a media request has a token of media_conn";
    let access = lock(&shared.state).media.access(token);
    let known = access != Access::Unknown;
    let detail = format!("auth={token}");
    lock(&shared.verdicts).require(UNKNOWN_CLIENT, RULE, known, &detail);
    match access {
        Access::Granted(device) => Ok(verdict::name_of(&device)),
        Access::Expired(_) | Access::Unknown => Err(StatusCode::UNAUTHORIZED),
    }
}

/// A status without a body.
pub(super) fn refuse(status: impl TryInto<StatusCode>) -> Response {
    let status = status.try_into();
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Body::empty()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_may_contain_a_second_question_mark() {
        let uri = "/v/t62/1.enc?ccb=11-4&oh=01_A&_nc_sid=5e03e0?auth=a&token=b=";
        let uri: Uri = uri.parse().expect("an address");
        let address = Address::of(&uri);
        assert_eq!(address.path, "/v/t62/1.enc");
        for (name, value) in [
            ("oh", "01_A"),
            ("_nc_sid", "5e03e0"),
            ("auth", "a"),
            ("token", "b="),
        ] {
            assert_eq!(address.get(name), Some(value));
        }
        assert_eq!(address.get("hash"), None);
    }
}
