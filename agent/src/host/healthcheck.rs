//! `openclaw-agent healthcheck`: asks the agent on this machine for its state, for images that have no shell and no curl.
//!
//! One request: it starts no runtime and opens no store.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use ureq::Error as UreqError;

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// No answer of the agent's is longer.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;

/// Why the agent is not well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No one answers.
    #[error("no answer from http://{address}{path}: {source}")]
    Silent {
        /// Who was asked.
        address: SocketAddr,
        /// And for what.
        path: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Someone answers who is not the agent.
    #[error("http://{0} was answered by a program that is not the agent")]
    NotTheAgent(SocketAddr),
    /// It is there, and says no.
    #[error("unhealthy ({code}): whatsapp is {state}{}", ready(*.ready_in))]
    Unhealthy {
        /// Of HTTP.
        code: u16,
        /// The link's.
        state: String,
        /// In how many seconds it is ready at the earliest, if it says so.
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

/// Asks the agent that serves HTTP on `listener`; `ready` also wants it connected to WhatsApp. The state of the link is
/// returned.
///
/// # Errors
/// Each is a reason to call it unwell.
pub fn run(listener: SocketAddr, ready: bool) -> Result<String, Error> {
    let path = if ready { "/health/ready" } else { "/health" };
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build();
    let http = ureq::Agent::new_with_config(config);
    let mut failed = None;
    for address in reachable(listener) {
        match ask(&http, address, path) {
            Ok((code, body)) => return judge(address, code, &body),
            Err(error) => failed = Some(failure(address, path, error)),
        }
    }
    Err(failed.unwrap_or(Error::NotTheAgent(listener)))
}

/// Where a listener on this address is found from the same machine. `[::]` may have become `0.0.0.0`, where there is no
/// IPv6.
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

fn ask(http: &ureq::Agent, address: SocketAddr, path: &str) -> Result<(u16, String), UreqError> {
    let mut answer = http.get(format!("http://{address}{path}")).call()?;
    let code = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
    Ok((code, body.read_to_string()?))
}

fn failure(address: SocketAddr, path: &'static str, error: UreqError) -> Error {
    let source = match error {
        UreqError::Io(error) => error,
        UreqError::Timeout(_) => io::Error::new(io::ErrorKind::TimedOut, "no response within 2 s"),
        UreqError::ConnectionFailed => io::ErrorKind::ConnectionRefused.into(),
        _ => return Error::NotTheAgent(address),
    };
    Error::Silent {
        address,
        path,
        source,
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
    fn a_listener_is_asked_where_this_machine_finds_it() {
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
    fn a_stranger_that_speaks_something_else_is_no_agent() {
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
    fn a_listener_that_accepts_and_sends_nothing_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let asked = run(silent.local_addr().unwrap(), false);
        assert!(matches!(asked, Err(Error::Silent { .. })), "{asked:?}");
    }
}
