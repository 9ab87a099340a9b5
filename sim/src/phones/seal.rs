//! Encrypts a message of a phone or a peer for one companion.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use waproto::whatsapp as wa;

use crate::delivery::deliver;
use crate::delivery::prekeys::take_bundle;
use crate::number::DeviceId;
use crate::signal::address;
use crate::signal::party::{Enc, Party};
use crate::state::error::Error;
use crate::state::sent::Envelope;
use crate::state::shared::Shared;
use crate::sync::{lock, ready};

/// Encrypts for one companion, and delivers.
pub(crate) fn send(
    shared: &Shared,
    sender: &mut Party,
    target: &DeviceId,
    envelope: &Envelope,
    message: &wa::Message,
) -> Result<(), Error> {
    let sealed = seal(shared, sender, target, message)?;
    let item = envelope.item(target, vec![enc(&sealed, None)]);
    deliver(&mut lock(&shared.state), target, item);
    Ok(())
}

/// Encrypts for one companion; if there is no session, with one of its prekeys.
pub(crate) fn seal(
    shared: &Shared,
    sender: &mut Party,
    target: &DeviceId,
    message: &wa::Message,
) -> Result<Enc, Error> {
    let address = address(target);
    let bundle = if sender.has_session(&address) {
        None
    } else {
        take_bundle(&mut lock(&shared.state), target)
    };
    Ok(ready(sender.encrypt(&address, bundle.as_ref(), message))?)
}

/// `<enc>`, with a `count` for a retry.
pub(crate) fn enc(sealed: &Enc, count: Option<u32>) -> Node {
    let node = NodeBuilder::new("enc")
        .attr("v", "2")
        .attr("type", sealed.kind.as_str());
    let node = match count {
        Some(count) => node.attr("count", count),
        None => node,
    };
    node.bytes(sealed.bytes.clone()).build()
}
