//! Calls, as a companion sees them: the stanzas that report a call on the phone. There is no audio.
//!
//! The stanzas have the forms that `wacore::stanza::call` parses. Each is queued for an offline companion, and has to
//! be acked with class `call`; for an offer, a receipt with its call id also counts.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};
use waproto::whatsapp as wa;

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::{DeviceId, Number};
use crate::phones::{seal, send};
use crate::state::call::CallSign;
use crate::state::error::Error;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::address::By;

/// What happens to a call. Several kinds have the same tag on the wire, with different reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// A new call.
    Offer,
    /// Notifies the members of a group of an ongoing call.
    OfferNotice,
    /// A device of the callee rings.
    Preaccept,
    /// Answered.
    Accept,
    /// Declined.
    Reject,
    /// One device is busy; the others continue to ring.
    Busy,
    /// Candidates for a connection.
    Transport,
    /// The latency of the relays.
    Relaylatency,
    /// The call has ended.
    Terminate,
    /// The caller gave up.
    Timeout,
    /// Answered on another device.
    AcceptedElsewhere,
    /// Declined on another device.
    RejectedElsewhere,
    /// Everyone has left a group's call.
    GroupCallEnded,
    /// A kind that no client knows; it must be acked like any other.
    Unknown,
}

impl CallKind {
    /// The tag on the wire, and its `reason`.
    const fn on_the_wire(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Offer => ("offer", None),
            Self::OfferNotice => ("offer_notice", None),
            Self::Preaccept => ("preaccept", None),
            Self::Accept => ("accept", None),
            Self::Reject => ("reject", None),
            Self::Busy => ("reject", Some("busy")),
            Self::Transport => ("transport", None),
            Self::Relaylatency => ("relaylatency", None),
            Self::Terminate => ("terminate", None),
            Self::Timeout => ("terminate", Some("timeout")),
            Self::AcceptedElsewhere => ("terminate", Some("accepted_elsewhere")),
            Self::RejectedElsewhere => ("terminate", Some("rejected_elsewhere")),
            Self::GroupCallEnded => ("terminate", Some("group_call_ended")),
            Self::Unknown => ("tomorrow", None),
        }
    }
}

/// One call stanza.
#[derive(Debug, Clone)]
pub struct Call {
    /// The kind of event.
    pub kind: CallKind,
    /// The call id, as returned for the offer; without it, a new call starts.
    pub call: Option<String>,
    /// A video call.
    pub video: bool,
    /// The group whose members are called.
    pub group: Option<Jid>,
    /// The duration in seconds. Only for the end of a call.
    pub duration: Option<u32>,
    /// Marks the stanza as one from the offline queue, also for a companion that is connected.
    pub offline: bool,
    /// How the caller is addressed.
    pub by: By,
}

impl Call {
    /// A one-to-one audio call.
    pub fn of(kind: CallKind) -> Self {
        Self {
            kind,
            call: None,
            video: false,
            group: None,
            duration: None,
            offline: false,
            by: By::Lid,
        }
    }
}

/// Sends a call stanza from a device to the companions of an account. Returns the ids of the stanza and of the call.
pub(crate) fn sign(
    shared: &Shared,
    from: &DeviceId,
    to: &Number,
    call: &Call,
) -> Result<(String, String), Error> {
    let (party, sender) = send::sender(shared, from)?;
    let (id, tag) = (crate::id::stanza(), call.kind.on_the_wire().0);
    let call_id = call.call.clone().unwrap_or_else(crate::id::message);
    let targets = begin(shared, from, to, &id, &call_id, tag)?;
    let mut party = lock(&party);
    for target in &targets {
        let action = action(from, &call_id, call);
        let action = match call.kind {
            CallKind::Offer => {
                let sealed = seal::seal(shared, &mut party, target, &call_key())?;
                let mut children = offer_children(call.video);
                children.push(seal::enc(&sealed, None));
                action.children(children)
            }
            _ => action,
        };
        let node = wrapped(from, &sender.name, &id, call, action.build());
        let item = Item {
            class: Class::Call,
            id: id.clone(),
            origin: from.0.digits().to_owned(),
            node,
        };
        deliver(&mut lock(&shared.state), target, item);
    }
    drop(party);
    shared.announce();
    Ok((id, call_id))
}

