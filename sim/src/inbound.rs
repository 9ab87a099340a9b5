//! Messages that companions send: routed to other companions as they are, opened for phones and peers.

mod group;

use std::sync::Arc;

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, JidExt as _, Node};
use waproto::whatsapp as wa;

use crate::adv;
use crate::clock::unix_now;
use crate::link::Link;
use crate::outbound::{address, addressed};
use crate::party::{Enc, EncKind, Party};
use crate::peer::{By, Received};
use crate::queue::{Class, Item};
use crate::receive::ack;
use crate::sim::Shared;
use crate::stanza;
use crate::state::DeviceId;
use crate::sync::{lock, ready};
use crate::verdict::Entry;

/// `<ack error>`: the stanza broke a rule. WhatsApp's own number for it.
const INVALID: u16 = 479;

/// One message on its way from a companion.
struct Transit<'a> {
    from: &'a DeviceId,
    who: String,
    id: String,
    to: Jid,
    node: &'a Node,
}

/// One `<to>` of a message, or the message itself when it goes to a single device.
struct Part<'a> {
    device: DeviceId,
    enc: &'a Node,
}

impl Shared {
    /// Routes a companion's message and acks it.
    pub(crate) fn route_message(&self, link: &Arc<Link>, from: &DeviceId, node: &Node) {
        let who = from.0.pn_device(from.1).to_string();
        let (Some(id), Some(to)) = (stanza::text(node, "id"), stanza::jid(node, "to")) else {
            let rule = "a message has id and to";
            lock(&self.verdicts).require(&who, rule, false, "missing attribute");
            return;
        };
        let transit = Transit {
            from,
            who,
            id: id.into_owned(),
            to,
            node,
        };
        let refused = self.nack(&transit);
        let refused = refused.or_else(|| (!self.route(&transit)).then_some(INVALID));
        let kept = refused.is_none();
        let answer = ack(node, "message");
        let answer = match refused {
            None => answer,
            Some(code) => answer.attr("error", code),
        };
        // The ack goes first: whatever the message leads to comes after it.
        lock(&self.state).tell(link, Some(&from.0), &answer.build());
        if kept {
            // Between an account's own devices nobody says that a message was delivered.
            if !node.attrs.contains_key("category") {
                self.answer_with_receipts(from, &transit.to, &transit.id);
            }
        }
        self.announce();
    }

    fn route(&self, transit: &Transit<'_>) -> bool {
        if transit.to.is_group() {
            self.route_to_group(transit)
        } else {
            self.route_direct(transit)
        }
    }

    /// The error that a fault wants for this message. What an account's own devices say to each other has none.
    fn nack(&self, transit: &Transit<'_>) -> Option<u16> {
        if transit.node.attrs.contains_key("category") {
            return None;
        }
        let mut state = lock(&self.state);
        let own = state.user(&transit.from.0).faults.nack();
        own.or_else(|| state.faults.nack())
    }

    fn route_direct(&self, transit: &Transit<'_>) -> bool {
        let mut kept = self.identity_is_sent_along(transit);
        for part in self.parts(transit) {
            kept &= if part.device.1 == 0 {
                self.open_direct(transit, &part)
            } else {
                let entry = self.enter(transit, &part.device, part.enc);
                self.forward(transit, &part.device, vec![part.enc.clone()]);
                entry != Entry::Broken
            };
        }
        kept
    }

