//! `watch`: follows events across lost connections, and prints each exactly once.
//!
//! [`cursor`] tracks the position in the events, and [`keeping`] stores it between runs. This module handles the stream
//! and reconnects.

mod cursor;
mod cursor_file;
mod keeping;
mod notes;
mod retry;
mod saving;

use std::future;
use std::pin::pin;
use std::time::Duration;

use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::{EventFilter, WatchEventsRequest, WatchEventsResponse};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::address::Address;
use crate::cli::WatchArgs;
use crate::failure::{Exit, Failure, is_transport};
use crate::numbers::recipient;
use crate::rollback::check::RollbackCheck;
use crate::{client, console, events};
use cursor::{Cursor, Step};
use keeping::CursorKeeper;
use notes::Notes;
use retry::{Retry, may_come};
use saving::Saving;

/// The agent sends a heartbeat every 30 s. After two missing ones, the stream is dead.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(75);

/// How often, at most, the state of the store is recorded.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Watches until the requested end. Ctrl-C also counts as the end, and so does a closed stdout, as in `openclawctl
/// watch | head -1`.
pub(crate) async fn run(address: &Address, args: &WatchArgs, json: bool) -> Result<Exit, Failure> {
    let listen = |kind| {
        signal(kind).map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))
    };
    // Installed before anything is printed: the reader may send a signal in response.
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let presence = args.presence.iter();
    let presence = presence.map(|given| recipient("--presence", given));
    let mut watch = Watch {
        address,
        args,
        filter: events::filter(&args.filter)?,
        presence: presence.collect::<Result<_, _>>()?,
        json,
        notes: Notes::new(json),
        saving: Saving::of(address, args, json)?,
        cursor: Cursor::new(args.after.or(args.from_start.then_some(0))),
        keeping: CursorKeeper::new(args),
        rollback_check: RollbackCheck::new(json),
        agent: None,
        looked_at: Instant::now(),
        has_moved: false,
    };
    let ended = {
        let mut running = pin!(watch.run());
        tokio::select! {
            ended = &mut running => ended,
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
            () = console::reader_gone() => Ok(()),
        }
    };
    watch.keeping.finish(&watch.cursor).await;
    ended.map(|()| Exit::Done)
}

struct Watch<'a> {
    address: &'a Address,
    args: &'a WatchArgs,
    filter: Option<EventFilter>,
    presence: Vec<String>,
    json: bool,
    notes: Notes,
    saving: Option<Saving<'a>>,
    cursor: Cursor,
    keeping: CursorKeeper<'a>,
    rollback_check: RollbackCheck,
    agent: Option<Agent>,
    looked_at: Instant,
    /// True if events arrived since the last record, so that the store has changed.
    has_moved: bool,
}

/// How a stream ended.
enum Ended {
    /// At the newest event, as requested.
    Done,
    /// It must be opened again at once.
    StartOver,
    /// The connection was lost after this many items.
    Lost { items: u64 },
}

