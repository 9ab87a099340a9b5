//! The control interface: HTTP and JSON over the library's own functions, as sim/README.md describes it.
//!
//! Handlers only parse the request, call the library and convert the result. There is no access control: the interface
//! listens on loopback, like the server, which trusts every caller.

mod call;
mod content;
mod devices;
mod failure;
mod fault;
mod group;
mod hosted;
mod media;
mod notice;
mod number;
mod passkey;
mod peer;
mod phone;
mod profile;
mod record;
mod request;
mod restrictions;
mod stanza;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::sim::Sim;
use failure::Failure;

/// How long requests in progress may take to finish after a shutdown was requested.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves the control interface of `sim` until `stop` resolves, plus a second for requests in progress.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    sim: Arc<Sim>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stopped) = oneshot::channel();
    let serving = axum::serve(listener, router(sim)).with_graceful_shutdown(async {
        stop.await;
        // The receiver lives as long as this future.
        let _ = stopping.send(());
    });
    tokio::select! {
        outcome = serving.into_future() => outcome,
        () = async {
            let _ = stopped.await;
            tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
        } => Ok(()),
    }
}

fn router(sim: Arc<Sim>) -> Router {
    accounts()
        .merge(people())
        .merge(linking())
        .route("/stanza", post(stanza::send))
        .route("/media/remove", post(media::remove))
        .route("/fault", post(fault::strike))
        .route("/acks", get(record::acks))
        .route("/queue", get(record::queue))
        .route("/verify", get(record::verify))
        .route("/cert", get(record::cert))
        .route("/accounts", get(record::accounts))
        .route("/health", get(record::health))
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(sim)
}

/// Routes for linking accounts, and for notices to their companions.
fn linking() -> Router<Arc<Sim>> {
    Router::new()
        .route("/passkey", post(passkey::register))
        .route("/passkey/assert", post(passkey::assert))
        .route("/passkey/confirm", post(passkey::confirm))
        .route("/passkey/refuse", post(passkey::refuse))
        .route("/passkey/ceremony", get(passkey::ceremony))
        .route("/hosted", post(hosted::host))
        .route("/migrated", post(number::migrated))
        .route("/notices", get(notice::kinds))
        .route("/notify", post(notice::notify))
}

/// Routes for accounts and their phones.
fn accounts() -> Router<Arc<Sim>> {
    Router::new()
        .route("/phone/scan", post(phone::scan))
        .route("/phone/code", post(phone::code))
        .route("/phone/unlink", post(phone::unlink))
        .route("/phone/devices", get(phone::devices))
        .route("/phone/send", post(phone::send))
        .route("/channel/post", post(phone::post))
        .route("/bot/answer", post(phone::bot))
        .route("/profile", get(profile::view))
        .route("/profile/name", post(profile::name))
        .route("/profile/contact", post(profile::contact))
        .route("/profile/picture", post(profile::picture))
        .route("/profile/about", post(profile::about))
        .route("/profile/business", post(profile::business))
        .route("/profile/timer", post(profile::timer))
        .route("/profile/privacy", post(profile::privacy))
        .route("/profile/block", post(profile::block))
        .route("/account/timelock", post(restrictions::timelock))
        .route("/account/expiration", post(restrictions::expiration))
        .route("/phone/answers", post(phone::answers))
}

/// Routes for contacts and groups.
fn people() -> Router<Arc<Sim>> {
    Router::new()
        .route("/peer/send", post(peer::send))
        .route("/peer/flood", post(peer::flood))
        .route("/peer/receipt", post(peer::receipt))
        .route("/peer/online", post(peer::online))
        .route("/peer/inbox", get(peer::inbox))
        .route("/peer/devices", post(devices::devices))
        .route("/peer/retry", post(devices::retry))
        .route("/peer/reinstall", post(devices::reinstall))
        .route("/peer/unopenable", post(devices::unopenable))
        .route("/peer/number", post(number::change))
        .route("/peer/hidden", post(number::hide))
        .route("/call", post(call::call))
        .route("/calls", get(call::calls))
        .route("/group", post(group::make))
        .route("/group/info", get(group::view))
        .route("/group/change", post(group::change))
        .route("/group/join", post(group::join))
        .route("/group/requests", post(group::decide))
        .route("/presence", post(stanza::presence))
        .route("/typing", post(stanza::typing))
        .route("/unknown", post(peer::unknown))
        .route("/spelling", post(peer::spelling))
}

async fn no_such_path(uri: Uri) -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        format!("no path {}", uri.path()),
        "sim/README.md lists all paths",
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Failure {
    let other = if method == Method::POST {
        "GET"
    } else {
        "POST"
    };
    let error = format!("{} does not accept {method}", uri.path());
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        error,
        format!("use {other}"),
    )
}
