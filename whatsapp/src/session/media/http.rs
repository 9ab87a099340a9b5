//! One request to a media host: a response, read as fast as its frames are consumed, or a body, sent as fast as the host
//! accepts it. There is a limit on silence but no total timeout. Redirects are not followed. It connects as the link does:
//! through the proxy, if there is one.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN, RANGE,
    REFERER,
};
use hyper::http::request::Builder;
use hyper::http::uri::PathAndQuery;
use hyper::http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use openclaw_egress::{Egress, Stream, Target, unbracketed};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use whatsapp_rust::wacore::net::WHATSAPP_WEB_ORIGIN;

/// For DNS, TCP, the proxy and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The read timeout. Shorter in simulator builds, so that tests are fast.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(if cfg!(feature = "sim") { 2 } else { 30 });
/// The read buffer of a connection.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// The kernel's send buffer. Bytes in it count as accepted by the host, so it must drain within [`SILENCE_TIMEOUT`], also over
/// a slow line. It also limits the speed to this many bytes per round trip.
const SEND_BUFFER_BYTES: u32 = 256 * 1024;
/// How many times [`SILENCE_TIMEOUT`] a host may take to respond after the last byte of a body is in the send buffer: it has
/// to receive the rest, and to verify the file.
const MAX_SILENT_PERIODS_AT_END: u32 = 4;
/// The maximum size of the response to an upload.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Why there is no response, or why it ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// No connection could be made.
    Unreachable,
    /// The read timed out.
    Silent,
    /// The connection was lost, or the response is not valid HTTP, or not the requested range.
    Broken,
    /// A status other than success.
    Status(u16),
    /// The file is larger than the limit.
    TooLarge,
    /// The request body cannot be read.
    Unreadable,
}

/// A file from some position on.
pub(super) struct Response {
    /// The length of the whole file, if the host reports it.
    pub(super) length: Option<u64>,
    /// The position of the first byte in the file. 0 if the host does not support Range.
    pub(super) begins_at: u64,
    body: Incoming,
    connection: AbortHandle,
}

impl Drop for Response {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Response {
    /// The next bytes; `None` at the end.
    pub(super) async fn frame(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context));
            match tokio::time::timeout(SILENCE_TIMEOUT, frame).await {
                Err(_) => return Err(Error::Silent),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Error::Broken),
                Ok(Some(Ok(frame))) => {
                    // Trailers contain no file data.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

/// Requests a file from `host`, from `position` on.
pub(super) async fn get(
    egress: &Egress,
    host: &str,
    path: &PathAndQuery,
    position: u64,
) -> Result<Response, Error> {
    let (mut requests, connection) = open(egress, host).await?;
    let answer = tokio::time::timeout(
        SILENCE_TIMEOUT,
        requests.send_request(request(host, path, position)?),
    );
    let answer = match answer.await {
        Ok(Ok(answer)) => answer,
        failed => {
            connection.abort();
            return Err(failed.map_or(Error::Silent, |_| Error::Broken));
        }
    };
    let (head, body) = answer.into_parts();
    let mut response = Response {
        length: None,
        begins_at: 0,
        body,
        connection,
    };
    match head.status {
        StatusCode::OK => response.length = number(&head.headers, &CONTENT_LENGTH),
        StatusCode::PARTIAL_CONTENT => {
            let part = part(&head.headers).filter(|(begin, _)| *begin == position);
            let (begins_at, length) = part.ok_or(Error::Broken)?;
            (response.begins_at, response.length) = (begins_at, length);
        }
        status => return Err(Error::Status(status.as_u16())),
    }
    Ok(response)
}

/// A piece of a request body.
pub(super) type Piece = io::Result<Bytes>;

/// A request body, sent as fast as the host accepts it.
pub(super) struct Upstream {
    pieces: Option<mpsc::Receiver<Piece>>,
    left: u64,
    /// The bytes that the connection has accepted.
    taken: Arc<AtomicU64>,
}

impl Upstream {
    /// A body of `length` bytes.
    pub(super) fn new(pieces: mpsc::Receiver<Piece>, length: u64) -> Self {
        Self {
            pieces: Some(pieces),
            left: length,
            taken: Arc::default(),
        }
    }

    /// An empty body.
    pub(super) fn empty() -> Self {
        Self {
            pieces: None,
            left: 0,
            taken: Arc::default(),
        }
    }
}

impl Body for Upstream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        let Some(pieces) = this.pieces.as_mut().filter(|_| this.left > 0) else {
            return Poll::Ready(None);
        };
        match pieces.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Ready(Some(Ok(piece))) => {
                let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                this.left = this.left.saturating_sub(length);
                this.taken.fetch_add(length, Ordering::Relaxed);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    /// Exact, so that the request has a `Content-Length`.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Sends `body` to `host`, and returns the response if its status is success. If reading the body fails, the request is
/// aborted.
pub(super) async fn post(
    egress: &Egress,
    host: &str,
    path: &str,
    body: Upstream,
) -> Result<Vec<u8>, Error> {
    let (mut requests, connection) = open(egress, host).await?;
    let (taken, length) = (Arc::clone(&body.taken), body.left);
    let request = headed(Request::post(path), host)
        .header(CONTENT_TYPE, "application/octet-stream")
        .body(body)
        .map_err(|_| Error::Broken)?;
    let mut sending = pin!(requests.send_request(request));
    let (mut last, mut silent_periods) = (None, 0);
    let answer = loop {
        match tokio::time::timeout(SILENCE_TIMEOUT, &mut sending).await {
            Ok(answer) => break answer,
            Err(_) => {
                let now = taken.load(Ordering::Relaxed);
                silent_periods = if last == Some(now) {
                    silent_periods + 1
                } else {
                    0
                };
                last = Some(now);
                let allowed = if now < length {
                    1
                } else {
                    MAX_SILENT_PERIODS_AT_END
                };
                if silent_periods >= allowed {
                    connection.abort();
                    return Err(Error::Silent);
                }
            }
        }
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            connection.abort();
            return Err(match error.is_user() {
                true => Error::Unreadable,
                false => Error::Broken,
            });
        }
    };
    let (head, body) = answer.into_parts();
    let mut response = Response {
        length: None,
        begins_at: 0,
        body,
        connection,
    };
    if !head.status.is_success() {
        return Err(Error::Status(head.status.as_u16()));
    }
    let mut answer = Vec::new();
    while let Some(frame) = response.frame().await? {
        answer.extend_from_slice(&frame);
        if answer.len() > MAX_ANSWER_BYTES {
            return Err(Error::Broken);
        }
    }
    Ok(answer)
}

/// A connection, for one request.
async fn open<B>(egress: &Egress, host: &str) -> Result<(SendRequest<B>, AbortHandle), Error>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, connect(egress, host));
    let stream = connecting.await.map_err(|_| Error::Unreachable)?;
    let stream = TokioIo::new(stream.ok_or(Error::Unreachable)?);
    let mut builder = http1::Builder::new();
    let handshake = builder.max_buf_size(READ_BUFFER_BYTES).handshake(stream);
    let (requests, connection) = handshake.await.map_err(|_| Error::Broken)?;
    Ok((requests, tokio::spawn(connection).abort_handle()))
}

