//! Opens what is sealed for a phone or a peer.

use std::sync::Arc;

use wacore_binary::Jid;
use waproto::whatsapp as wa;

use crate::number::DeviceId;
use crate::phones::bootstrap;
use crate::rules::messages::transit::{Part, Transit, enter, sealed};
use crate::signal::address;
use crate::signal::party::{Enc, EncKind, Party};
use crate::state::inbox::Received;
use crate::state::shared::Shared;
use crate::state::verdict::Entry;
use crate::sync::{lock, ready};
use crate::wire::content::{destination, is_only_distribution};

/// Opens what is sealed for a phone or a peer. False: it broke a rule.
pub(super) fn open_direct(shared: &Shared, transit: &Transit<'_>, part: &Part<'_>) -> bool {
    let Some(sealed) = sealed(shared, transit, part.enc) else {
        return false;
    };
    match enter(shared, transit, &part.device, part.enc) {
        Entry::New => {}
        Entry::Again => return true,
        Entry::Broken => return false,
    }
    let party = Arc::clone(&lock(&shared.state).user(&part.device.0).party);
    let mut party = lock(&party);
    let Some(message) = decrypt(shared, transit, &part.device, &mut party, &sealed) else {
        return false;
    };
    take_distribution(shared, transit, &mut party, &message);
    serve_companion(shared, transit, &mut party, &message);
    drop(party);
    let chat = if part.device.0 == transit.from.0 {
        destination(&message).unwrap_or_else(|| transit.to.clone())
    } else if transit.to.is_lid() {
        transit.from.0.lid()
    } else {
        transit.from.0.pn()
    };
    let content = message
        .device_sent_message
        .as_option()
        .map(|copy| &*copy.message);
    take_in(
        shared,
        transit,
        part,
        &chat,
        sealed.kind,
        content.unwrap_or(&message),
    );
    true
}

pub(super) fn take_in(
    shared: &Shared,
    transit: &Transit<'_>,
    part: &Part<'_>,
    chat: &Jid,
    kind: EncKind,
    message: &wa::Message,
) {
    if message.protocol_message.is_set() || is_only_distribution(message) {
        return;
    }
    let received = Received::opened(&transit.id, transit.from, chat, kind, message);
    lock(&shared.state).user(&part.device.0).receive(received);
}

fn decrypt(
    shared: &Shared,
    transit: &Transit<'_>,
    to: &DeviceId,
    party: &mut Party,
    sealed: &Enc,
) -> Option<wa::Message> {
    const RULE: &str = "a message opens, with a valid MAC";
    let opened = ready(party.decrypt(&address(transit.from), sealed));
    let outcome = opened.as_ref().map(|_| ()).map_err(|error| {
        let (kind, to) = (sealed.kind.as_str(), to.0.lid_device(to.1));
        format!("{error}, {kind} {} to {to}", transit.id)
    });
    lock(&shared.verdicts).check(&transit.who, RULE, outcome);
    opened.ok()
}

fn take_distribution(
    shared: &Shared,
    transit: &Transit<'_>,
    party: &mut Party,
    message: &wa::Message,
) {
    const RULE: &str = "a sender key distribution is well formed";
    let Some(distribution) = message.sender_key_distribution_message.as_option() else {
        return;
    };
    let group = distribution.group_id.clone().unwrap_or_default();
    let key = distribution
        .axolotl_sender_key_distribution_message
        .as_deref()
        .unwrap_or_default();
    let taken = ready(party.process_distribution(&group, &address(transit.from), key));
    lock(&shared.verdicts).check(&transit.who, RULE, taken);
}

/// What a companion asks of its own phone.
fn serve_companion(
    shared: &Shared,
    transit: &Transit<'_>,
    party: &mut Party,
    message: &wa::Message,
) {
    let asks_for_keys = message
        .protocol_message
        .as_option()
        .is_some_and(|message| message.app_state_sync_key_request.is_set());
    if asks_for_keys {
        bootstrap::share_keys(shared, party, transit.from);
    }
}
