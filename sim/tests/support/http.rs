//! A minimal HTTP/1.1 client: one request per connection; returns the status and the JSON of the response.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends the bytes of a body unchanged.
pub(crate) async fn call(
    server: SocketAddr,
    method: &str,
    path: &str,
    body: &[u8],
) -> (u16, Value) {
    let mut stream = TcpStream::connect(server).await.expect("connect");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("head");
    // A server that refuses a body may close the connection before it has read all of it.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer to {path}: {answer:?}"));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("a status");
    (
        status,
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {body:?}")),
    )
}

/// A request that must succeed.
pub(crate) async fn ok(server: SocketAddr, method: &str, path: &str, body: Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (status, answer) = call(server, method, path, body.as_bytes()).await;
    assert_eq!(status, 200, "{method} {path}: {answer}");
    answer
}
