//! `pair --web`: the pairing on a page in a browser of this computer. A closed tab does not end it, a reload shows the
//! current state. After a failure the page can begin again, as long as one is open.

mod board;
mod site;

use std::sync::Arc;
use std::time::Duration;

use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::pair_request::How;
use openclaw_proto::v1::{Linked, PairRequest};
use prost_types::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;

use self::board::{Board, Method, Reason, Scene};
use self::site::{Asked, Pages};
use super::frame::Shown;
use super::frames::{self, Frames, Next};
use super::{outcome, view};
use crate::address::Address;
use crate::cli::PairArgs;
use crate::failure::{Exit, Failure};
use crate::stop::Stops;
use crate::web::{Running, Server, browser};
use crate::{clock, console};

/// What the agent does without `--timeout`.
const DEFAULT_TIMEOUT_SECONDS: i64 = 5 * 60;
/// How long the agent may take to notice that the last pairing was stopped.
const RESTART_TIMEOUT: Duration = Duration::from_secs(30);
const RESTART_INTERVAL: Duration = Duration::from_millis(200);
const ABSENCE_INTERVAL: Duration = Duration::from_secs(1);
/// How long an open page may take to fetch the last state.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// Pairs on a page. Exit codes as without one.
pub(super) async fn run(address: &Address, args: &PairArgs, json: bool) -> Result<Exit, Failure> {
    let request = frames::request(args)?;
    // Before the agent is called, so that an unusable port is reported first.
    let server = Server::bind(args.port).await?;
    let mut stops = Stops::listen()?;
    let (agent, frames) = frames::begin(address, request.clone(), json, &mut stops).await?;
    let opens = !json && !args.no_open && browser::is_available();
    announce(&server, opens, json).map_err(frames::unseen)?;
    let mut page = Page::new(server, agent, request, args.compare_code, json);
    let linked = page.run(frames, &mut stops).await;
    page.close().await;
    // stdout has only the address, for the program that reads it.
    outcome::report(&linked?, json, !opens);
    Ok(Exit::Done)
}

/// Opens the page, or prints its address.
fn announce(server: &Server, opens: bool, json: bool) -> Result<(), Failure> {
    let (address, port) = (server.address(), server.port());
    if json {
        return console::json(&Served { address: &address });
    }
    if opens {
        console::note(&format!(
            "Opening the page in the browser. If nothing appears, open this address, which works once: {address}"
        ));
        tokio::spawn(async move {
            if let Err(failure) = browser::open(&address).await {
                console::note(&format!("{failure}: open the address above yourself"));
            }
        });
    } else {
        console::line(&address)?;
        console::note("Open this address in a browser on this computer; it works once.");
        console::note(&format!(
            "From another computer, run `ssh -L {port}:127.0.0.1:{port} HOST` there first, with this computer as HOST."
        ));
    }
    console::note("Ctrl-C stops.");
    Ok(())
}

#[derive(Serialize)]
struct Served<'a> {
    address: &'a str,
}

/// The page, and the pairings that are begun on it.
struct Page {
    agent: AgentClient<Channel>,
    /// The request of the current pairing.
    request: PairRequest,
    board: Board,
    pages: Arc<Pages>,
    asked: mpsc::Receiver<Asked>,
    server: Running,
    json: bool,
}

/// The end of a pairing.
enum End {
    Linked(Linked),
    Failed(Failure),
    /// The person begins again; without a method, as before.
    Again(Option<How>),
    Stopped(Failure),
}

impl Page {
    fn new(
        server: Server,
        agent: AgentClient<Channel>,
        request: PairRequest,
        compare_code: bool,
        json: bool,
    ) -> Self {
        let board = Board::new(method(&request), ends_at(&request));
        let (pages, asked) = Pages::new(board.clone(), agent.clone(), compare_code);
        let pages = Arc::new(pages);
        Self {
            agent,
            request,
            board,
            server: server.serve(Arc::clone(&pages)),
            pages,
            asked,
            json,
        }
    }

    /// Pairs until the phone is linked, or no one wants to begin again.
    async fn run(&mut self, frames: Frames, stops: &mut Stops) -> Result<Linked, Failure> {
        let mut end = self.follow(frames, stops).await;
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
        if !self.json && matches!(shown, Shown::Scanned | Shown::Passkey(_)) {
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
        if !self.json {
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

    /// Ends once the open pages show the end.
    async fn close(self) {
        if !self.pages.audience().is_absent() {
            // A page that was closed shows nothing any more.
            let _ = timeout(FAREWELL_TIMEOUT, self.pages.audience().informed()).await;
        }
        self.server.close().await;
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
