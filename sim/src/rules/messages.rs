//! Messages from companions: forwarded unchanged to other companions, decrypted for phones and peers.

mod forward;
mod group;
mod nack;
mod open;
mod phash;
mod transit;
mod unopened;

use std::cell::RefCell;
use std::sync::Arc;

use wacore_binary::{JidExt as _, Node};

use crate::delivery::acks::ack;
use crate::number::DeviceId;
use crate::phones::receipts;
use crate::rules::channels;
use crate::rules::limits;
use crate::rules::tokens;
use crate::state::limits::Limited;
use crate::state::link::Link;
use crate::state::shared::Shared;
use crate::state::verdict::{self, Entry};
use crate::sync::lock;
use crate::wire::stanza;
use forward::forward;
use open::open_direct;
use transit::{Transit, enter, has_valid_identity, parts};

/// Routes a companion's message and acks it.
pub(crate) fn route(shared: &Shared, link: &Arc<Link>, from: &DeviceId, node: &Node) {
    let who = verdict::name_of(from);
    let (Some(id), Some(to)) = (stanza::text(node, "id"), stanza::jid(node, "to")) else {
        let rule = "a message has id and to";
        lock(&shared.verdicts).require(&who, rule, false, "missing attribute");
        return;
    };
    let transit = Transit {
        from,
        who,
        id: id.into_owned(),
        to,
        node,
        opened_at: RefCell::default(),
    };
    // Messages between an account's own devices do not count.
    let counted = !node.attrs.contains_key("category");
    let over = counted && limits::refuses(shared, link, from, Limited::Messages);
    let refused = over.then_some(limits::TOO_MANY);
    let refused = refused.or_else(|| nack::by_fault(shared, &transit));
    let refused = refused.or_else(|| nack::check_form(shared, &transit));
    let allowed = refused.is_some() || tokens::allow(shared, from, &transit.who, node);
    let refused = refused.or_else(|| (!allowed).then_some(tokens::RESTRICTED));
    let handed_over = match refused {
        Some(code) => Err(code),
        None => hand_over(shared, &transit),
    };
    let kept = handed_over.is_ok();
    let answer = ack(node, "message");
    let answer = match handed_over {
        Ok(None) => answer,
        Ok(Some(server_id)) => answer.attr("server_id", server_id),
        Err(code) => answer.attr("error", code),
    };
    let answer = match phash::due(shared, &transit).filter(|_| kept) {
        None => answer,
        Some(phash) => answer.attr("phash", phash),
    };
    // The ack comes first: everything that the message causes follows it.
    lock(&shared.state).send_unqueued(link, Some(&from.0), &answer.build());
    if kept {
        tokens::passed(shared, from, node);
        // Messages between an account's own devices cause no delivery receipts.
        if !node.attrs.contains_key("category") {
            let opened_at = transit.opened_at.borrow();
            receipts::answer(shared, from, &transit.to, &transit.id, &opened_at);
        }
    }
    shared.announce();
}

/// Delivers a message that is allowed. A post in a channel gets an id from the server; an error is the code for the ack.
fn hand_over(shared: &Shared, transit: &Transit<'_>) -> Result<Option<u64>, u16> {
    let Transit { from, to, node, .. } = transit;
    if to.is_newsletter() {
        let server_id = channels::receive(shared, from, to, node);
        return server_id.map(Some).ok_or(nack::BAD_REQUEST);
    }
    let kept = if to.is_group() {
        group::route(shared, transit)
    } else {
        route_direct(shared, transit)
    };
    kept.then_some(None).ok_or(nack::INVALID)
}

fn route_direct(shared: &Shared, transit: &Transit<'_>) -> bool {
    let mut kept = has_valid_identity(shared, transit);
    for part in parts(shared, transit) {
        let played = lock(&shared.state).plays(&part.device);
        kept &= if played {
            open_direct(shared, transit, &part)
        } else {
            let entry = enter(shared, transit, &part.device, part.enc);
            forward(shared, transit, &part.device, vec![part.enc.clone()]);
            entry != Entry::Broken
        };
    }
    kept
}

#[cfg(test)]
mod tests;
