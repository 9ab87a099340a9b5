//! The listener: bounded in connections, sizes and times. One request per connection, so that an idle one holds nothing.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::gate::{Gate, Passed};
use super::notice;
use super::response::{Answer, Body};
use crate::failure::Failure;

/// A browser opens six at a time; room for several tabs, and for those who are refused.
const MAX_CONNECTIONS: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Files are held in memory, one at a time.
const MAX_FILES: usize = 1;
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// A file may come through SSH.
const FILE_TIMEOUT: Duration = Duration::from_secs(120);
/// Of a whole connection: longer than a [`Site`] takes to answer, see [`ANSWER_TIMEOUT`].
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Of a connection with a file or a stream. A stream that ends here is asked for again.
const LONG_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a [`Site`] may take to answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);
/// How long [`Running::close`] waits for responses that are being sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the server serves to the browser that it let in.
pub(crate) trait Site: Send + Sync + 'static {
    /// How large JSON may be. An answer to a passkey has a few kilobytes.
    const MAX_JSON_BYTES: usize = 64 * 1024;

    /// Answers a call, within [`ANSWER_TIMEOUT`], or [`LONG_TIMEOUT`] if it [`is_long`](Self::is_long).
    fn answer(&self, call: Call) -> impl Future<Output = Answer> + Send;

    /// True if the answer is a file or a stream, or waits for one.
    fn is_long(&self, _path: &str) -> bool {
        false
    }

    /// How large a file a POST to this path may have. `None`: it has JSON.
    fn max_file_bytes(&self, _path: &str) -> Option<usize> {
        None
    }
}

/// A request of the browser that was let in. Paths have no leading slash: the page's own is "".
pub(crate) enum Call {
    /// GET: changes nothing.
    Get { path: String, query: String },
    /// POST, with JSON or a file.
    Post {
        path: String,
        query: String,
        body: Bytes,
    },
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
        let serving = Arc::new(Serving {
            gate: self.gate,
            site,
            files: Semaphore::new(MAX_FILES),
        });
        let task = tokio::spawn(accept(self.listener, serving, stopped));
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

/// What all connections share.
struct Serving<S> {
    gate: Gate,
    site: Arc<S>,
    files: Semaphore,
}

async fn accept<S: Site>(
    listener: TcpListener,
    serving: Arc<Serving<S>>,
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
                connections.spawn(serve_one(stream, Arc::clone(&serving)));
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

async fn serve_one<S: Site>(stream: TcpStream, serving: Arc<Serving<S>>) {
    let (until, limit) = watch::channel(Instant::now() + CONNECTION_TIMEOUT);
    let until = Arc::new(until);
    let service = service_fn(|request| {
        let (serving, until) = (Arc::clone(&serving), Arc::clone(&until));
        async move { Ok::<_, Infallible>(respond(&serving, &until, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // The browser went away, or sent something that is not HTTP.
        served = served => drop(served),
        () = expired(limit) => {}
    }
}

/// Waits for the end of a connection, which may be moved meanwhile.
async fn expired(mut limit: watch::Receiver<Instant>) {
    loop {
        let at = *limit.borrow_and_update();
        tokio::select! {
            () = sleep_until(at) => return,
            Ok(()) = limit.changed() => {}
        }
    }
}

async fn respond<S: Site>(
    serving: &Serving<S>,
    until: &watch::Sender<Instant>,
    request: Request<Incoming>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let passed = serving.gate.judge(&head.method, &head.uri, &head.headers);
    let path = match passed {
        Err(denied) => return notice::page(denied).into(),
        Ok(Passed::File(file)) => return Answer::file(file.content_type, file.content).into(),
        Ok(Passed::Entered) => return entered(&serving.gate),
        Ok(Passed::Site(path)) => path.to_owned(),
    };
    let query = head.uri.query().unwrap_or_default().to_owned();
    if serving.site.is_long(&path) {
        until.send_replace(Instant::now() + LONG_TIMEOUT);
    }
    match head.method {
        Method::GET => serving.site.answer(Call::Get { path, query }).await.into(),
        _ => posted(serving, path, query, &head.headers, body)
            .await
            .into(),
    }
}

async fn posted<S: Site>(
    serving: &Serving<S>,
    path: String,
    query: String,
    headers: &HeaderMap,
    body: Incoming,
) -> Answer {
    let (expected, is_file) = match serving.site.max_file_bytes(&path) {
        None => (Expected::json(S::MAX_JSON_BYTES), false),
        Some(max_bytes) => (Expected::file(max_bytes), true),
    };
    // Held until the file is sent on.
    let _room = match is_file {
        true => serving.files.acquire().await.ok(),
        false => None,
    };
    match received(headers, body, expected).await {
        Ok(body) => serving.site.answer(Call::Post { path, query, body }).await,
        Err(status) => Answer::file("text/plain", "").with_status(status),
    }
}

/// To the clean address, with the cookie.
fn entered(gate: &Gate) -> Response<Body> {
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

/// What the body of a POST has to be.
struct Expected {
    /// One that a form of another site cannot send.
    content_type: &'static str,
    max_bytes: usize,
    limit: Duration,
}

impl Expected {
    const fn json(max_bytes: usize) -> Self {
        Self {
            content_type: "application/json",
            max_bytes,
            limit: BODY_TIMEOUT,
        }
    }

    const fn file(max_bytes: usize) -> Self {
        Self {
            content_type: "application/octet-stream",
            max_bytes,
            limit: FILE_TIMEOUT,
        }
    }
}

async fn received(
    headers: &HeaderMap,
    body: Incoming,
    expected: Expected,
) -> Result<Bytes, StatusCode> {
    let Expected {
        content_type,
        max_bytes,
        limit,
    } = expected;
    let is_right = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value == content_type);
    if !is_right {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let whole = Limited::new(body, max_bytes).collect();
    match timeout(limit, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        }
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}
