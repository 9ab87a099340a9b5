//! The page's requests: which function answers which path.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Duration, Instant, timeout};

use super::linking::Linking;
use super::query::Query;
use super::traffic::OwnSends;
use super::{act, file, live, read, shown, traffic};
use crate::address::Address;
use crate::clock;
use crate::failure::Failure;
use crate::web::{Answer, Call, Site};

const PAGE: &str = concat!(
    include_str!("../web/console/head.html"),
    include_str!("../web/pairing.html"),
    include_str!("../web/console/foot.html")
);
/// Browsers open six connections to one address, and a stream takes one of them.
const MAX_STREAMS: usize = 4;
/// Each file is held in memory.
const MAX_FILES: usize = 2;
/// Reading the events of a day takes several calls.
const TRAFFIC_TIMEOUT: Duration = Duration::from_secs(20);

/// The site of one run.
pub(super) struct Console {
    address: Address,
    linking: Linking,
    streams: Arc<Semaphore>,
    files: Semaphore,
    /// One reader of the whole journal at a time.
    reading: Semaphore,
    own_sends: Mutex<OwnSends>,
    closing: watch::Sender<bool>,
}

impl Console {
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            linking: Linking::new(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            files: Semaphore::new(MAX_FILES),
            reading: Semaphore::new(1),
            own_sends: Mutex::default(),
            closing: watch::Sender::new(false),
        }
    }

    /// Ends the streams, and the pairing.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
        self.linking.stop();
    }

    async fn get(&self, path: &str, query: &str) -> Result<Answer, Failure> {
        let (address, query) = (&self.address, &Query::new(query));
        let listed = match path {
            "" => return Ok(Answer::html(PAGE)),
            "api/live" => return self.live(query).await,
            "api/media" => return file::answer(address, query, &self.files).await,
            "api/status" => read::status(address).await,
            "api/chats" => read::chats(address, query).await,
            "api/messages" => read::messages(address, query).await,
            "api/events" => read::events(address, query).await,
            "api/kinds" => Ok(read::kinds()),
            "api/outbox" => read::outbox(address, query).await,
            "api/allowed" => read::allowed(address, query).await,
            "api/alerts" => read::alerts(address).await,
            "api/traffic" => self.traffic(query).await,
            _ => return Ok(nothing()),
        };
        Ok(Answer::json(&listed?))
    }

    async fn live(&self, query: &Query<'_>) -> Result<Answer, Failure> {
        let Ok(place) = Arc::clone(&self.streams).try_acquire_owned() else {
            return Ok(Answer::file("text/plain", "").with_status(StatusCode::SERVICE_UNAVAILABLE));
        };
        let after = query.number("after")?;
        let closing = self.closing.subscribe();
        let events = live::open(&self.address, after, closing, place).await?;
        Ok(Answer::events(events))
    }

    async fn traffic(&self, query: &Query<'_>) -> Result<Value, Failure> {
        let minutes = query.number("minutes")?.unwrap_or_default();
        let _reading = self.reading.acquire().await.ok();
        let own = self.own_sends().clone();
        let counting = traffic::count(&self.address, minutes, &own, clock::now());
        timeout(TRAFFIC_TIMEOUT, counting)
            .await
            .unwrap_or_else(|_| Err(Failure::unreachable("the agent did not answer in time")))
    }

    async fn post(&self, path: &str, query: &str, body: Bytes) -> Result<Answer, Failure> {
        let address = &self.address;
        let done = match path {
            "api/send" => self.send(&body).await,
            "api/upload" => act::upload(address, &Query::new(query), body).await,
            "api/cancel" => act::cancel(address, &body).await,
            "api/allow" => act::allow(address, &body).await,
            "api/disallow" => act::disallow(address, &body).await,
            "api/reload" => act::reload(address, &body).await,
            "api/test-alert" => act::test_alert(address, &body).await,
            "api/resume" => act::resume(address, &body).await,
            "api/unpair" => act::unpair(address, &body).await,
            "pair/start" => self.linking.start(address, &body).await.map(|()| json!({})),
            "pair/stop" => {
                self.linking.stop();
                Ok(json!({}))
            }
            _ => return Ok(nothing()),
        };
        Ok(Answer::json(&done?))
    }

    async fn send(&self, body: &Bytes) -> Result<Value, Failure> {
        let began = Instant::now();
        let sent = act::send(&self.address, body).await?;
        if sent.get("server_ack_at").is_some_and(Value::is_string) {
            self.own_sends().add(clock::now(), began.elapsed());
        }
        Ok(sent)
    }

    fn own_sends(&self) -> std::sync::MutexGuard<'_, OwnSends> {
        self.own_sends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What the pairing answers, below `pair/`.
    async fn pairing(&self, call: &Call) -> Option<Answer> {
        let below = |path: &str| path.strip_prefix("pair/").map(str::to_owned);
        let call = match call {
            Call::Get { path, query } if path == "pair/state" => Call::Get {
                path: below(path)?,
                query: query.clone(),
            },
            Call::Post { path, query, body }
                if matches!(
                    path.as_str(),
                    "pair/begin" | "pair/passkey" | "pair/confirm"
                ) =>
            {
                Call::Post {
                    path: below(path)?,
                    query: query.clone(),
                    body: body.clone(),
                }
            }
            _ => return None,
        };
        match self.linking.pages() {
            Some(pages) => Some(pages.answer(call).await),
            None => Some(nothing()),
        }
    }
}

impl Site for Console {
    /// The longest text has 64 KiB; JSON may escape each character.
    const MAX_JSON_BYTES: usize = 256 * 1024;

    async fn answer(&self, call: Call) -> Answer {
        if let Some(answer) = self.pairing(&call).await {
            return answer;
        }
        let answered = match call {
            Call::Get { path, query } => self.get(&path, &query).await,
            Call::Post { path, query, body } => self.post(&path, &query, body).await,
        };
        answered.unwrap_or_else(|failure| refused(&failure))
    }

    fn is_long(&self, path: &str) -> bool {
        matches!(path, "api/live" | "api/media" | "api/send" | "api/upload")
    }

    fn max_file_bytes(&self, path: &str) -> Option<usize> {
        (path == "api/upload").then_some(act::MAX_FILE_BYTES)
    }
}

fn refused(failure: &Failure) -> Answer {
    let shown = shown::plain(&failure.json());
    Answer::json(&shown).with_status(StatusCode::UNPROCESSABLE_ENTITY)
}

fn nothing() -> Answer {
    Answer::file("text/plain", "").with_status(StatusCode::NOT_FOUND)
}
