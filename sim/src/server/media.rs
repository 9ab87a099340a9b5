//! The media host: uploads and downloads over plain HTTP/1.1, as WhatsApp's hosts take them over HTTPS.
//!
//! Clients write `https://` before the host of `media_conn`. One that is tested has to write `http://` instead, in the HTTP
//! client that it is given; nothing else differs.

mod download;
mod socket;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::state::media::Access;
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use socket::{Cut, Sockets};

/// How requests to the host are named in violations when they have no token.
const SOMEBODY: &str = "a client of the media host";

/// Serves until `stop` is dropped.
pub(crate) async fn run(shared: Arc<Shared>, listener: TcpListener, stop: oneshot::Receiver<()>) {
    let router = Router::new().fallback(serve).with_state(shared);
    let service = router.into_make_service_with_connect_info::<Cut>();
    let serving = axum::serve(Sockets(listener), service).with_graceful_shutdown(async {
        // It is dropped, never sent.
        let _ = stop.await;
    });
    if let Err(error) = serving.await {
        tracing::error!(%error, "the media host ended");
    }
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let address = Address::of(&parts.uri);
    tracing::debug!(method = %parts.method, path = address.path, "media");
    match parts.method {
        Method::POST => upload::receive(&shared, &cut, &address, &parts.headers, body).await,
        Method::GET => download::send(&shared, &address, &parts.headers).await,
        _ => refuse(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// An address as clients write it: a path, and a query that may begin twice, because a file's path has one of its own.
struct Address<'a> {
    path: &'a str,
    query: Vec<(&'a str, &'a str)>,
}

impl<'a> Address<'a> {
    fn of(uri: &'a Uri) -> Self {
        let query = uri.query().unwrap_or_default().split(['?', '&']);
        let pairs = query.filter_map(|pair| pair.split_once('='));
        Self {
            path: uri.path(),
            query: pairs.collect(),
        }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.query.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| *value)
    }
}

/// Who sends a request, and whether its token is still valid. A token that the server has not given out breaks a rule.
fn authorized(shared: &Shared, token: &str) -> Result<String, StatusCode> {
    const RULE: &str = "a media request has a token of media_conn";
    let access = lock(&shared.state).media.access(token);
    let known = access != Access::Unknown;
    let detail = format!("auth={token}");
    lock(&shared.verdicts).require(SOMEBODY, RULE, known, &detail);
    match access {
        Access::Granted(device) => Ok(verdict::who(&device)),
        Access::Expired(_) | Access::Unknown => Err(StatusCode::UNAUTHORIZED),
    }
}

/// A status without a body.
fn refuse(status: impl TryInto<StatusCode>) -> Response {
    let status = status.try_into();
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Body::empty()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_may_begin_twice() {
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
