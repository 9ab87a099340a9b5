//! How much and how fast: the events of the last hours, counted in 60 buckets.
//!
//! The journal has no event when a message is accepted, so the time from a send to the ack of WhatsApp's server is known for
//! the sends of this console only.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{Event, EventFilter, EventKind, SendState};
use prost_types::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::shown;
use crate::address::Address;
use crate::clock::millis_between;
use crate::failure::Failure;
use crate::journal;

const BUCKETS: usize = 60;
/// The ranges that the page offers, in minutes.
const RANGES: [u64; 3] = [60, 360, 1440];
const PAGE_SIZE: u32 = 500;
/// So many pages are read: 10,000 events.
const MAX_PAGES: usize = 20;
/// The sends whose duration is kept.
const MAX_OWN_SENDS: usize = 500;

const KINDS: [EventKind; 6] = [
    EventKind::Message,
    EventKind::Edit,
    EventKind::Deletion,
    EventKind::Reaction,
    EventKind::Undecryptable,
    EventKind::Outcome,
];

/// The latest sends of this console that WhatsApp's server has acknowledged.
#[derive(Default, Clone)]
pub(super) struct OwnSends(VecDeque<(Timestamp, i64)>);

impl OwnSends {
    /// One that was acknowledged now, after so long.
    pub(super) fn add(&mut self, now: Timestamp, took: Duration) {
        let millis = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        self.0.push_back((now, millis));
        if self.0.len() > MAX_OWN_SENDS {
            self.0.pop_front();
        }
    }
}

/// The buckets, oldest first.
#[derive(Serialize)]
struct Traffic {
    /// The length of a bucket.
    seconds: u64,
    buckets: Vec<Bucket>,
    /// True if older events in the range were not read.
    incomplete: bool,
}

/// Numbers of events, and times in milliseconds, `null` without any.
#[derive(Serialize, Debug, PartialEq, Eq, Clone)]
struct Bucket {
    /// Its begin.
    at: String,
    received: u32,
    sent: u32,
    /// From a send of this console to the ack of WhatsApp's server.
    ack_ms: Option<i64>,
    /// From that ack to the first receipt of a recipient's device.
    delivery_ms: Option<i64>,
    /// From WhatsApp's time of a message, which has whole seconds, to its event.
    receive_ms: Option<i64>,
}

/// Reads and counts.
pub(super) async fn count(
    address: &Address,
    minutes: u64,
    own: &OwnSends,
    now: Timestamp,
) -> Result<Value, Failure> {
    let minutes = if RANGES.contains(&minutes) {
        minutes
    } else {
        RANGES[0]
    };
    let mut counter = Counter::new(minutes, now);
    let incomplete = !read_into(&mut counter, address).await?;
    for (at, millis) in &own.0 {
        if let Some(bucket) = counter.at(*at) {
            bucket.ack.push(*millis);
        }
    }
    Ok(shown::plain(&Traffic {
        seconds: minutes,
        buckets: counter.buckets(),
        incomplete,
    }))
}

