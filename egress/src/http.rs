//! One HTTP request on a connection of its own, with a bounded answer. Redirects are not followed.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::http::header::{HOST, HeaderValue};
use hyper::http::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;

use crate::{Egress, Error, Target};

/// The read buffer, and the maximum size of the answer's head.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Egress {
    /// Sends `request` to the host of its URI at `to`, and reads an answer of at most `max` bytes. There is no time limit.
    ///
    /// # Errors
    /// See [`Error`]. Any status is an answer.
    pub async fn request(
        &self,
        to: &Target<'_>,
        request: Request<Bytes>,
        max: usize,
    ) -> Result<Answer, Error> {
        let (answer, _connection) = self.ask(to, request).await?;
        let (head, mut body) = answer.into_parts();
        let mut read = Vec::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let frame = frame.map_err(|_| not_http(to))?;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            if read.len() + bytes.len() > max {
                return Err(Error::TooLarge {
                    host: to.host.to_owned(),
                });
            }
            read.extend_from_slice(&bytes);
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: read,
        })
    }

    /// As [`Egress::request`], for an answer whose body does not matter: it is not read.
    ///
    /// # Errors
    /// See [`Error`]. Any status is an answer.
    pub async fn request_head(
        &self,
        to: &Target<'_>,
        request: Request<Bytes>,
    ) -> Result<(StatusCode, HeaderMap), Error> {
        let (answer, _connection) = self.ask(to, request).await?;
        let (head, _) = answer.into_parts();
        Ok((head.status, head.headers))
    }

    /// Sends the request. The body can be read while the connection is kept.
    async fn ask(
        &self,
        to: &Target<'_>,
        request: Request<Bytes>,
    ) -> Result<(Response<Incoming>, AbortOnDrop), Error> {
        let request = on_the_wire(request, to).ok_or_else(|| not_http(to))?;
        let stream = self.connect(to).await?;
        let mut builder = http1::Builder::new();
        let handshake = builder
            .max_buf_size(MAX_HEAD_BYTES)
            .handshake(TokioIo::new(stream));
        let (mut requests, connection) = handshake.await.map_err(|_| not_http(to))?;
        // Its error is that of the request, too.
        let connection = AbortOnDrop(tokio::spawn(connection));
        let answer = requests.send_request(request).await;
        Ok((answer.map_err(|_| not_http(to))?, connection))
    }
}

fn not_http(to: &Target<'_>) -> Error {
    Error::NotHttp {
        host: to.host.to_owned(),
    }
}

/// The request with its path only, and a `Host`.
fn on_the_wire(request: Request<Bytes>, to: &Target<'_>) -> Option<Request<Whole>> {
    let (mut head, body) = request.into_parts();
    let usual = if to.tls { 443 } else { 80 };
    let host = match to.port == usual {
        true => to.host.to_owned(),
        false => to.authority(),
    };
    head.headers
        .insert(HOST, HeaderValue::from_str(&host).ok()?);
    let path = head.uri.path_and_query().cloned();
    head.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    Some(Request::from_parts(head, Whole(Some(body))))
}

/// The task of a connection, which ends with this.
pub(crate) struct AbortOnDrop(pub(crate) JoinHandle<hyper::Result<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A body that is in memory.
struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.0.take().filter(|bytes| !bytes.is_empty());
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        let bytes = self.0.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}
