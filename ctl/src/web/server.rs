//! The listener: bounded in connections, sizes and times. One request per connection, so that an idle one holds nothing.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::gate::{Gate, Passed};
use super::notice;
use super::response::Answer;
use crate::failure::Failure;

/// A browser opens six at a time; room for several tabs, and for those who are refused.
const MAX_CONNECTIONS: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// An answer to a passkey has a few kilobytes.
const MAX_BODY_BYTES: usize = 64 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a whole connection: longer than a [`Site`] takes to answer, see [`ANSWER_TIMEOUT`].
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a [`Site`] may take to answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);
/// How long [`Running::close`] waits for responses that are being sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the server serves to the browser that it let in.
pub(crate) trait Site: Send + Sync + 'static {
    /// Answers a call, within [`ANSWER_TIMEOUT`].
    fn answer(&self, call: Call) -> impl Future<Output = Answer> + Send;
}

/// A request of the browser that was let in. Paths have no leading slash: the page's own is "".
pub(crate) enum Call {
    /// GET: changes nothing.
    Get { path: String, query: String },
    /// POST, with JSON.
    Post { path: String, body: Bytes },
}

/// A server that listens, and does not answer yet.
pub(crate) struct Server {
    listener: TcpListener,
    at: SocketAddr,
    gate: Gate,
}

impl Server {
    /// Listens on `port` of 127.0.0.1, or on a free one.
    pub(crate) async fn bind(port: Option<u16>) -> Result<Self, Failure> {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
        let unusable = |error| {
            Failure::new(format!("cannot listen on {at}: {error}"))
                .with_reason("PORT_UNUSABLE")
                .with_hint("choose another port with --port, or leave it out")
        };
        let listener = TcpListener::bind(at).await.map_err(unusable)?;
        let at = listener.local_addr().map_err(unusable)?;
        let gate = Gate::new()?;
        Ok(Self { listener, at, gate })
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.at.port()
    }

    /// The address that opens the page, once. A credential.
    pub(crate) fn address(&self) -> String {
        format!("http://{}{}", self.at, self.gate.entrance())
    }

    /// Serves `site` until the handle is closed or dropped.
    pub(crate) fn serve(self, site: Arc<impl Site>) -> Running {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(self.listener, Arc::new(self.gate), site, stopped));
        Running { stop, task }
    }
}

/// A server that runs. The drop stops it at once.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Stops it after the responses that are being sent.
    pub(crate) async fn close(mut self) {
        let (stop, _) = oneshot::channel();
        let stop = std::mem::replace(&mut self.stop, stop);
        // Fails only if the task has ended.
        let _ = stop.send(());
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    gate: Arc<Gate>,
    site: Arc<impl Site>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let is_full = connections.len() >= MAX_CONNECTIONS;
        let accepted = tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next(), if is_full => continue,
            accepted = listener.accept(), if !is_full => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let serving = serve_one(stream, Arc::clone(&gate), Arc::clone(&site));
                connections.spawn(timeout(CONNECTION_TIMEOUT, serving));
            }
            // No file descriptor is free, or the peer has gone; the next accept may succeed.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    drop(listener);
    // Dropped at the limit.
    let _ = timeout(CLOSE_TIMEOUT, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
}

async fn serve_one(stream: TcpStream, gate: Arc<Gate>, site: Arc<impl Site>) {
    let service = service_fn(|request| {
        let (gate, site) = (Arc::clone(&gate), Arc::clone(&site));
        async move { Ok::<_, Infallible>(respond(&gate, &*site, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // The browser went away, or sent something that is not HTTP.
    drop(served);
}

async fn respond(
    gate: &Gate,
    site: &impl Site,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    match gate.judge(&head.method, &head.uri, &head.headers) {
        Err(denied) => notice::page(denied).into(),
        Ok(Passed::File(file)) => Answer::file(file.content_type, file.content).into(),
        Ok(Passed::Entered) => entered(gate),
        Ok(Passed::Site(path)) if head.method == Method::GET => {
            let query = head.uri.query().unwrap_or_default().to_owned();
            let path = path.to_owned();
            site.answer(Call::Get { path, query }).await.into()
        }
        Ok(Passed::Site(path)) => match received(&head.headers, body).await {
            Ok(body) => {
                let path = path.to_owned();
                site.answer(Call::Post { path, body }).await.into()
            }
            Err(status) => Answer::file("text/plain", "").with_status(status).into(),
        },
    }
}

/// To the clean address, with the cookie.
fn entered(gate: &Gate) -> Response<Full<Bytes>> {
    let answer = Answer::html("").with_status(StatusCode::SEE_OTHER);
    let mut response = Response::from(answer);
    for (name, value) in [(LOCATION, gate.base()), (SET_COOKIE, &gate.cookie())] {
        // Letters, digits and punctuation of our own.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The body of a POST: JSON, which a form of another site cannot send.
async fn received(headers: &HeaderMap, body: Incoming) -> Result<Bytes, StatusCode> {
    let is_json = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value == "application/json");
    if !is_json {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let whole = Limited::new(body, MAX_BODY_BYTES).collect();
    match timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        }
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}
