//! HTTP as in a platform's probe.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Agent, TEST_TIMEOUT};

/// A response: the status code and the body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

impl Agent {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_at(self.http(), path).await
    }

    /// [`Agent::get`] at another of its addresses.
    pub(crate) async fn get_at(&self, address: SocketAddr, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n\r\n");
        let answer = exchange(address, request.as_bytes()).await;
        answer.unwrap_or_else(|| panic!("no answer to GET {path}"))
    }

    /// Sends these bytes; `None` without an HTTP response.
    pub(crate) async fn raw_http(&self, bytes: &[u8]) -> Option<Answer> {
        exchange(self.http(), bytes).await
    }
}

async fn exchange(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The agent may close the connection before a bad request is written completely.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    };
    let answer = tokio::time::timeout(TEST_TIMEOUT, talk).await;
    let answer = String::from_utf8(answer.expect("an end of the answer")).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split_whitespace().nth(1)?.parse().ok()?;
    Some(Answer {
        code,
        body: body.to_owned(),
    })
}