/// Returns true if everything in the range was read.
async fn read_into(counter: &mut Counter, address: &Address) -> Result<bool, Failure> {
    let filter = EventFilter {
        kinds: KINDS.iter().map(|kind| i32::from(*kind)).collect(),
        ..EventFilter::of_all_chats()
    };
    let mut page_token = String::new();
    for _ in 0..MAX_PAGES {
        let page = journal::page(address, filter.clone(), PAGE_SIZE, page_token).await?;
        for event in &page.events {
            if !counter.take(event) {
                return Ok(true);
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(true);
        }
        page_token = page.next_page_token;
    }
    Ok(false)
}

/// Counts events, which come newest first.
struct Counter {
    /// The begin of the first bucket, in seconds since 1970.
    from: i64,
    /// The length of a bucket.
    seconds: i64,
    counts: Vec<Count>,
    /// What is known of a message that was sent, by its id.
    sends: HashMap<String, Send>,
}

#[derive(Default, Clone)]
struct Count {
    received: u32,
    sent: u32,
    ack: Vec<i64>,
    delivery: Vec<i64>,
    receive: Vec<i64>,
}

struct Send {
    /// The oldest outcome so far.
    at: Timestamp,
    state: SendState,
    /// The oldest one that is more than the server's ack.
    delivered_at: Option<Timestamp>,
}

impl Counter {
    /// For buckets of as many seconds as the range has minutes, the last one with `now` in it.
    fn new(minutes: u64, now: Timestamp) -> Self {
        let seconds = i64::try_from(minutes).unwrap_or(60);
        let count = i64::try_from(BUCKETS).unwrap_or(60);
        let last = now.seconds.div_euclid(seconds) * seconds;
        Self {
            from: last - (count - 1) * seconds,
            seconds,
            counts: vec![Count::default(); BUCKETS],
            sends: HashMap::new(),
        }
    }

    fn at(&mut self, at: Timestamp) -> Option<&mut Count> {
        let index = (at.seconds - self.from).div_euclid(self.seconds);
        self.counts.get_mut(usize::try_from(index).ok()?)
    }

    /// Returns false if the event is older than the range.
    fn take(&mut self, event: &Event) -> bool {
        let Some(at) = event.recorded_at else {
            return true;
        };
        if at.seconds < self.from {
            return false;
        }
        match &event.kind {
            Some(Kind::Outcome(outcome)) => {
                self.outcome(&outcome.message_id, outcome.state(), at);
            }
            Some(kind) => {
                let Some(origin) = kind.origin() else {
                    return true;
                };
                let own = origin.from_me();
                let took = origin
                    .sent_at
                    .filter(|_| !own && origin.offline != Some(true));
                let Some(count) = self.at(at) else {
                    return true;
                };
                if own {
                    count.sent += 1;
                } else {
                    count.received += 1;
                }
                count
                    .receive
                    .extend(took.map(|sent_at| millis_between(sent_at, at).max(0)));
            }
            None => {}
        }
        true
    }

    fn outcome(&mut self, id: &str, state: SendState, at: Timestamp) {
        if !matches!(
            state,
            SendState::ServerAck | SendState::Delivered | SendState::Read
        ) {
            return;
        }
        let send = self.sends.entry(id.to_owned()).or_insert(Send {
            at,
            state,
            delivered_at: None,
        });
        (send.at, send.state) = (at, state);
        if state != SendState::ServerAck {
            send.delivered_at = Some(at);
        }
    }

    fn buckets(mut self) -> Vec<Bucket> {
        for send in std::mem::take(&mut self.sends).into_values() {
            let Some(count) = self.at(send.at) else {
                continue;
            };
            count.sent += 1;
            if let (SendState::ServerAck, Some(delivered)) = (send.state, send.delivered_at) {
                count
                    .delivery
                    .push(millis_between(send.at, delivered).max(0));
            }
        }
        let (from, seconds) = (self.from, self.seconds);
        let begins = (0..).map(|index: i64| from + index * seconds);
        begins
            .zip(self.counts)
            .map(|(begin, count)| count.bucket(begin))
            .collect()
    }
}

impl Count {
    fn bucket(self, begin: i64) -> Bucket {
        let at = Timestamp {
            seconds: begin,
            nanos: 0,
        };
        Bucket {
            at: at.to_string(),
            received: self.received,
            sent: self.sent,
            ack_ms: median(self.ack),
            delivery_ms: median(self.delivery),
            receive_ms: median(self.receive),
        }
    }
}

/// The middle one; of an even number, the larger of the two in the middle.
fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use openclaw_proto::v1::{Message, Origin, SendOutcome};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    fn message(seconds: i64, sent_at: i64, from_me: bool) -> Event {
        let origin = Some(Origin {
            sent_at: Some(at(sent_at)),
            from_me: Some(from_me),
            ..Origin::default()
        });
        Event {
            recorded_at: Some(at(seconds)),
            kind: Some(Kind::Message(Message {
                origin,
                ..Message::default()
            })),
            ..Event::default()
        }
    }

    fn outcome(seconds: i64, id: &str, state: SendState) -> Event {
        Event {
            recorded_at: Some(at(seconds)),
            kind: Some(Kind::Outcome(SendOutcome {
                message_id: id.to_owned(),
                state: state.into(),
                ..SendOutcome::default()
            })),
            ..Event::default()
        }
    }

    fn counted(events: &[Event]) -> Vec<Bucket> {
        let mut counter = Counter::new(60, at(6_000));
        for event in events {
            assert!(counter.take(event));
        }
        counter.buckets()
    }

    #[test]
    fn messages_are_counted_in_the_minute_of_their_event() {
        let buckets = counted(&[message(6_001, 5_999, false), message(5_990, 5_990, true)]);
        assert_eq!(buckets.len(), BUCKETS);
        let (last, before) = (&buckets[59], &buckets[58]);
        assert_eq!(last.at, "1970-01-01T01:40:00Z");
        assert_eq!(
            (last.received, last.sent, last.receive_ms),
            (1, 0, Some(2_000))
        );
        assert_eq!(
            (before.received, before.sent, before.receive_ms),
            (0, 1, None)
        );
    }

    #[test]
    fn a_message_is_sent_once_however_many_outcomes_it_has() {
        let buckets = counted(&[
            outcome(6_009, "a", SendState::Read),
            outcome(6_003, "a", SendState::Delivered),
            outcome(6_001, "b", SendState::Failed),
            outcome(6_000, "a", SendState::ServerAck),
            outcome(5_999, "c", SendState::Read),
        ]);
        assert_eq!(
            (buckets[59].sent, buckets[59].delivery_ms),
            (1, Some(3_000))
        );
        assert_eq!((buckets[58].sent, buckets[58].delivery_ms), (1, None));
    }

    #[test]
    fn an_event_before_the_range_ends_the_reading() {
        let mut counter = Counter::new(60, at(6_000));
        assert!(counter.take(&message(2_460, 2_460, false)));
        assert!(!counter.take(&message(2_459, 2_459, false)));
    }

    #[test]
    fn only_the_latest_sends_are_kept() {
        let mut own = OwnSends::default();
        for second in 0..1_000 {
            own.add(at(second), Duration::from_millis(7));
        }
        assert_eq!(own.0.len(), MAX_OWN_SENDS);
        assert_eq!(own.0.front(), Some(&(at(500), 7)));
    }
}