/// Records the stanza. Returns the companions that receive it.
fn begin(
    shared: &Shared,
    from: &DeviceId,
    to: &Number,
    id: &str,
    call: &str,
    kind: &str,
) -> Result<Vec<DeviceId>, Error> {
    let mut state = lock(&shared.state);
    if state.unknown.contains(to) {
        return Err(Error::NotOnWhatsApp(to.to_string()));
    }
    send::know_each_other(&mut state, &from.0, to);
    state.calls.push(CallSign {
        call: call.to_owned(),
        id: id.to_owned(),
        kind: kind.to_owned(),
        from: from.0.to_string(),
        device: from.1,
        to: to.to_string(),
    });
    Ok(state.companions_of(to))
}

fn address(from: &DeviceId, by: By) -> Jid {
    match by.is_lid() {
        true => from.0.lid_device(from.1),
        false => from.0.pn_device(from.1),
    }
}

fn wrapped(from: &DeviceId, name: &str, id: &str, call: &Call, action: Node) -> Node {
    let node = NodeBuilder::new("call")
        .attr("from", address(from, call.by))
        .attr("id", id)
        .attr("t", unix_now())
        .attr("notify", name)
        .attr("platform", "android")
        .attr("version", "2.26.40.71");
    let node = match call.offline {
        true => node.attr("offline", "1"),
        false => node,
    };
    node.children([action]).build()
}

fn action(from: &DeviceId, call_id: &str, call: &Call) -> NodeBuilder {
    let (tag, reason) = call.kind.on_the_wire();
    let mut node = NodeBuilder::new(tag)
        .attr("call-id", call_id)
        .attr("call-creator", address(from, call.by));
    if let Some(reason) = reason {
        node = node.attr("reason", reason);
    }
    match call.kind {
        CallKind::Offer => {
            if call.by.is_lid() && call.by.has_both() {
                node = node.attr("caller_pn", from.0.pn());
            }
            node = node.attr("device_class", "2016");
            if let Some(group) = &call.group {
                node = node.attr("group-jid", group).attr("joinable", "1");
            }
        }
        CallKind::OfferNotice => {
            node = node.attr("media", if call.video { "video" } else { "audio" });
            if call.group.is_some() {
                node = node.attr("type", "group");
            }
        }
        CallKind::Preaccept | CallKind::Accept => node = node.children([audio("16000")]),
        CallKind::Reject | CallKind::Busy => node = node.attr("count", "0"),
        CallKind::Transport => {
            node = node
                .attr("transport-message-type", "1")
                .attr("p2p-cand-round", "1");
        }
        _ => {}
    }
    match call.duration {
        Some(seconds) if tag == "terminate" => node
            .attr("duration", seconds)
            .attr("audio_duration", seconds),
        _ => node,
    }
}

fn audio(rate: &'static str) -> Node {
    NodeBuilder::new("audio")
        .attr("enc", "opus")
        .attr("rate", rate)
        .build()
}

/// The children of an offer in the server's order; the encrypted key follows.
fn offer_children(video: bool) -> Vec<Node> {
    let mut children = vec![audio("8000"), audio("16000")];
    if video {
        let video = NodeBuilder::new("video").attr("dec", "vp8");
        children.push(video.attr("orientation", "0").build());
    }
    children.push(NodeBuilder::new("net").attr("medium", "3").build());
    let capability = NodeBuilder::new("capability").attr("ver", "1");
    children.push(
        capability
            .bytes(wacore::stanza::call::CAPABILITY_OFFER.to_vec())
            .build(),
    );
    children.push(NodeBuilder::new("encopt").attr("keygen", "2").build());
    children
}

/// The call's key, as a message. Nothing is encrypted with it here.
fn call_key() -> wa::Message {
    let call = wa::message::Call {
        call_key: Some(vec![7; 32]),
        ..Default::default()
    };
    wa::Message {
        call: call.into(),
        ..Default::default()
    }
}
