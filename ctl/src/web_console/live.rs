//! What happens now: a stream of events and of the status, in the form of server-sent events.
//!
//! Nothing is queued here: an event is taken from the agent when the browser has received the ones before it, and the agent
//! keeps a position for each reader. A slow browser costs one connection, which ends in time; then the page asks again, from
//! the last event that it got.

use std::time::Duration;

use futures::{Stream, stream};
use hyper::body::Bytes;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::watch_events_response::Item;
use openclaw_proto::v1::{EventFilter, StatusRequest, WatchEventsRequest, WatchEventsResponse};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, interval};
use tonic::Streaming;
use tonic::transport::Channel;

use super::shown;
use crate::address::Address;
use crate::client;
use crate::failure::Failure;

/// How often the status is sent; after an event of the link at once.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// One stream.
struct Live {
    address: Address,
    agent: AgentClient<Channel>,
    events: Streaming<WatchEventsResponse>,
    status_due: Interval,
    closing: watch::Receiver<bool>,
    /// The place of this stream among those that are allowed.
    _place: OwnedSemaphorePermit,
}

/// One message to the page.
enum Message {
    Event(Value),
    Gap(Value),
    Head(u64),
    Status(Value),
    /// The last one.
    Failed(Failure),
    /// The last one.
    Stopped,
}

/// Opens a stream of the events after this one; without one, of new events.
pub(super) async fn open(
    address: &Address,
    after: Option<u64>,
    closing: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) -> Result<impl Stream<Item = Bytes> + Send + use<>, Failure> {
    let mut agent = client::agent(address).await?;
    let call = agent.watch_events(WatchEventsRequest {
        after,
        follow: true,
        filter: Some(EventFilter::of_all_chats()),
        ..WatchEventsRequest::default()
    });
    let events = client::answer(address, call).await?;
    let live = Live {
        address: address.clone(),
        agent,
        events,
        status_due: interval(STATUS_INTERVAL),
        closing,
        _place: place,
    };
    Ok(stream::unfold(Some(live), async |live| {
        let mut live = live?;
        let message = live.next().await;
        let is_last = matches!(message, Message::Failed(_) | Message::Stopped);
        Some((message.written(), (!is_last).then_some(live)))
    }))
}

impl Live {
    async fn next(&mut self) -> Message {
        loop {
            let item = tokio::select! {
                item = self.events.message() => Some(item),
                _ = self.status_due.tick() => None,
                () = closed(&mut self.closing) => return Message::Stopped,
            };
            match item {
                None => return self.status().await,
                Some(Ok(Some(response))) => {
                    if let Some(message) = self.taken(response) {
                        return message;
                    }
                }
                Some(Ok(None)) => return Message::Failed(ended()),
                Some(Err(status)) => return Message::Failed(Failure::from(status)),
            }
        }
    }

    fn taken(&mut self, response: WatchEventsResponse) -> Option<Message> {
        match response.item? {
            Item::Event(event) => {
                if matches!(event.kind, Some(Kind::Link(_))) {
                    self.status_due.reset_immediately();
                }
                Some(Message::Event(shown::event(&event)))
            }
            Item::Gap(gap) => Some(Message::Gap(shown::plain(&gap))),
            Item::Heartbeat(beat) => Some(Message::Head(beat.head)),
            Item::Presence(_) | Item::Typing(_) => None,
        }
    }

    async fn status(&mut self) -> Message {
        let call = self.agent.status(StatusRequest {});
        match client::answer(&self.address, call).await {
            Ok(status) => Message::Status(shown::plain(&status)),
            Err(failure) => Message::Failed(failure),
        }
    }
}

impl Message {
    /// As the standard writes it: the name of the message, and one line of data.
    fn written(self) -> Bytes {
        let (name, data) = match self {
            Self::Event(event) => ("happened", event),
            Self::Gap(gap) => ("gap", gap),
            Self::Head(head) => ("head", json!({"head": head})),
            Self::Status(status) => ("status", status),
            Self::Failed(failure) => ("failed", shown::plain(&failure.json())),
            Self::Stopped => ("stopped", json!({})),
        };
        // JSON has no line break outside of strings, and in strings it is escaped.
        Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
    }
}

/// Waits for the end of the site.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // Fails only if the site is gone.
    let _ = closing.wait_for(|closing| *closing).await.map(drop);
}

fn ended() -> Failure {
    Failure::unreachable("the agent ended the stream of events").with_reason("STREAM_ENDED")
}
