//! The receiver of alerts: an HTTP server with scripted responses that records its requests.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::harness::TEST_TIMEOUT;

/// The path, which must stay secret.
pub(super) const SECRET_PATH: &str = "/hook/swordfish";
/// The key for checking signatures.
pub(crate) const KEY: &str = "correct horse battery staple";

/// The response to a request.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// This status with these additional headers.
    Status(u16, String),
    /// No response.
    Never,
    /// An endless body.
    Huge,
}

/// A received request, after its signature was checked.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) at: Instant,
}

impl Post {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

/// The server.
pub(crate) struct Receiver {
    pub(super) address: SocketAddr,
    posts: watch::Receiver<Vec<Post>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    task: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), format!("{KEY}\n")).unwrap();
        let (send, posts) = watch::channel(Vec::new());
        let answers: Arc<Mutex<VecDeque<Answer>>> = Arc::default();
        let task = tokio::spawn(serve(listener, send, Arc::clone(&answers)));
        Self {
            address,
            posts,
            answers,
            task,
            folder,
        }
    }

    /// The agent's arguments for this receiver.
    pub(crate) fn args(&self) -> Vec<String> {
        let secret = self.folder.path().join("secret");
        vec![
            "--alert-url".to_owned(),
            self.url(),
            "--alert-secret-file".to_owned(),
            secret.display().to_string(),
            "--alert-after".to_owned(),
            "1".to_owned(),
        ]
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}{SECRET_PATH}", self.address)
    }

    /// How many requests were received, each with a valid signature.
    pub(crate) fn count(&self) -> usize {
        self.posts.borrow().len()
    }

    /// Waits for this many requests, and returns the count.
    pub(crate) async fn until_count(&self, posts: usize) -> usize {
        self.until(posts).await.len()
    }

    /// Stops listening.
    pub(super) fn leave(&self) {
        self.task.abort();
    }

    /// Sets the responses to the next requests; all others get 204.
    pub(super) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    pub(super) fn all(&self) -> Vec<Post> {
        self.posts.borrow().clone()
    }

    /// Waits for this many requests.
    pub(super) async fn until(&self, posts: usize) -> Vec<Post> {
        let mut received = self.posts.clone();
        let enough = received.wait_for(|received| received.len() >= posts);
        let enough = tokio::time::timeout(TEST_TIMEOUT, enough).await;
        assert!(enough.is_ok(), "only {:#?}", self.all());
        self.all()
    }

    /// The alert types of all requests.
    pub(super) fn kinds(&self) -> Vec<String> {
        self.all().iter().map(Post::kind).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    posts: watch::Sender<Vec<Post>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
) {
    let mut kept = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Ignores a connection that closes early.
        let Some((head, body)) = request(&mut stream).await else {
            continue;
        };
        let post = checked(&head, body);
        let answer = answers.lock().unwrap().pop_front();
        let answer = answer.unwrap_or_else(|| Answer::Status(204, String::new()));
        match answer {
            Answer::Status(status, headers) => {
                let answer = format!(
                    "HTTP/1.1 {status} Word\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
            Answer::Never => kept.push(stream),
            Answer::Huge => {
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
                let _ = stream.write_all(head).await;
                let chunk = vec![b'x'; 1 << 20];
                while stream.write_all(&chunk).await.is_ok() {}
            }
        }
        posts.send_modify(|posts| posts.push(post));
    }
}

async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = header(head, "content-length").parse().unwrap();
            if body.len() >= length {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = lines
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .unwrap_or_else(|| panic!("no {name} in {head}"));
    value
}

/// Checks the signature as the specification requires of a receiver.
fn checked(head: &str, body: String) -> Post {
    assert!(
        head.starts_with(&format!("POST {SECRET_PATH} HTTP/1.1")),
        "{head}"
    );
    let id = header(head, "webhook-id");
    let timestamp = header(head, "webhook-timestamp");
    let now = openclaw_state::clock::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(now.abs_diff(timestamp.parse().unwrap()) < 60, "{timestamp}");
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let expected = STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(header(head, "webhook-signature"), format!("v1,{expected}"));
    Post {
        id: id.to_owned(),
        body,
        at: Instant::now(),
    }
}
