//! An item of an agent's stream, as a sink stores it.

use bytes::Bytes;
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::watch_events_response::Item;
use serde::{Deserialize, Serialize};

use crate::ledger::Mark;

/// The kind of a gap. No event has this kind.
pub const GAP: &str = "gap";
/// The kind of an event that this version of the agent or of the relay does not know.
const UNKNOWN: &str = "unknown";

/// An event, or a gap in the events.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its id. The seq of a gap is that of the last missing event.
    pub mark: Mark,
    /// The name of its kind, as in filters.
    pub kind: String,
    /// When the agent recorded it, in RFC 3339; absent for a gap.
    pub recorded_at: Option<String>,
    /// Its JSON.
    pub payload: Bytes,
    /// If it is a message with a file that can be downloaded: the size that its sender declares, in bytes.
    pub file: Option<u64>,
    /// Its JSON without what happened, for a sink that cannot store the whole.
    pub envelope: Bytes,
}

/// The kind, from an event's JSON: a table of kinds here would have to be kept in step.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Option<&'a str>,
}

impl Record {
    /// The record of an item; `None` if it is transient. `store` is the id of the agent's store.
    #[must_use]
    pub fn of(item: Item, store: &[u8]) -> Option<Self> {
        match item {
            Item::Event(event) => Some(Self::of_event(event, store)),
            Item::Gap(gap) => Some(Self::of_gap(gap, store)),
            // Not kept by the agent either.
            Item::Heartbeat(_) | Item::Presence(_) | Item::Typing(_) => None,
        }
    }

    /// What it is, as in CloudEvents 1.0 in the binary mode: the names and values of headers.
    #[must_use]
    pub fn cloud_event(&self, agent: &str) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("ce-specversion", "1.0".to_owned()),
            ("ce-id", self.mark.to_string()),
            ("ce-source", format!("/openclaw/agents/{agent}")),
            ("ce-type", format!("openclaw.v1.{}", self.kind)),
        ];
        headers.extend(self.recorded_at.clone().map(|at| ("ce-time", at)));
        headers
    }

    fn of_event(mut event: pb::Event, store: &[u8]) -> Self {
        let payload = json(&event);
        let file = file(&event);
        let kind: Option<Kind<'_>> = serde_json::from_slice(&payload).ok();
        let kind = kind
            .and_then(|kind| kind.kind)
            .unwrap_or(UNKNOWN)
            .to_owned();
        event.kind = None;
        event.chat_with = None;
        Self {
            mark: Mark::new(store, event.seq),
            kind,
            recorded_at: event.recorded_at.map(|at| at.to_string()),
            envelope: json(&event),
            file,
            payload,
        }
    }

    fn of_gap(gap: pb::Gap, store: &[u8]) -> Self {
        let payload = json(&gap);
        Self {
            mark: Mark::new(store, gap.last),
            kind: GAP.to_owned(),
            recorded_at: None,
            envelope: payload.clone(),
            file: None,
            payload,
        }
    }
}

fn file(event: &pb::Event) -> Option<u64> {
    let Some(pb::event::Kind::Message(message)) = &event.kind else {
        return None;
    };
    match &message.content.as_ref()?.kind {
        Some(pb::content::Kind::Media(media)) if media.downloadable => Some(media.size_bytes),
        _ => None,
    }
}

fn json(message: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(message).expect("writing to memory does not fail"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Option<pb::event::Kind>) -> pb::Event {
        pb::Event {
            seq: 9,
            kind,
            ..Default::default()
        }
    }

    #[test]
    fn an_event_keeps_its_kind_and_its_json() {
        let receipt = pb::event::Kind::Receipt(pb::Receipt::default());
        let record = Record::of(Item::Event(event(Some(receipt))), &[0xab]).unwrap();
        assert_eq!(
            (record.kind.as_str(), record.mark.to_string().as_str()),
            ("receipt", "ab-9")
        );
        let read: pb::Event = serde_json::from_slice(&record.payload).unwrap();
        assert!(matches!(read.kind, Some(pb::event::Kind::Receipt(_))));
        let bare: pb::Event = serde_json::from_slice(&record.envelope).unwrap();
        assert_eq!((bare.seq, bare.kind.is_none()), (9, true));
    }

    #[test]
    fn an_event_of_a_later_version_is_of_an_unknown_kind() {
        let record = Record::of(Item::Event(event(None)), &[0xab]).unwrap();
        assert_eq!(record.kind, "unknown");
    }

    #[test]
    fn a_gap_stands_for_its_last_event() {
        let gap = pb::Gap {
            first: 3,
            last: 8,
            damaged: false,
        };
        let record = Record::of(Item::Gap(gap), &[0xab]).unwrap();
        assert_eq!((record.kind.as_str(), record.mark.seq), (GAP, 8));
    }

    #[test]
    fn transient_items_are_not_stored() {
        let heartbeat = Item::Heartbeat(pb::Heartbeat { head: 3 });
        assert!(Record::of(heartbeat, &[0xab]).is_none());
        assert!(Record::of(Item::Typing(pb::Typing::default()), &[0xab]).is_none());
    }
}