fn headed(request: Builder, host: &str) -> Builder {
    request
        .header(HOST, host)
        .header(ORIGIN, WHATSAPP_WEB_ORIGIN)
        .header(REFERER, format!("{WHATSAPP_WEB_ORIGIN}/"))
}

/// The request that WhatsApp Web sends, but without the token of the media connection, which only uploads need.
fn request(host: &str, path: &PathAndQuery, position: u64) -> Result<Request<String>, Error> {
    let request = headed(Request::get(path.as_str()), host);
    let request = match position {
        0 => request,
        _ => request.header(RANGE, format!("bytes={position}-")),
    };
    request.body(String::new()).map_err(|_| Error::Broken)
}

async fn connect(egress: &Egress, host: &str) -> Option<Stream> {
    let connecting = egress.connect(&target(host)?).await;
    connecting
        .inspect_err(|error| {
            let (error, hint) = (error.with_cause(), error.hint());
            tracing::warn!(error, hint, "cannot connect to a media host");
        })
        .ok()
}

/// A simulator build connects to loopback only, where the simulator's host serves plain HTTP; a release uses TLS to a
/// host name.
pub(in crate::session) fn target(host: &str) -> Option<Target<'_>> {
    let send_buffer = Some(SEND_BUFFER_BYTES);
    if cfg!(feature = "sim") {
        let address: SocketAddr = host.parse().ok()?;
        let (name, _) = host.rsplit_once(':')?;
        let name = unbracketed(name);
        return address.ip().is_loopback().then(|| Target {
            send_buffer,
            ..Target::plain(name, address.port())
        });
    }
    let is_name = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    (is_name && host.contains('.')).then(|| Target {
        send_buffer,
        ..Target::tls(host, 443)
    })
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The start of a range, and the length of the whole file: `bytes 5-9/10`.
fn part(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, length) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (begin, _) = range.split_once('-')?;
    Some((begin.trim().parse().ok()?, length.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_has_start_and_length() {
        for (text, found) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 5-9/*", Some((5, None))),
            ("bytes */10", None),
            ("5-9/10", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_RANGE, text.parse().unwrap())]);
            assert_eq!(part(&headers), found, "{text}");
        }
    }

    #[test]
    fn a_build_connects_to_whatsapps_hosts_or_to_loopback_never_both() {
        let port = |host| target(host).map(|target| target.port);
        let (simulator, whatsapp) = (port("127.0.0.1:34567"), port("mmg.whatsapp.net"));
        assert_eq!(simulator.is_some(), cfg!(feature = "sim"));
        assert_eq!(whatsapp.is_some(), !cfg!(feature = "sim"));
        for host in [
            "",
            "localhost",
            "10.0.0.1:80",
            "a b.net",
            "x@y.net",
            "y.net/",
            "y.net:80",
        ] {
            assert_eq!(port(host), None, "{host}");
        }
    }
}