    /// Every device that the message is sealed for.
    fn parts<'a>(&self, transit: &Transit<'a>) -> Vec<Part<'a>> {
        let state = lock(&self.state);
        let mut parts = Vec::new();
        let listed = transit
            .node
            .get_optional_child("participants")
            .map(stanza::children);
        for to in listed.unwrap_or_default() {
            let device = stanza::jid(to, "jid").and_then(|jid| state.resolve(&jid));
            if let (Some(device), Some(enc)) = (device, to.get_optional_child("enc")) {
                parts.push(Part { device, enc });
            }
        }
        let single = transit.node.get_optional_child("enc");
        let addressee =
            stanza::jid(transit.node, "participant").unwrap_or_else(|| transit.to.clone());
        let skmsg = single.is_some_and(|enc| stanza::is(enc, "type", "skmsg"));
        if let (Some(enc), Some(device), false) = (single, state.resolve(&addressee), skmsg) {
            parts.push(Part { device, enc });
        }
        parts
    }

    /// A pkmsg comes with the sender's signed identity, or nobody could know that the account vouches for it.
    fn identity_is_sent_along(&self, transit: &Transit<'_>) -> bool {
        const RULE: &str = "a pkmsg comes with a valid device-identity";
        if !contains_pkmsg(transit.node) {
            return true;
        }
        let (account, companion, key_index) = {
            let mut state = lock(&self.state);
            let account = state.user(&transit.from.0).identity;
            let Some(companion) = state.companion(transit.from) else {
                return false;
            };
            (account, companion.keys.identity, companion.key_index)
        };
        let verified = match stanza::child_bytes(transit.node, "device-identity") {
            Some(bytes) => adv::verify_device_sign(&account, &companion, &bytes, key_index),
            None => Err(adv::Error::Malformed("presence in the stanza")),
        };
        lock(&self.verdicts).check(&transit.who, RULE, verified)
    }

    /// Enters a ciphertext into the ledger of used message keys.
    fn enter(&self, transit: &Transit<'_>, to: &DeviceId, enc: &Node) -> Entry {
        let Some(sealed) = self.sealed(transit, enc) else {
            return Entry::Broken;
        };
        let scope = match sealed.kind {
            EncKind::Skmsg => format!("{} in {}", transit.who, transit.to),
            EncKind::Pkmsg | EncKind::Msg => {
                format!("{} to {}", transit.who, to.0.lid_device(to.1))
            }
        };
        lock(&self.verdicts).ledger(&transit.who, &scope, &sealed)
    }

    fn sealed(&self, transit: &Transit<'_>, enc: &Node) -> Option<Enc> {
        const RULE: &str = "an enc has a known type and content";
        let kind = stanza::text(enc, "type").unwrap_or_default();
        let kind: Result<EncKind, _> = kind.parse();
        let sealed = match (kind, stanza::bytes(enc)) {
            (Ok(kind), Some(bytes)) => Ok(Enc {
                kind,
                bytes: bytes.into_owned(),
            }),
            (Err(error), _) => Err(error.to_string()),
            (_, None) => Err("no content".to_owned()),
        };
        lock(&self.verdicts).check(&transit.who, RULE, sealed.as_ref().map(|_| ()));
        sealed.ok()
    }

    /// Passes ciphertexts on to another companion.
    fn forward(&self, transit: &Transit<'_>, to: &DeviceId, encs: Vec<Node>) {
        let mut state = lock(&self.state);
        let name = state.user(&transit.from.0).name.clone();
        let (number, device) = transit.from;
        let message = NodeBuilder::new("message")
            .attr("id", transit.id.as_str())
            .attr("t", unix_now())
            .attr("notify", name)
            .attr(
                "type",
                stanza::text(transit.node, "type")
                    .unwrap_or_default()
                    .as_ref(),
            );
        let mut origin = number.digits().to_owned();
        let message = if transit.to.is_group() {
            origin = format!("{}/{origin}", transit.to.user);
            message
                .attr("from", transit.to.clone())
                .attr("participant", number.lid_device(*device))
                .attr("participant_pn", number.pn_device(*device))
                .attr("addressing_mode", "lid")
        } else if let Some(category) = stanza::text(transit.node, "category") {
            message
                .attr("from", number.pn_device(*device))
                .attr("category", category.as_ref())
        } else {
            let by = if transit.to.is_lid() { By::Lid } else { By::Pn };
            let addressee = state.resolve(&transit.to);
            let addressee = addressee.map_or_else(|| number.clone(), |(addressee, _)| addressee);
            addressed(message, transit.from, &addressee, to, by)
        };
        let mut children = encs;
        children.extend(transit.node.get_optional_child("device-identity").cloned());
        let item = Item {
            class: Class::Message,
            id: transit.id.clone(),
            origin,
            node: message.children(children).build(),
        };
        state.deliver(to, item);
    }

    /// Opens what is sealed for a phone or a peer. False: it broke a rule.
    fn open_direct(&self, transit: &Transit<'_>, part: &Part<'_>) -> bool {
        let Some(sealed) = self.sealed(transit, part.enc) else {
            return false;
        };
        match self.enter(transit, &part.device, part.enc) {
            Entry::New => {}
            Entry::Again => return true,
            Entry::Broken => return false,
        }
        let party = Arc::clone(&lock(&self.state).user(&part.device.0).party);
        let mut party = lock(&party);
        let Some(message) = self.decrypt(transit, &part.device, &mut party, &sealed) else {
            return false;
        };
        self.take_distribution(transit, &mut party, &message);
        self.serve_companion(transit, &mut party, &message);
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
        self.take_in(
            transit,
            part,
            &chat,
            sealed.kind,
            content.unwrap_or(&message),
        );
        true
    }

    fn take_in(
        &self,
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
        self.hear(&part.device.0, received);
    }

    fn decrypt(
        &self,
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
        lock(&self.verdicts).check(&transit.who, RULE, outcome);
        opened.ok()
    }

    fn take_distribution(&self, transit: &Transit<'_>, party: &mut Party, message: &wa::Message) {
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
        lock(&self.verdicts).check(&transit.who, RULE, taken);
    }

    /// What a companion asks of its own phone.
    fn serve_companion(&self, transit: &Transit<'_>, party: &mut Party, message: &wa::Message) {
        let asks_for_keys = message
            .protocol_message
            .as_option()
            .is_some_and(|message| message.app_state_sync_key_request.is_set());
        if asks_for_keys {
            self.share_keys(party, transit.from);
        }
    }
}

fn contains_pkmsg(node: &Node) -> bool {
    let is_pkmsg = |enc: &Node| enc.tag == "enc" && stanza::is(enc, "type", "pkmsg");
    let listed = node
        .get_optional_child("participants")
        .map(stanza::children)
        .unwrap_or_default();
    stanza::children(node).iter().any(is_pkmsg)
        || listed
            .iter()
            .any(|to| stanza::children(to).iter().any(is_pkmsg))
}

fn destination(message: &wa::Message) -> Option<Jid> {
    let copy = message.device_sent_message.as_option()?;
    copy.destination_jid.as_deref()?.parse().ok()
}

fn is_only_distribution(message: &wa::Message) -> bool {
    message.sender_key_distribution_message.is_set() && crate::peer::text_of(message).is_none()
}

#[cfg(test)]
mod tests;
