//! `watch`: follows events, through every loss of the connection, printing each exactly once.
//!
//! What was seen is a number, and it lives in [`cursor`]; where it is kept from one run to the next
//! is [`keeping`]'s matter. Here are the stream and the waiting.

mod cursor;
mod keeping;
mod place;

use std::future;
use std::pin::pin;
use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::{Event, EventKind, Gap, WatchEventsRequest, WatchEventsResponse};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::address::Address;
use crate::cli::{ChatKind, Kind, WatchArgs};
use crate::failure::{Exit, Failure, is_transport};
use crate::numbers::chat;
use crate::render::{event, json};
use crate::rollback::Lookout;
use crate::{client, clock, console};
use cursor::{Cursor, Step};
use keeping::Keeping;

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// The agent sends a heartbeat every 30 s. Two missing ones are a dead stream.
const SILENCE: Duration = Duration::from_secs(75);

/// How often, at most, it is noted how far the store has come.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Watches until the end that was asked for. Ctrl-C is such an end, and so is a reader of stdout that goes away, as in
/// `openclawctl watch | head -1`.
pub(crate) async fn run(address: &Address, args: &WatchArgs, json: bool) -> Result<Exit, Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::new(format!("listen for signals: {error}")));
    // Before anything is said: whoever reads it may answer with one.
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let chats = args.chats.iter().map(|given| chat("--chat", given));
    let mut watch = Watch {
        address,
        args,
        chats: chats.collect::<Result<_, _>>()?,
        notes: Notes { json },
        cursor: Cursor::new(args.after.or(args.from_start.then_some(0))),
        keeping: Keeping::new(args),
        lookout: Lookout::new(json),
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
    chats: Vec<String>,
    notes: Notes,
    cursor: Cursor,
    keeping: Keeping<'a>,
    lookout: Lookout,
    agent: Option<Agent>,
    looked_at: Instant,
    /// Something came since, so the store has gone on.
    has_moved: bool,
}

/// How one stream ended.
enum Ended {
    /// At the newest event, as asked.
    Done,
    /// It must be opened again, at once.
    StartOver,
    /// It was cut off after so many items.
    Lost { items: u64 },
}

impl Watch<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        let mut retry = FIRST_RETRY;
        let mut stream = match self.open().await {
            // Whoever follows can wait for it to come.
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
                        retry = FIRST_RETRY;
                    }
                    let text = "the connection to the agent was lost; trying again";
                    self.notes.note(text, "lost");
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
            }
            stream = self.reopen(&mut retry).await?;
        }
    }

    /// Opens the stream. The agent must be there.
    async fn open(&mut self) -> Result<Streaming<WatchEventsResponse>, Failure> {
        let mut agent = client::agent(self.address).await?;
        (self.looked_at, self.has_moved) = (Instant::now(), false);
        if let Some(status) = self.lookout.look(&mut agent).await {
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
            kinds: self
                .args
                .kinds
                .iter()
                .map(|kind| i32::from(EventKind::from(*kind)))
                .collect(),
            chats: self.chats.clone(),
            consumer: self.args.consumer.clone().unwrap_or_default(),
            chat_kinds: self
                .args
                .chat_kinds
                .iter()
                .map(|kind| i32::from(pb::ChatKind::from(*kind)))
                .collect(),
        };
        let stream = client::answer(self.address, agent.watch_events(request)).await?;
        self.keeping.connected(agent.clone());
        self.agent = Some(agent);
        Ok(stream)
    }

    /// Notes how far the store has come: if its volume is put back to a copy made since this watch began, that shows only
    /// against what it has seen since.
    async fn look(&mut self) {
        if let Some(agent) = &mut self.agent
            && self.has_moved
            && self.looked_at.elapsed() >= LOOK_INTERVAL
        {
            let _ = self.lookout.look(agent).await;
            (self.looked_at, self.has_moved) = (Instant::now(), false);
        }
    }

    /// Opens the stream again, however long the agent stays away.
    async fn reopen(
        &mut self,
        retry: &mut Duration,
    ) -> Result<Streaming<WatchEventsResponse>, Failure> {
        loop {
            match self.open().await {
                Err(failure) if may_come(&failure) => {
                    tokio::time::sleep(*retry).await;
                    *retry = (*retry * 2).min(LONGEST_RETRY);
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
                // Nothing to print just now: time for what waits for that.
                () = future::ready(()) => None,
            };
            let item = match ready {
                Some(item) => Ok(item),
                None => {
                    self.keeping.rest(&self.cursor).await?;
                    self.look().await;
                    tokio::time::timeout(SILENCE, stream.message()).await
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
                    let seq = event.seq;
                    self.print(*event)?;
                    self.cursor.printed(seq);
                }
                Step::Gap(gap) => self.notes.gap(gap),
                Step::Quiet => {}
                Step::StartOver { head, after } => {
                    self.start_over(head, after);
                    return Ok(Ended::StartOver);
                }
            }
            self.keeping.told(&self.cursor, &self.notes).await?;
        }
    }

    fn start_over(&mut self, head: u64, after: u64) {
        self.keeping.start_over(&self.notes);
        let text =
            format!("the agent's events start over: its newest is {head}, but {after} was seen");
        self.notes.note(&text, "start_over");
    }

    fn print(&self, event: Event) -> Result<(), Failure> {
        if self.notes.json {
            console::json(&json::Event::from(event))
        } else {
            console::line(&event::line(&event, clock::now()))
        }
    }
}

