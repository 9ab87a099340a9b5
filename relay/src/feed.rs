//! The events of one agent into a sink: one record at a time, and the agent's cursor moves after the sink has stored it.

use std::sync::Arc;
use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use tokio::time::Instant;
use tonic::Streaming;
use tonic::transport::Channel;
use tracing::{info, warn};

use crate::agent::{self, Agent, answer};
use crate::backoff::Backoff;
use crate::board::FeedBoard;
use crate::config::Start;
use crate::record::Record;
use crate::sink::{Sink, Stored, Unstored};

/// The cursor moves after [`Sink::MAX_UNACKED`] records, or this long after the first of them.
const ACK_DELAY: Duration = Duration::from_millis(200);

/// Why the stream of an agent ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Agent(#[from] agent::Error),
    #[error("the agent closed the stream")]
    Closed,
    #[error("the agent has another store now")]
    OtherStore,
}

/// One agent and its sink.
pub struct Feed<S> {
    position: Position,
    agent: Agent,
    sink: S,
    board: Arc<FeedBoard>,
}

/// What is read of an agent.
pub struct Position {
    /// The name of the position at the agent.
    pub consumer: String,
    /// Where it begins if the agent does not have it yet.
    pub start: Start,
    /// Which events.
    pub filter: pb::EventFilter,
}

/// What the sink has stored and the agent's cursor does not have.
#[derive(Default)]
struct Unacked {
    seq: u64,
    count: u32,
    due: Option<Instant>,
}

impl<S: Sink> Feed<S> {
    /// A feed that is not running yet.
    pub const fn new(position: Position, agent: Agent, sink: S, board: Arc<FeedBoard>) -> Self {
        Self {
            position,
            agent,
            sink,
            board,
        }
    }

    /// Relays until the caller drops it.
    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let Err(error) = self.relay(&mut backoff).await;
            self.board.set_connected(false);
            let pause = backoff.next_pause();
            let (agent, webhook) = (self.board.agent(), self.board.webhook());
            warn!(agent, webhook, %error, retry_in_seconds = pause.as_secs_f64(), "events interrupted");
            tokio::time::sleep(pause).await;
        }
    }

    async fn relay(&mut self, backoff: &mut Backoff) -> Result<std::convert::Infallible, Ended> {
        let mut client = self.agent.connect().await?;
        let store = agent::store_id(&mut client).await?;
        self.begin(&store).await;
        self.board.set_stuck(false);
        let mut items = self.watch(&mut client).await?;
        self.board.set_connected(true);
        let (agent, webhook) = (self.board.agent(), self.board.webhook());
        info!(agent, webhook, "events connected");
        let mut unacked = Unacked::default();
        loop {
            tokio::select! {
                item = items.message() => {
                    let response = item.map_err(agent::Error::from)?;
                    let item = response.ok_or(Ended::Closed)?.item;
                    backoff.reset();
                    if let Some(pb::watch_events_response::Item::Event(event)) = &item
                        && event.agent.as_ref().is_some_and(|agent| agent.store_id != store)
                    {
                        return Err(Ended::OtherStore);
                    }
                    if let Some(record) = item.and_then(|item| Record::of(item, &store)) {
                        self.store(&record, &store).await;
                        unacked.add(record.mark.seq);
                    }
                }
                () = tokio::time::sleep_until(unacked.due.unwrap_or_else(Instant::now)), if unacked.due.is_some() => {
                    unacked.count = S::MAX_UNACKED;
                }
            }
            if unacked.count >= S::MAX_UNACKED {
                self.ack(&mut client, unacked.seq).await?;
                unacked = Unacked::default();
            }
        }
    }

    async fn watch(
        &self,
        client: &mut AgentClient<Channel>,
    ) -> Result<Streaming<pb::WatchEventsResponse>, agent::Error> {
        if self.position.start == Start::Oldest {
            // Creates a consumer that is not there, before the oldest event, and moves no other.
            self.ack(client, 0).await?;
        }
        let request = pb::WatchEventsRequest {
            follow: true,
            filter: Some(self.position.filter.clone()),
            consumer: self.position.consumer.clone(),
            ..Default::default()
        };
        answer(client.watch_events(request)).await
    }

    async fn ack(&self, client: &mut AgentClient<Channel>, seq: u64) -> Result<(), agent::Error> {
        let request = pb::AckEventsRequest {
            consumer: self.position.consumer.clone(),
            seq,
            go_back: false,
        };
        answer(client.ack_events(request)).await.map(|_| ())
    }

    /// Reads the sink back, until that succeeds.
    async fn begin(&mut self, store: &[u8]) {
        let mut backoff = Backoff::new(S::PAUSES);
        while let Err(error) = self.sink.begin(store).await {
            self.pause(&mut backoff, &error).await;
        }
    }

    /// Puts the record, until the sink has it.
    async fn store(&mut self, record: &Record, store: &[u8]) {
        let mut backoff = Backoff::new(S::PAUSES);
        loop {
            match self.sink.put(record).await {
                Ok(stored) => return self.stored(record, stored),
                Err(error) => self.pause(&mut backoff, &error).await,
            }
            self.begin(store).await;
        }
    }

    async fn pause(&self, backoff: &mut Backoff, error: &Unstored) {
        self.board.set_stuck(true);
        let pause = backoff.next_pause();
        let pause = pause.max(error.retry_after.unwrap_or_default());
        let (agent, webhook) = (self.board.agent(), self.board.webhook());
        warn!(agent, webhook, %error, retry_in_seconds = pause.as_secs_f64(), "not stored");
        tokio::time::sleep(pause).await;
    }

    fn stored(&self, record: &Record, stored: Stored) {
        self.board.set_stuck(false);
        self.board.stored(record.mark.seq, stored);
        if stored == Stored::Omitted {
            let (agent, seq, bytes) = (self.board.agent(), record.mark.seq, record.payload.len());
            warn!(
                agent,
                seq, bytes, "event too large for the broker: stored without its content"
            );
        }
    }
}

impl Unacked {
    fn add(&mut self, seq: u64) {
        self.seq = seq;
        self.count += 1;
        self.due.get_or_insert_with(|| Instant::now() + ACK_DELAY);
    }
}
