//! The pairings that are begun on a page: the first one, and those after a failure.

use std::sync::Arc;
use std::time::Duration;

use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::pair_request::How;
use openclaw_proto::v1::{Linked, PairRequest};
use prost_types::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;

use super::board::{Board, Method, Reason, Scene};
use super::site::{Asked, Pages};
use crate::failure::Failure;
use crate::pair::frame::Shown;
use crate::pair::frames::{self, Frames, Next};
use crate::pair::view;
use crate::stop::Stops;
use crate::{clock, console};

/// What the agent does without `--timeout`.
const DEFAULT_TIMEOUT_SECONDS: i64 = 5 * 60;
/// How long the agent may take to notice that the last pairing was stopped.
const RESTART_TIMEOUT: Duration = Duration::from_secs(30);
const RESTART_INTERVAL: Duration = Duration::from_millis(200);
const ABSENCE_INTERVAL: Duration = Duration::from_secs(1);

/// The pairing that a page shows.
pub(crate) struct Pairing {
    agent: AgentClient<Channel>,
    /// The request of the current pairing.
    request: PairRequest,
    board: Board,
    pages: Arc<Pages>,
    asked: mpsc::Receiver<Asked>,
    quiet: bool,
}

/// The end of a pairing.
enum End {
    Linked(Linked),
    Failed(Failure),
    /// The person begins again; without a method, as before.
    Again(Option<How>),
    Stopped(Failure),
}

impl Pairing {
    /// A pairing that has not begun. A `quiet` one prints nothing.
    pub(crate) fn new(
        agent: AgentClient<Channel>,
        request: PairRequest,
        compare_code: bool,
        quiet: bool,
    ) -> Self {
        let board = Board::new(method(&request), ends_at(&request));
        let (pages, asked) = Pages::new(board.clone(), agent.clone(), compare_code);
        Self {
            agent,
            request,
            board,
            pages: Arc::new(pages),
            asked,
            quiet,
        }
    }

    /// What its pages ask for.
    pub(crate) const fn pages(&self) -> &Arc<Pages> {
        &self.pages
    }

    /// Pairs until the phone is linked, or no one wants to begin again.
    /// The frames are those of a pairing that has begun; without them, one begins.
    pub(crate) async fn run(
        &mut self,
        frames: Option<Frames>,
        stops: &mut Stops,
    ) -> Result<Linked, Failure> {
        let mut end = match frames {
            Some(frames) => self.follow(frames, stops).await,
            None => self.begin_again(None, stops).await,
        };
        loop {
            end = match end {
                End::Linked(linked) => {
                    self.board.post(Scene::Linked(linked.phone.clone()));
                    return Ok(linked);
                }
                End::Stopped(failure) => {
                    self.board.post(Scene::Stopped(Reason::from(&failure)));
                    return Err(failure);
                }
                End::Failed(failure) => self.await_again(failure, stops).await,
                End::Again(how) => self.begin_again(how, stops).await,
            };
        }
    }

    /// Shows frames until the pairing has an end.
    async fn follow(&mut self, mut frames: Frames, stops: &mut Stops) -> End {
        loop {
            tokio::select! {
                next = frames.next() => match next {
                    Ok(Next::Show(shown)) => self.show(shown.0),
                    Ok(Next::Linked(linked)) => return End::Linked(linked),
                    Err(failure) => return End::Failed(failure),
                },
                Some((how, reply)) = self.asked.recv() => {
                    let late = frames.is_scanned();
                    let answer = if late { Err(accepted()) } else { Ok(()) };
                    // Fails if the browser has gone.
                    let _ = reply.send(answer);
                    if !late {
                        return End::Again(how);
                    }
                }
                () = stops.next() => return End::Stopped(frames.stopped()),
            }
        }
    }

    fn show(&self, shown: Shown) {
        if !self.quiet && matches!(shown, Shown::Scanned | Shown::Passkey(_)) {
            for line in view::instructions(&shown, false, clock::now()) {
                console::note(&line);
            }
        }
        self.board.post(Scene::Pairing(shown));
    }

    /// After a failure: waits for an open page to begin again.
    async fn await_again(&mut self, failure: Failure, stops: &mut Stops) -> End {
        self.board.post(Scene::Failed(Reason::from(&failure)));
        if self.pages.audience().is_absent() {
            return End::Stopped(failure);
        }
        if !self.quiet {
            console::note(&format!(
                "Not linked: {failure}. Begin again on the page, or end with Ctrl-C."
            ));
        }
        loop {
            tokio::select! {
                Some((how, reply)) = self.asked.recv() => {
                    let _ = reply.send(Ok(()));
                    return End::Again(how);
                }
                () = stops.next() => return End::Stopped(failure),
                () = sleep(ABSENCE_INTERVAL) => {
                    if self.pages.audience().is_absent() {
                        return End::Stopped(failure);
                    }
                }
            }
        }
    }

    async fn begin_again(&mut self, how: Option<How>, stops: &mut Stops) -> End {
        self.request.how = how.or(self.request.how.take());
        self.board
            .begin(method(&self.request), ends_at(&self.request));
        let opened = tokio::select! {
            opened = reopen(&mut self.agent, &self.request) => opened,
            () = stops.next() => return End::Stopped(frames::stopped(false)),
        };
        match opened {
            Ok(frames) => self.follow(frames, stops).await,
            Err(failure) => End::Failed(failure),
        }
    }
}

/// Begins a pairing after another one, which the agent may not have noticed to be over.
async fn reopen(
    agent: &mut AgentClient<Channel>,
    request: &PairRequest,
) -> Result<Frames, Failure> {
    let until = Instant::now() + RESTART_TIMEOUT;
    loop {
        match Frames::open(agent, request.clone()).await {
            Err(failure)
                if failure.reason() == Some("ALREADY_PAIRING") && Instant::now() < until =>
            {
                sleep(RESTART_INTERVAL).await;
            }
            opened => return opened,
        }
    }
}

fn accepted() -> Failure {
    Failure::new("the phone has accepted the code already").with_hint("wait for the result")
}

fn method(request: &PairRequest) -> Method {
    match request.how {
        Some(How::PhoneCode(_)) => Method::PhoneCode,
        _ => Method::Qr,
    }
}

/// When the agent ends a pairing that begins now.
fn ends_at(request: &PairRequest) -> Timestamp {
    let now = clock::now();
    let span = request
        .timeout
        .map_or(DEFAULT_TIMEOUT_SECONDS, |it| it.seconds);
    Timestamp {
        seconds: now.seconds.saturating_add(span),
        ..now
    }
}
