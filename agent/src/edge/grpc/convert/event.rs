//! Events and the identity of the agent that recorded them.

use openclaw_proto::{convert, v1 as pb};
use openclaw_state::clock;
use openclaw_types::{AgentName, Contact, Event, Link};
use openclaw_whatsapp::session::DEVICE_NAME;

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
    let mut event = convert::event(event, agent, chat_with, hint);
    if let Some(pb::event::Kind::Link(link)) = &mut event.kind {
        with_device(link);
    }
    event
}

/// The name of the linked device is that of this program.
pub(super) fn with_device(link: &mut pb::LinkStatus) {
    if !link.phone.is_empty() {
        DEVICE_NAME.clone_into(&mut link.device);
    }
}
