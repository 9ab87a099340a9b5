//! `watch`: follows events, through every loss of the connection, printing each exactly once.
//!
//! What was seen is a number, and it lives in [`cursor`]; here are the stream and the waiting.

mod cursor;

use std::pin::pin;
use std::time::Duration;

use openclaw_proto::v1::{Event, EventKind, Gap, WatchEventsRequest, WatchEventsResponse};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tonic::{Code, Status, Streaming};

use crate::address::Address;
use crate::cli::{Kind, WatchArgs};
use crate::failure::{Exit, Failure, is_transport};
use crate::render::{event, json};
use crate::rollback::Lookout;
use crate::{client, clock, console};
use cursor::{Cursor, Step};

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// The agent sends a heartbeat every 30 s. Two missing ones are a dead stream.
const SILENCE: Duration = Duration::from_secs(75);

/// Watches until the end that was asked for. Ctrl-C is such an end.
pub(crate) async fn run(address: &Address, args: &WatchArgs, json: bool) -> Result<Exit, Failure> {
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| Failure::new(format!("listen for signals: {error}")))?;
    let mut watch = Watch {
        address,
        args,
        json,
        cursor: Cursor::new(args.after),
        lookout: Lookout::new(json),
    };
    let mut running = pin!(watch.run());
    tokio::select! {
        ended = &mut running => ended.map(|()| Exit::Done),
        _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
        _ = terminate.recv() => Ok(Exit::Done),
    }
}

struct Watch<'a> {
    address: &'a Address,
    args: &'a WatchArgs,
    json: bool,
    cursor: Cursor,
    lookout: Lookout,
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
        let mut stream = self.open().await?;
        let mut retry = FIRST_RETRY;
        loop {
            match self.follow(&mut stream).await? {
                Ended::Done => return Ok(()),
                Ended::StartOver => {}
                Ended::Lost { items } => {
                    if items > 0 {
                        retry = FIRST_RETRY;
                    }
                    self.note("the connection to the agent was lost; trying again", "lost");
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
        self.lookout.look(&mut agent).await;
        let request = WatchEventsRequest {
            after: self.cursor.open(),
            follow: !self.args.no_follow,
            kinds: self
                .args
                .kinds
                .iter()
                .map(|kind| i32::from(EventKind::from(*kind)))
                .collect(),
        };
        client::answer(self.address, agent.watch_events(request)).await
    }

    /// Opens the stream again, however long the agent stays away.
    async fn reopen(
        &mut self,
        retry: &mut Duration,
    ) -> Result<Streaming<WatchEventsResponse>, Failure> {
        loop {
            match self.open().await {
                Err(failure)
                    if failure.exit() == Exit::Unreachable || failure.reason() == Some("BUSY") =>
                {
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
            let item = match tokio::time::timeout(SILENCE, stream.message()).await {
                Ok(Ok(Some(item))) => item,
                Ok(Ok(None)) if self.args.no_follow => return Ok(Ended::Done),
                Ok(Err(status)) if !may_pass(&status) => return Err(Failure::from(status)),
                Ok(Ok(None) | Err(_)) | Err(_) => return Ok(Ended::Lost { items }),
            };
            items += 1;
            match self.cursor.take(item) {
                Step::Print(event) => self.print(*event)?,
                Step::Gap(gap) => self.gap(gap),
                Step::Quiet => {}
                Step::StartOver { head, after } => {
                    self.note(
                        &format!(
                            "the agent's events start over: its newest is {head}, but {after} was seen"
                        ),
                        "start_over",
                    );
                    return Ok(Ended::StartOver);
                }
            }
        }
    }

    fn print(&self, event: Event) -> Result<(), Failure> {
        if self.json {
            console::json(&json::Event::from(event))
        } else {
            console::line(&event::line(&event, clock::now()))
        }
    }

    fn gap(&self, gap: Gap) {
        let Gap { from, to } = gap;
        if self.json {
            console::json_note(&Note {
                note: "gap",
                from: Some(from),
                to: Some(to),
            });
        } else if from == to {
            console::note(&format!("gap: event {from} is no longer kept"));
        } else {
            console::note(&format!("gap: events {from} to {to} are no longer kept"));
        }
    }

    fn note(&self, text: &str, word: &'static str) {
        if self.json {
            console::json_note(&Note {
                note: word,
                from: None,
                to: None,
            });
        } else {
            console::note(&format!("note: {text}"));
        }
    }
}

/// What `--json` says on stderr beside errors: `gap`, `lost`, `start_over`.
#[derive(Serialize)]
struct Note {
    note: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
}

/// True when trying again makes sense: the connection, or an agent that stops.
fn may_pass(status: &Status) -> bool {
    is_transport(status)
        || matches!(
            status.code(),
            Code::Unavailable | Code::Cancelled | Code::Aborted | Code::ResourceExhausted
        )
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
        }
    }
}
