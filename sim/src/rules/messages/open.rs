//! Decrypts messages for phones and peers.

use wacore_binary::{Jid, JidExt as _, Server};
use waproto::whatsapp as wa;

use crate::number::DeviceId;
use crate::phones::send::know_each_other;
use crate::phones::{bootstrap, media, peer_data};
use crate::rules::messages::transit::{Part, Transit, enter, sealed};
use crate::rules::messages::unopened;
use crate::signal::address;
use crate::signal::party::{self, Enc, EncKind, Party};
use crate::state::inbox::Received;
use crate::state::shared::Shared;
use crate::state::verdict::Entry;
use crate::sync::{lock, ready};
use crate::wire::content::{destination, is_between_devices, is_only_distribution};
use crate::wire::stanza;

/// Decrypts a message for a device that the simulator runs. False: it broke a rule.
pub(super) fn open_direct(shared: &Shared, transit: &Transit<'_>, part: &Part<'_>) -> bool {
    let Some(sealed) = sealed(shared, transit, part.enc) else {
        return false;
    };
    match enter(shared, transit, &part.device, part.enc) {
        Entry::New => {}
        Entry::Again if unopened::is_awaited(shared, transit, &part.device) => return true,
        Entry::Again => {
            unopened::opened(shared, transit, &part.device);
            return true;
        }
        Entry::Broken => return false,
    }
    let Some(party) = lock(&shared.state).party(&part.device) else {
        return true;
    };
    let mut party = lock(&party);
    // The part with the sender key is only a key: the group's ciphertext decides whether the message can be decrypted.
    let whole = !transit.carries_skmsg();
    if whole && unopened::by_test(shared, transit, &part.device, &mut party) {
        return true;
    }
    let opened = ready(party.decrypt(&address(transit.from), &sealed));
    if opened.is_err() && unopened::is_excused(shared, transit, &part.device, &party) {
        if whole {
            unopened::ask_again(shared, transit, &part.device, &mut party);
        }
        return true;
    }
    let Some(message) = check_decryption(shared, transit, &part.device, &sealed, opened) else {
        return false;
    };
    take_distribution(shared, transit, &mut party, &message);
    let copy = message.device_sent_message.as_option();
    let content = copy.map_or(&message, |copy| &*copy.message);
    serve_companion(shared, transit, part, &mut party, content);
    drop(party);
    if whole {
        unopened::opened(shared, transit, &part.device);
    }
    let chat = chat(transit, &part.device, &message);
    take_in(shared, transit, part, &chat, sealed.kind, content);
    true
}

/// The chat in which a device shows a message.
fn chat(transit: &Transit<'_>, device: &DeviceId, message: &wa::Message) -> Jid {
    if transit.to.is_group() || transit.to.server == Server::Broadcast {
        transit.to.clone()
    } else if device.0 == transit.from.0 {
        let recipient = destination(message).or_else(|| transit.recipient());
        recipient.unwrap_or_else(|| transit.to.clone())
    } else if transit.to.is_lid() {
        transit.from.0.lid()
    } else {
        transit.from.0.pn()
    }
}

pub(super) fn take_in(
    shared: &Shared,
    transit: &Transit<'_>,
    part: &Part<'_>,
    chat: &Jid,
    kind: EncKind,
    message: &wa::Message,
) {
    if is_between_devices(message) || is_only_distribution(message) {
        return;
    }
    let mut received = Received::opened(&transit.id, transit.from, chat, kind, message);
    let (number, device) = &part.device;
    received.media = check_media(shared, transit, &part.device, message);
    let mut state = lock(&shared.state);
    if *number != transit.from.0 {
        know_each_other(&mut state, number, &transit.from.0);
    }
    state.user(number).receive(*device, received);
}

/// Checks the rule about a message's file by downloading and decrypting it. Once per recipient.
fn check_media(
    shared: &Shared,
    transit: &Transit<'_>,
    to: &DeviceId,
    message: &wa::Message,
) -> Option<Result<(), String>> {
    const RULE: &str = "a message's file is on the host, decrypts, and matches the message";
    let key = (transit.from.0.to_string(), transit.id.clone());
    if lock(&shared.state).user(&to.0).received_keys.contains(&key) {
        return None;
    }
    let opened = media::fetch(shared, message)?;
    lock(&shared.verdicts).check(&transit.who, RULE, opened.clone());
    Some(opened)
}

/// Checks the rule about decryption.
fn check_decryption(
    shared: &Shared,
    transit: &Transit<'_>,
    to: &DeviceId,
    sealed: &Enc,
    opened: Result<wa::Message, party::Error>,
) -> Option<wa::Message> {
    const RULE: &str = "a message decrypts, with a valid MAC";
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

/// Handles a request of a companion to its own phone.
fn serve_companion(
    shared: &Shared,
    transit: &Transit<'_>,
    part: &Part<'_>,
    party: &mut Party,
    message: &wa::Message,
) {
    const RULE: &str = "a request to the own phone is a peer message";
    let Some(protocol) = message.protocol_message.as_option() else {
        return;
    };
    let operation = protocol.peer_data_operation_request_message.as_option();
    if operation.is_none() && !protocol.app_state_sync_key_request.is_set() {
        return;
    }
    let own = part.device == (transit.from.0.clone(), 0);
    let peer = stanza::is(transit.node, "category", "peer");
    let detail = format!("{}, category peer: {peer}", transit.to);
    if !lock(&shared.verdicts).require(&transit.who, RULE, own && peer, &detail) {
        return;
    }
    match operation {
        Some(request) => peer_data::answer(shared, party, transit.from, &transit.id, request),
        None => bootstrap::share_keys(shared, party, transit.from),
    }
}
