//! The page's requests: its own file, the next state, and what the person asks for.

use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use openclaw_proto::v1::pair_request::How;
use openclaw_proto::v1::{PhoneCodeMethod, QrMethod};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::board::Board;
use crate::failure::Failure;
use crate::web::{ANSWER_TIMEOUT, Answer, Call, Site};
use crate::{clock, numbers};

const PAGE: &str = include_str!("../../web/pair.html");
/// A page that has not asked for this long is closed: it asks again as soon as it gets an answer.
const ABSENT_AFTER: Duration = Duration::from_secs(60);
/// How many orders wait for the pairing, which takes them at once.
const MAX_ORDERS: usize = 4;

/// What the person asks for on the page.
pub(super) enum Order {
    /// Begin again; without a method, as before.
    Begin(Option<How>),
}

/// An order, and whom it is answered to.
pub(super) type Asked = (Order, oneshot::Sender<Result<(), Failure>>);

/// The site of one run.
pub(super) struct Pages {
    board: Board,
    orders: mpsc::Sender<Asked>,
    audience: Audience,
}

impl Pages {
    /// A site that shows `board`, and the orders that arrive there.
    pub(super) fn new(board: Board) -> (Self, mpsc::Receiver<Asked>) {
        let (orders, asked) = mpsc::channel(MAX_ORDERS);
        let pages = Self {
            board,
            orders,
            audience: Audience::default(),
        };
        (pages, asked)
    }

    /// Who looks at the pages.
    pub(super) fn audience(&self) -> &Audience {
        &self.audience
    }

    async fn state(&self, query: &str) -> Answer {
        let seen = query
            .strip_prefix("after=")
            .and_then(|seen| seen.parse().ok());
        let present = self.audience.enter();
        // Without news the page gets the same state again, with the time that is left now.
        let _ = timeout(ANSWER_TIMEOUT, self.board.after(seen)).await;
        let posted = self.board.current();
        present.leave(posted.is_last());
        Answer::json(&posted.message(clock::now()))
    }

    async fn order(&self, order: Result<Order, Failure>) -> Answer {
        let asked = async {
            let (reply, replied) = oneshot::channel();
            let busy = || Failure::new("the pairing is ending");
            self.orders.try_send((order?, reply)).map_err(|_| busy())?;
            let replied = timeout(ANSWER_TIMEOUT, replied).await;
            replied.map_err(|_| busy())?.map_err(|_| busy())?
        };
        match asked.await {
            Ok(()) => Answer::json(&serde_json::json!({})),
            Err(failure) => Answer::json(&Refused {
                error: failure.to_string(),
                hint: failure.hint(),
            })
            .with_status(StatusCode::UNPROCESSABLE_ENTITY),
        }
    }
}

#[derive(Serialize)]
struct Refused<'a> {
    error: String,
    hint: &'a str,
}

impl Site for Pages {
    async fn answer(&self, call: Call) -> Answer {
        match call {
            Call::Get { path, query } => match path.as_str() {
                "" => Answer::html(PAGE),
                "state" => self.state(&query).await,
                _ => nothing(),
            },
            Call::Post { path, body } => match path.as_str() {
                "begin" => self.order(begin(&body)).await,
                _ => nothing(),
            },
        }
    }
}

fn nothing() -> Answer {
    Answer::file("text/plain", "").with_status(StatusCode::NOT_FOUND)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    phone: Option<String>,
    #[serde(default)]
    qr: bool,
}

fn begin(body: &Bytes) -> Result<Order, Failure> {
    Ok(Order::Begin(match read(body)? {
        Begin {
            phone: Some(phone), ..
        } => {
            let phone = numbers::phone("the number", &phone)?;
            Some(How::PhoneCode(PhoneCodeMethod { phone }))
        }
        Begin { qr: true, .. } => Some(How::Qr(QrMethod {})),
        Begin { .. } => None,
    }))
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Failure> {
    // What was sent may be a credential: the error shows nothing of it.
    serde_json::from_slice(body)
        .map_err(|_| Failure::usage("the page sent something unknown").with_hint("reload the page"))
}

/// Which pages are open.
#[derive(Default)]
pub(super) struct Audience(watch::Sender<Seen>);

#[derive(Default)]
struct Seen {
    /// Requests that wait for news.
    waiting: usize,
    /// The end of the last one.
    last: Option<Instant>,
    /// True if a page has got the last state.
    informed: bool,
}

impl Audience {
    fn enter(&self) -> Present<'_> {
        self.0.send_modify(|seen| seen.waiting += 1);
        Present {
            audience: self,
            informed: false,
        }
    }

    /// True if no page is open.
    pub(super) fn is_absent(&self) -> bool {
        let seen = self.0.borrow();
        let is_recent = |at: Instant| at.elapsed() < ABSENT_AFTER;
        seen.waiting == 0 && !seen.last.is_some_and(is_recent)
    }

    /// Waits until every open page has got the last state; forever if none is open.
    pub(super) async fn informed(&self) {
        let mut seen = self.0.subscribe();
        let _ = seen
            .wait_for(|seen| seen.informed && seen.waiting == 0)
            .await
            .map(drop);
    }
}

/// A request that waits. It leaves also when the browser goes away.
struct Present<'a> {
    audience: &'a Audience,
    informed: bool,
}

impl Present<'_> {
    fn leave(mut self, informed: bool) {
        self.informed = informed;
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        self.audience.0.send_modify(|seen| {
            seen.waiting -= 1;
            seen.last = Some(now);
            seen.informed |= self.informed;
        });
    }
}
