//! The receiver of a webhook: checks each signature, as the specification requires, and gives the answers that a test sets.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::until;

/// A part of the path that no log may show, like one that Slack's addresses have.
pub(crate) const SECRET_PATH: &str = "/hooks/sword-fish";
const KEY: [u8; 32] = *b"thirty-two bytes of the test key";

#[derive(Clone)]
pub(crate) enum Answer {
    /// A status, and a header.
    Status(u16, Option<(&'static str, &'static str)>),
    /// None, until the client gives up.
    Never,
    /// The connection is closed.
    Close,
    /// A success, with a body that does not end.
    Huge,
}

#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) json: serde_json::Value,
    /// Whether the receiver has taken it.
    pub(crate) taken: bool,
}

impl Post {
    /// The text of the message.
    pub(crate) fn text(&self) -> &str {
        let body = &self.json["message"]["content"]["text"]["body"];
        body.as_str().unwrap_or_default()
    }
}

#[derive(Default)]
struct Shared {
    posts: Mutex<Vec<Post>>,
    /// For the next posts; afterwards `always`.
    next: Mutex<VecDeque<Answer>>,
    always: Mutex<Option<Answer>>,
    /// For every post whose text contains this.
    about: Mutex<Option<(String, Answer)>>,
}

pub(crate) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let mut accepting = JoinSet::new();
        let kept = Arc::clone(&shared);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let kept = Arc::clone(&kept);
                let answering = service_fn(move |request| answer(Arc::clone(&kept), request));
                let serving =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), answering);
                connections.spawn(serving);
            }
        });
        Self {
            address,
            shared,
            _accepting: accepting,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}{SECRET_PATH}", self.address)
    }

    /// Writes the file with the secret. Returns its path.
    pub(crate) fn secret_file(dir: &Path) -> String {
        let path = dir.join("webhook.secret");
        std::fs::write(&path, format!("whsec_{}\n", STANDARD.encode(KEY))).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Answers the next posts so, and later ones with 204.
    pub(crate) fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.next.lock().unwrap().extend(answers);
    }

    /// Answers all posts so that have no other answer; `None`: with 204.
    pub(crate) fn answer_always(&self, answer: Option<Answer>) {
        *self.shared.always.lock().unwrap() = answer;
    }

    /// Answers so what has this in its text.
    pub(crate) fn answer_about(&self, about: Option<(&str, Answer)>) {
        let about = about.map(|(text, answer)| (text.to_owned(), answer));
        *self.shared.about.lock().unwrap() = about;
    }

    pub(crate) fn posts(&self) -> Vec<Post> {
        self.shared.posts.lock().unwrap().clone()
    }

    /// The texts of the messages that it has taken, in the order in which it took each first.
    pub(crate) fn taken(&self) -> Vec<Post> {
        let mut taken: Vec<Post> = Vec::new();
        for post in self.posts().into_iter().filter(|post| post.taken) {
            if !taken.iter().any(|known| known.id == post.id) {
                taken.push(post);
            }
        }
        taken
    }

    /// Waits until it has taken so many.
    pub(crate) async fn until_taken(&self, count: usize) -> Vec<Post> {
        until("the receiver has them", async || {
            self.taken().len() >= count
        })
        .await;
        self.taken()
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.uri().path(), SECRET_PATH);
    let headers = request.headers().clone();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut post = checked(headers, &body);
    let about = shared.about.lock().unwrap().clone();
    let about = about.filter(|(text, _)| post.text().contains(text.as_str()));
    let next = || shared.next.lock().unwrap().pop_front();
    let answer = about.map(|(_, answer)| answer).or_else(next);
    let answer = answer.or_else(|| shared.always.lock().unwrap().clone());
    let answer = answer.unwrap_or(Answer::Status(204, None));
    post.taken = matches!(answer, Answer::Status(200..300, _) | Answer::Huge);
    shared.posts.lock().unwrap().push(post);
    match answer {
        Answer::Status(status, header) => {
            let mut response = Response::builder().status(status);
            if let Some((name, value)) = header {
                response = response.header(name, value);
            }
            Ok(response.body(Full::default()).unwrap())
        }
        Answer::Never => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            unreachable!("the client gives up")
        }
        // Ends the connection's task.
        Answer::Close => panic!("closed on purpose"),
        Answer::Huge => Ok(Response::new(Full::from(vec![b'x'; 64 << 20]))),
    }
}

fn checked(headers: hyper::HeaderMap, body: &Bytes) -> Post {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    #[expect(clippy::disallowed_methods, reason = "a server has a clock")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let age = now.unwrap().as_secs().abs_diff(timestamp.parse().unwrap());
    assert!(age < 60, "{timestamp}");
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    let expected = STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(header("webhook-signature"), format!("v1,{expected}"));
    assert_eq!(header("content-type"), "application/json");
    Post {
        id,
        json: serde_json::from_slice(body).unwrap(),
        headers,
        taken: false,
    }
}