/// What is said on stderr beside errors.
struct Notes {
    json: bool,
}

impl Notes {
    fn gap(&self, gap: Gap) {
        let Gap { from, to, damaged } = gap;
        if self.json {
            console::json_note(&Note {
                note: if damaged { "damaged" } else { "gap" },
                from: Some(from),
                to: Some(to),
                why: None,
            });
            return;
        }
        let what = match (from == to, damaged) {
            (true, false) => format!("event {from} is no longer kept"),
            (false, false) => format!("events {from} to {to} are no longer kept"),
            (true, true) => format!("event {from} is damaged and cannot be read"),
            (false, true) => format!("events {from} to {to} are damaged and cannot be read"),
        };
        let hint = if damaged {
            "; an operator's `openclawctl doctor` says what to do"
        } else {
            ""
        };
        console::note(&format!("gap: {what}{hint}"));
    }

    fn note(&self, text: &str, word: &'static str) {
        if self.json {
            console::json_note(&Note {
                note: word,
                from: None,
                to: None,
                why: None,
            });
        } else {
            console::note(&format!("note: {text}"));
        }
    }

    fn waiting(&self, failure: &Failure) {
        self.note(&format!("{failure}; trying again"), "waiting");
    }

    /// A place that is not kept is told, and no reason to stop.
    fn no_place(&self, error: &place::Error) {
        if self.json {
            console::json_note(&Note {
                note: "no_place",
                from: None,
                to: None,
                why: Some(error.to_string()),
            });
        } else {
            console::note(&format!(
                "warning: where this watch ends will not be remembered: {error}"
            ));
        }
    }
}

/// What `--json` says on stderr beside errors: `gap`, `damaged`, `lost`, `waiting`, `start_over`, `new_store`,
/// `no_place`.
#[derive(Serialize)]
struct Note {
    note: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

type Agent = AgentClient<Channel>;

/// True when the agent may be there, or answer, a little later.
fn may_come(failure: &Failure) -> bool {
    failure.exit() == Exit::Unreachable || failure.reason() == Some("BUSY")
}

/// True when trying again makes sense: the connection, or an agent that stops.
fn may_pass(status: &Status) -> bool {
    is_transport(status)
        || matches!(
            status.code(),
            Code::Unavailable | Code::Cancelled | Code::Aborted | Code::ResourceExhausted
        )
}

impl From<ChatKind> for pb::ChatKind {
    fn from(kind: ChatKind) -> Self {
        match kind {
            ChatKind::Person => Self::Person,
            ChatKind::Group => Self::Group,
            ChatKind::Status => Self::Status,
            ChatKind::Channel => Self::Channel,
        }
    }
}

impl From<Kind> for EventKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Message => Self::Message,
            Kind::Receipt => Self::Receipt,
            Kind::Link => Self::Link,
            Kind::Send => Self::Send,
            Kind::Undecryptable => Self::Undecryptable,
            Kind::Edit => Self::Edit,
            Kind::Deletion => Self::Deletion,
            Kind::Reaction => Self::Reaction,
            Kind::Lost => Self::Lost,
            Kind::Dropped => Self::Dropped,
            Kind::Rejected => Self::Rejected,
        }
    }
}
