//! `openclaw-agent healthcheck`: queries the local agent's state, for images without a shell or curl.
//!
//! It sends one request and opens no store.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper::body::Bytes;
use hyper::http::Request;
use openclaw_egress::{Egress, Error as EgressError, Target};
use serde::Deserialize;

/// The limit for one attempt.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longer than any response of the agent.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Why the agent is unhealthy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No response.
    #[error("no answer from http://{address}{path}: {source}")]
    Silent {
        /// The address of the request.
        address: SocketAddr,
        /// The path of the request.
        path: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The response is not from an agent.
    #[error("http://{0} was answered by a program that is not the agent")]
    NotTheAgent(SocketAddr),
    /// The agent reports that it is unhealthy.
    #[error("unhealthy ({code}): whatsapp is {state}{}", ready(*.ready_in))]
    Unhealthy {
        /// The HTTP status.
        code: u16,
        /// The state of the link.
        state: String,
        /// The earliest time, in seconds, at which it can be ready, if the agent reports it.
        ready_in: Option<u64>,
    },
}

#[derive(Deserialize)]
struct Health {
    whatsapp: WhatsApp,
    ready_in_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct WhatsApp {
    state: String,
}

/// Queries the agent that serves HTTP on `listener`; `ready` also requires a connection to WhatsApp. Returns the state
/// of the link.
///
/// # Errors
/// Every error means unhealthy.
pub fn run(listener: SocketAddr, ready: bool) -> Result<String, Error> {
    let path = if ready { "/health/ready" } else { "/health" };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| Error::Silent {
        address: listener,
        path,
        source,
    })?;
    let mut failed = None;
    for address in reachable(listener) {
        match runtime.block_on(ask(address, path)) {
            Ok((code, body)) => return judge(address, code, &body),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or(Error::NotTheAgent(listener)))
}

/// The addresses at which a local client reaches this listener. `[::]` may have fallen back to `0.0.0.0` on a machine
/// without IPv6.
fn reachable(listener: SocketAddr) -> Vec<SocketAddr> {
    let at = |ip| SocketAddr::new(ip, listener.port());
    let (four, six) = (
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    );
    match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![at(four)],
        IpAddr::V6(ip) if ip.is_unspecified() => vec![at(four), at(six)],
        ip => vec![at(ip)],
    }
}

async fn ask(address: SocketAddr, path: &'static str) -> Result<(u16, String), Error> {
    let silent = |source| Error::Silent {
        address,
        path,
        source,
    };
    let ip = address.ip().to_string();
    let to = Target::plain(&ip, address.port());
    let request = Request::get(path).body(Bytes::new());
    let request = request.map_err(|error| silent(io::Error::other(error)))?;
    let egress = Egress::direct();
    let asked = egress.request(&to, request, MAX_ANSWER_BYTES);
    match tokio::time::timeout(TIMEOUT, asked).await {
        Err(_) => Err(silent(io::Error::new(
            io::ErrorKind::TimedOut,
            "no response within 2 s",
        ))),
        Ok(Err(EgressError::Unreachable { source, .. })) => Err(silent(source)),
        Ok(Err(_)) => Err(Error::NotTheAgent(address)),
        Ok(Ok(answer)) => {
            let body = String::from_utf8(answer.body);
            let body = body.map_err(|_| Error::NotTheAgent(address))?;
            Ok((answer.status.as_u16(), body))
        }
    }
}

fn judge(address: SocketAddr, code: u16, body: &str) -> Result<String, Error> {
    let health: Health = serde_json::from_str(body).map_err(|_| Error::NotTheAgent(address))?;
    let state = health.whatsapp.state;
    match code {
        200 => Ok(state),
        code => Err(Error::Unhealthy {
            code,
            state,
            ready_in: health.ready_in_seconds,
        }),
    }
}

/// `, ready in 3 s at the earliest`
fn ready(ready_in: Option<u64>) -> String {
    ready_in.map_or_else(String::new, |seconds| {
        format!(", ready in {seconds} s at the earliest")
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_wildcard_listener_is_queried_on_loopback() {
        let cases = [
            ("[::]:80", &["127.0.0.1:80", "[::1]:80"][..]),
            ("0.0.0.0:80", &["127.0.0.1:80"]),
            ("127.0.0.1:80", &["127.0.0.1:80"]),
            ("[::1]:80", &["[::1]:80"]),
            ("192.0.2.1:80", &["192.0.2.1:80"]),
        ];
        for (listener, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|text| address(text)).collect();
            assert_eq!(reachable(address(listener)), expected, "{listener}");
        }
    }

    #[test]
    fn the_code_decides_and_the_state_is_returned() {
        let judged = |code, body: &str| judge(address("127.0.0.1:80"), code, body);
        let body = r#"{"status":"unlinked","whatsapp":{"connected":false,"state":"unlinked"}}"#;
        assert_eq!(judged(200, body).unwrap(), "unlinked");
        let unwell = judged(503, body);
        assert!(matches!(unwell, Err(Error::Unhealthy { code: 503, .. })));
        for body in ["", "<html>", "{}"] {
            assert!(
                matches!(judged(200, body), Err(Error::NotTheAgent(_))),
                "{body}"
            );
        }
    }

    #[test]
    fn a_response_in_another_format_is_not_an_agents() {
        let endless = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n{}",
            "x".repeat(99_999)
        );
        for answer in ["SSH-2.0-x\r\n", &endless] {
            let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
            let listener = stranger.local_addr().unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut stream, _) = stranger.accept().unwrap();
                    let _ = stream.read(&mut [0; 1024]);
                    let _ = stream.write_all(answer.as_bytes());
                });
                let asked = run(listener, false);
                assert!(matches!(asked, Err(Error::NotTheAgent(_))), "{asked:?}");
            });
        }
    }

    #[test]
    fn a_listener_that_sends_nothing_times_out() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let asked = run(silent.local_addr().unwrap(), false);
        assert!(matches!(asked, Err(Error::Silent { .. })), "{asked:?}");
    }
}
