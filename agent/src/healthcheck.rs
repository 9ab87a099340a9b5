//! `openclaw-agent healthcheck`: asks the agent beside it how it is, for images that have no shell and no curl.
//!
//! One request over HTTP/1.1, with the standard library alone: it starts no runtime and opens no store.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(2);
/// No answer of the agent's is longer.
const LONGEST: u64 = 16 * 1024;

/// Why the agent is not well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers.
    #[error("no answer from http://{address}{path}: {source}")]
    Silent {
        /// Who was asked.
        address: SocketAddr,
        /// And for what.
        path: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody answers who is not the agent.
    #[error("http://{0} is answered by something else than the agent")]
    Stranger(SocketAddr),
    /// It is there, and says no.
    #[error("the agent says {code}: whatsapp is {state}{}", ready(*.ready_in))]
    Unwell {
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
    let deadline = Instant::now() + LIMIT;
    let mut failed = None;
    for address in reachable(listener) {
        match exchange(address, path, deadline) {
            Ok(answer) => return judge(address, &answer),
            Err(source) => {
                failed = Some(Error::Silent {
                    address,
                    path,
                    source,
                });
            }
        }
    }
    Err(failed.unwrap_or(Error::Stranger(listener)))
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

fn exchange(address: SocketAddr, path: &str, deadline: Instant) -> io::Result<Vec<u8>> {
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        let late = || io::Error::new(io::ErrorKind::TimedOut, "nothing within 2 s");
        (!left.is_zero()).then_some(left).ok_or_else(late)
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while (answer.len() as u64) < LONGEST {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                left()?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

fn judge(address: SocketAddr, answer: &[u8]) -> Result<String, Error> {
    let (code, health) = parse(answer).ok_or(Error::Stranger(address))?;
    let state = health.whatsapp.state;
    let ready_in = health.ready_in_seconds;
    match code {
        200 => Ok(state),
        code => Err(Error::Unwell {
            code,
            state,
            ready_in,
        }),
    }
}

/// `, ready in 3 s at the earliest`
fn ready(ready_in: Option<u64>) -> String {
    ready_in.map_or_else(String::new, |seconds| {
        format!(", ready in {seconds} s at the earliest")
    })
}

fn parse(answer: &[u8]) -> Option<(u16, Health)> {
    let (head, body) = str::from_utf8(answer).ok()?.split_once("\r\n\r\n")?;
    let code = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let health: Health = serde_json::from_str(body).ok()?;
    Some((code, health))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

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
    fn the_code_decides_and_the_state_is_told() {
        let judged = |answer: &str| judge(address("127.0.0.1:80"), answer.as_bytes());
        let body = r#"{"status":"unlinked","whatsapp":{"connected":false,"state":"unlinked"}}"#;
        let well = judged(&format!("HTTP/1.1 200 OK\r\na: b\r\n\r\n{body}"));
        assert_eq!(well.unwrap(), "unlinked");
        let unwell = judged(&format!("HTTP/1.1 503 Service Unavailable\r\n\r\n{body}"));
        assert!(matches!(unwell, Err(Error::Unwell { code: 503, .. })));
        for answer in [
            "",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n<html>",
            "HTTP/1.1 200 OK\r\n\r\n{}",
        ] {
            assert!(
                matches!(judged(answer), Err(Error::Stranger(_))),
                "{answer}"
            );
        }
    }

    #[test]
    fn whoever_accepts_and_says_nothing_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let asked = run(silent.local_addr().unwrap(), false);
        assert!(matches!(asked, Err(Error::Silent { .. })), "{asked:?}");
    }
}
