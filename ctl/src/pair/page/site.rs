//! The page's requests: its own file, the next state, and what the person asks for.

use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::pair_request::How;
use openclaw_proto::v1::{PhoneCodeMethod, QrMethod};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tonic::transport::Channel;

use super::board::{Board, Reason};
use crate::failure::Failure;
use crate::pair::passkey;
use crate::web::{ANSWER_TIMEOUT, Answer, Call, Site};
use crate::{clock, numbers};

const PAGE: &str = concat!(
    include_str!("../../web/pair-head.html"),
    include_str!("../../web/pairing.html"),
    include_str!("../../web/pair-foot.html")
);
/// A page that has not asked for this long is closed: it asks again as soon as it gets an answer.
const ABSENT_AFTER: Duration = Duration::from_secs(60);
/// How many requests to begin again wait for the pairing, which takes them at once.
const MAX_REQUESTS: usize = 4;

/// A request to begin again, without a method as before; and where its answer goes.
pub(super) type Asked = (Option<How>, oneshot::Sender<Result<(), Failure>>);

/// The site of one run.
pub(crate) struct Pages {
    board: Board,
    agent: AgentClient<Channel>,
    /// True if a code is compared in any case.
    compare_code: bool,
    requests: mpsc::Sender<Asked>,
    audience: Audience,
}

impl Pages {
    /// A site that shows `board`, and the requests to begin again that arrive there.
    pub(super) fn new(
        board: Board,
        agent: AgentClient<Channel>,
        compare_code: bool,
    ) -> (Self, mpsc::Receiver<Asked>) {
        let (requests, asked) = mpsc::channel(MAX_REQUESTS);
        let pages = Self {
            board,
            agent,
            compare_code,
            requests,
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

    /// Passes a request to begin again on to the pairing.
    async fn begin(&self, how: Option<How>) -> Result<(), Failure> {
        let (reply, replied) = oneshot::channel();
        let ending = || Failure::new("the pairing is ending");
        let sent = self.requests.try_send((how, reply));
        sent.map_err(|_| ending())?;
        replied.await.map_err(|_| ending())?
    }

    /// Sends what the person has pasted, if it answers the challenge on the page.
    async fn passkey(&self, given: Passkey) -> Result<(), Failure> {
        let posted = self.board.current();
        let challenge = posted
            .challenge()
            .ok_or_else(|| Failure::new("no passkey is asked for now"))?;
        let assertion = challenge.answer(&given.answer).unwrap_or_else(|| {
            Err(Failure::new("the answer is not complete")
                .with_hint("paste what the button has copied, whole"))
        })?;
        let compare = given.compare || self.compare_code;
        passkey::answer(&mut self.agent.clone(), assertion, compare).await?;
        self.board.accepted(posted.version());
        Ok(())
    }

    /// Sends the code that the phone shows.
    async fn confirm(&self, given: Confirm) -> Result<(), Failure> {
        let asked = self.board.current().version();
        let code = given.code.trim().to_owned();
        passkey::confirm(&mut self.agent.clone(), code).await?;
        self.board.accepted(asked);
        Ok(())
    }

    /// `None` if nothing is at this path.
    async fn post(&self, path: &str, body: &Bytes) -> Result<Option<()>, Failure> {
        let done = async {
            match path {
                "begin" => self.begin(method(body)?).await?,
                "passkey" => self.passkey(read(body)?).await?,
                "confirm" => self.confirm(read(body)?).await?,
                _ => return Ok(None),
            }
            Ok(Some(()))
        };
        let late = Failure::new("there is no answer yet");
        timeout(ANSWER_TIMEOUT, done)
            .await
            .unwrap_or_else(|_| Err(late.with_hint("wait for what the page shows next")))
    }
}

impl Site for Pages {
    async fn answer(&self, call: Call) -> Answer {
        match call {
            Call::Get { path, query } => match path.as_str() {
                "" => Answer::html(PAGE),
                "state" => self.state(&query).await,
                _ => nothing(),
            },
            Call::Post { path, body, .. } => match self.post(&path, &body).await {
                Ok(Some(())) => Answer::json(&serde_json::json!({})),
                Ok(None) => nothing(),
                Err(failure) => refused(&failure),
            },
        }
    }
}

fn refused(failure: &Failure) -> Answer {
    Answer::json(&Reason::from(failure)).with_status(StatusCode::UNPROCESSABLE_ENTITY)
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

/// The answer of a passkey, as it was pasted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Passkey {
    answer: String,
    #[serde(default)]
    compare: bool,
}

/// The code on the phone, as it was typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirm {
    code: String,
}

/// The method with which to begin again.
fn method(body: &Bytes) -> Result<Option<How>, Failure> {
    Ok(match read(body)? {
        Begin {
            phone: Some(phone), ..
        } => {
            let phone = numbers::phone("the number", &phone)?;
            Some(How::PhoneCode(PhoneCodeMethod { phone }))
        }
        Begin { qr: true, .. } => Some(How::Qr(QrMethod {})),
        Begin { .. } => None,
    })
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
