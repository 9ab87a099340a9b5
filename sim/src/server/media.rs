//! The media host: uploads and downloads over plain HTTP/1.1; WhatsApp's hosts use HTTPS.
//!
//! Clients put `https://` before the host of `media_conn`. A client under test needs an HTTP client that replaces it
//! by `http://`; nothing else differs.

mod download;
mod request;
mod socket;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::state::shared::Shared;
use request::{Address, refuse};
use socket::{Cut, Sockets};

/// Serves until the sender of `stop` is dropped.
pub(crate) async fn run(shared: Arc<Shared>, listener: TcpListener, stop: oneshot::Receiver<()>) {
    let router = Router::new().fallback(serve).with_state(shared);
    let service = router.into_make_service_with_connect_info::<Cut>();
    let serving = axum::serve(Sockets(listener), service).with_graceful_shutdown(async {
        // No value is ever sent; it resolves when the sender is dropped.
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
