//! Events and the identity of the agent that recorded them.

use openclaw_proto::{convert, v1 as pb};
use openclaw_state::clock;
use openclaw_types::{AgentName, Contact, Event, Link};

/// The agent's identity: its name and the id of its store.
pub(in crate::edge::grpc) fn identity(
    name: &AgentName,
    store: Option<[u8; 16]>,
) -> pb::AgentIdentity {
    pb::AgentIdentity {
        name: name.as_str().to_owned(),
        store_id: store.map(Vec::from).unwrap_or_default(),
    }
}

pub(in crate::edge::grpc) fn event(
    event: Event,
    chat_with: Option<Contact>,
    agent: pb::AgentIdentity,
) -> pb::Event {
    let hint = |link: &Link| link.hint(clock::now(), clock::utc);
    convert::event(event, agent, chat_with, hint)
}
