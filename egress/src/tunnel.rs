//! A tunnel through an HTTP proxy: CONNECT (RFC 9110, 9.3.6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::client::conn::http1;
use hyper::http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use zeroize::Zeroizing;

use crate::http::AbortOnDrop;
use crate::proxy::Credentials;
use crate::{Error, Proxy, Stream, Target};

/// The maximum size of a proxy's answer to CONNECT. The smallest that hyper allows.
const MAX_ANSWER_BYTES: usize = 8192;

/// Asks the proxy at the other end of `stream` for a tunnel. `source` names the setting with the proxy's URL.
pub(crate) async fn open(
    stream: Stream,
    proxy: &Proxy,
    source: &'static str,
    to: &Target<'_>,
) -> Result<Stream, Error> {
    let mut builder = http1::Builder::new();
    let handshake = builder
        .max_buf_size(MAX_ANSWER_BYTES)
        // Some proxies look for `Proxy-Authorization` in this spelling only.
        .title_case_headers(true)
        .handshake(TokioIo::new(stream));
    let (mut requests, connection) = handshake.await.map_err(Error::closed(proxy))?;
    let request = request(proxy, to).ok_or_else(|| not_a_proxy(proxy))?;
    // It ends with the answer, whatever that is, and with this function.
    let connection = AbortOnDrop(tokio::spawn(connection.with_upgrades()));
    let answer = requests.send_request(request).await;
    let answer = answer.map_err(|error| match error.is_parse() {
        true => not_a_proxy(proxy),
        false => Error::ProxyClosed(proxy.to_string()),
    })?;
    if !answer.status().is_success() {
        return Err(refusal(answer.status(), proxy, source, to));
    }
    let upgraded = hyper::upgrade::on(answer).await;
    drop(connection);
    let parts = upgraded
        .map_err(Error::closed(proxy))?
        .downcast::<TokioIo<Stream>>();
    let parts = parts.map_err(|_| not_a_proxy(proxy))?;
    // No server that the agent connects to speaks first.
    if !parts.read_buf.is_empty() {
        return Err(not_a_proxy(proxy));
    }
    Ok(parts.io.into_inner())
}

fn not_a_proxy(proxy: &Proxy) -> Error {
    Error::NotAProxy(proxy.to_string())
}

fn request(proxy: &Proxy, to: &Target<'_>) -> Option<Request<String>> {
    let target = to.authority();
    let mut request = Request::connect(&target).header(HOST, &target);
    if let Some(credentials) = proxy.credentials() {
        request = request.header(PROXY_AUTHORIZATION, basic(credentials)?);
    }
    request.body(String::new()).ok()
}

fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    let Credentials { user, password } = credentials;
    let pair = Zeroizing::new(format!("{}:{}", **user, **password));
    let header = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut header = HeaderValue::from_str(&header).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn refusal(status: StatusCode, proxy: &Proxy, source: &'static str, to: &Target<'_>) -> Error {
    let (target, why) = (to.authority(), format!("HTTP {}", status.as_u16()));
    match status {
        // tinyproxy answers wrong credentials with 401.
        StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED => {
            Error::unwelcome(proxy, source)
        }
        status if status.is_server_error() => Error::Failed {
            proxy: proxy.to_string(),
            target,
            why,
        },
        _ => Error::Refused {
            proxy: proxy.to_string(),
            target,
            why,
        },
    }
}