impl Watch<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        let mut retry = Retry::default();
        let mut stream = match self.open().await {
            // Only a watch that follows can wait for the agent.
            Err(failure) if !self.args.no_follow && may_come(&failure) => {
                self.notes.waiting(&failure);
                self.reopen(&mut retry).await?
            }
            opened => opened?,
        };
        loop {
            match self.follow(&mut stream).await? {
                Ended::Done => return Ok(()),
                Ended::StartOver => {}
                Ended::Lost { items } => {
                    if items > 0 {
                        retry = Retry::default();
                    }
                    let text = "the connection to the agent was lost; trying again";
                    self.notes.note(text, "lost");
                    retry.wait().await;
                }
            }
            stream = self.reopen(&mut retry).await?;
        }
    }

    /// Opens the stream, without retries.
    async fn open(&mut self) -> Result<Streaming<WatchEventsResponse>, Failure> {
        let mut agent = client::agent(self.address).await?;
        (self.looked_at, self.has_moved) = (Instant::now(), false);
        if let Some(status) = self.rollback_check.look(&mut agent).await {
            self.keeping.attach(&status, &mut self.cursor, &self.notes);
            if let Some(events) = status.events
                && let Step::StartOver { head, after } = self.cursor.head(events.head)
            {
                self.start_over(head, after);
            }
        }
        let request = WatchEventsRequest {
            after: self.cursor.open(),
            follow: !self.args.no_follow,
            filter: self.filter.clone(),
            consumer: self.args.consumer.clone().unwrap_or_default(),
            presence_of: self.presence.clone(),
        };
        let stream = client::answer(self.address, agent.watch_events(request)).await?;
        self.keeping.connected(agent.clone());
        self.agent = Some(agent);
        Ok(stream)
    }

    /// Records the state of the store: a rollback to a copy made during this watch can only be detected with a state
    /// seen since.
    async fn look(&mut self) {
        if let Some(agent) = &mut self.agent
            && self.has_moved
            && self.looked_at.elapsed() >= LOOK_INTERVAL
        {
            let _ = self.rollback_check.look(agent).await;
            (self.looked_at, self.has_moved) = (Instant::now(), false);
        }
    }

    /// Opens the stream again, however long the agent is unreachable.
    async fn reopen(
        &mut self,
        retry: &mut Retry,
    ) -> Result<Streaming<WatchEventsResponse>, Failure> {
        loop {
            match self.open().await {
                Err(failure) if may_come(&failure) => {
                    retry.wait().await;
                }
                opened => return opened,
            }
        }
    }

    async fn follow(
        &mut self,
        stream: &mut Streaming<WatchEventsResponse>,
    ) -> Result<Ended, Failure> {
        let mut items = 0;
        loop {
            let ready = tokio::select! {
                biased;
                item = stream.message() => Some(item),
                // No item is ready: use the time for deferred work.
                () = future::ready(()) => None,
            };
            let item = match ready {
                Some(item) => Ok(item),
                None => {
                    self.keeping.rest(&self.cursor).await?;
                    self.look().await;
                    tokio::time::timeout(SILENCE_TIMEOUT, stream.message()).await
                }
            };
            let item = match item {
                Ok(Ok(Some(item))) => item,
                Ok(Ok(None)) if self.args.no_follow => return Ok(Ended::Done),
                Ok(Err(status)) if !may_pass(&status) => return Err(Failure::from(status)),
                Ok(Ok(None) | Err(_)) | Err(_) => return Ok(Ended::Lost { items }),
            };
            items += 1;
            self.has_moved = true;
            match self.cursor.take(item) {
                Step::Print(event) => {
                    // A printed event is not printed again, so its file must exist by then.
                    let saved = match &self.saving {
                        Some(saving) => saving.save(&event, &self.notes).await?,
                        None => None,
                    };
                    events::print(&event, self.json)?;
                    self.cursor.printed(event.seq);
                    if let Some(saved) = saved {
                        saving::print(saved, self.json)?;
                    }
                }
                Step::Gap(gap) => {
                    let last = gap.last;
                    events::print_gap(gap, self.json)?;
                    self.cursor.printed(last);
                }
                Step::Transient(item) => events::print_activity(*item, self.json)?,
                Step::Quiet => {}
                Step::StartOver { head, after } => {
                    self.start_over(head, after);
                    return Ok(Ended::StartOver);
                }
            }
            self.keeping.reported(&self.cursor, &self.notes).await?;
        }
    }

    fn start_over(&mut self, head: u64, after: u64) {
        self.keeping.start_over(&self.notes);
        let text = format!(
            "the agent's events start over: the newest is {head}, the last seen was {after}"
        );
        self.notes.note(&text, "start_over");
    }
}

type Agent = AgentClient<Channel>;

/// True if a retry can help: a lost connection, or an agent that is stopping.
fn may_pass(status: &Status) -> bool {
    is_transport(status)
        || matches!(
            status.code(),
            Code::Unavailable | Code::Cancelled | Code::Aborted | Code::ResourceExhausted
        )
}
