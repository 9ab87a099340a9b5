//! One response of a media host, read as fast as its frames are consumed. There is a read timeout but no total timeout.
//! Redirects are not followed and no proxy is used, as for the link.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, HOST, HeaderMap, HeaderName, ORIGIN, RANGE, REFERER,
};
use hyper::http::uri::PathAndQuery;
use hyper::http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_websockets::MaybeTlsStream;
use whatsapp_rust::transport::{Connector, default_tls_connector};
use whatsapp_rust::wacore::net::WHATSAPP_WEB_ORIGIN;

/// For DNS, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The read timeout. Shorter in simulator builds, so that tests are fast.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(if cfg!(feature = "sim") { 2 } else { 30 });
/// The read buffer of a connection.
const READ_BUFFER_BYTES: usize = 64 * 1024;

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
pub(super) async fn get(host: &str, path: &PathAndQuery, position: u64) -> Result<Response, Error> {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, connect(host));
    let stream = connecting.await.map_err(|_| Error::Unreachable)?;
    let stream = TokioIo::new(stream.ok_or(Error::Unreachable)?);
    let mut builder = http1::Builder::new();
    let handshake = builder.max_buf_size(READ_BUFFER_BYTES).handshake(stream);
    let (mut requests, connection) = handshake.await.map_err(|_| Error::Broken)?;
    let connection = tokio::spawn(connection).abort_handle();
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

/// Like WhatsApp Web, without the token of the media connection, which only uploads need.
fn request(host: &str, path: &PathAndQuery, position: u64) -> Result<Request<String>, Error> {
    let request = Request::get(path.as_str())
        .header(HOST, host)
        .header(ORIGIN, WHATSAPP_WEB_ORIGIN)
        .header(REFERER, format!("{WHATSAPP_WEB_ORIGIN}/"));
    let request = match position {
        0 => request,
        _ => request.header(RANGE, format!("bytes={position}-")),
    };
    request.body(String::new()).map_err(|_| Error::Broken)
}

async fn connect(host: &str) -> Option<MaybeTlsStream<TcpStream>> {
    let (connector, name, port) = target(host)?;
    let tcp = TcpStream::connect((name.as_str(), port)).await.ok()?;
    connector.wrap(&name, tcp).await.ok()
}

/// A simulator build connects to loopback only, where the simulator's host serves plain HTTP; a release uses TLS to a
/// host name.
fn target(host: &str) -> Option<(Connector, String, u16)> {
    if cfg!(feature = "sim") {
        let address: SocketAddr = host.parse().ok()?;
        let ip = address.ip();
        return ip
            .is_loopback()
            .then(|| (Connector::Plain, ip.to_string(), address.port()));
    }
    let is_name = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    (is_name && host.contains('.')).then(|| (default_tls_connector(), host.to_owned(), 443))
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
        let port = |host| target(host).map(|(_, _, port)| port);
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
