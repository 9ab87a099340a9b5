//! One message on its way from a companion, and the checks that need no key.

use std::cell::RefCell;

use wacore_binary::{Jid, Node};

use crate::number::DeviceId;
use crate::signal::adv;
use crate::signal::party::{Enc, EncKind};
use crate::state::shared::Shared;
use crate::state::verdict::Entry;
use crate::sync::lock;
use crate::wire::stanza;

/// One message on its way from a companion.
pub(super) struct Transit<'a> {
    pub(super) from: &'a DeviceId,
    pub(super) who: String,
    pub(super) id: String,
    pub(super) to: Jid,
    pub(super) node: &'a Node,
    /// The devices run by the simulator that have decrypted it.
    pub(super) opened_at: RefCell<Vec<DeviceId>>,
}

impl Transit<'_> {
    /// Whether it is for a whole group, encrypted with the sender key.
    pub(super) fn carries_skmsg(&self) -> bool {
        let mut encs = self.node.get_children_by_tag("enc");
        encs.any(|enc| stanza::is(enc, "type", "skmsg"))
    }

    /// For a message that is resent to another device of the account: its chat.
    pub(super) fn recipient(&self) -> Option<Jid> {
        stanza::jid(self.node, "recipient")
    }
}

/// One `<to>` of a message, or the message itself when it goes to a single device.
pub(super) struct Part<'a> {
    pub(super) device: DeviceId,
    pub(super) enc: &'a Node,
}

/// All devices that the message is encrypted for.
pub(super) fn parts<'a>(shared: &Shared, transit: &Transit<'a>) -> Vec<Part<'a>> {
    let state = lock(&shared.state);
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
    let addressee = stanza::jid(transit.node, "participant").unwrap_or_else(|| transit.to.clone());
    let skmsg = single.is_some_and(|enc| stanza::is(enc, "type", "skmsg"));
    if let (Some(enc), Some(device), false) = (single, state.resolve(&addressee), skmsg) {
        parts.push(Part { device, enc });
    }
    parts
}

/// A pkmsg has the sender's signed identity: without it, a receiver cannot verify that the device belongs to the
/// account.
pub(super) fn has_valid_identity(shared: &Shared, transit: &Transit<'_>) -> bool {
    const RULE: &str = "a pkmsg has a valid device-identity";
    if !contains_pkmsg(transit.node) {
        return true;
    }
    let (account, signing, companion, key_index) = {
        let mut state = lock(&shared.state);
        let user = state.user(&transit.from.0);
        let (account, signing) = (user.identity, user.signing);
        let Some(companion) = state.companion(transit.from) else {
            return false;
        };
        let (identity, key_index) = (companion.keys.identity, companion.key_index);
        (account, signing, identity, key_index)
    };
    let verified = match stanza::child_bytes(transit.node, "device-identity") {
        Some(bytes) => adv::verify_device_sign(&account, &companion, &bytes, key_index, signing),
        None => Err(adv::Error::Malformed("presence in the stanza")),
    };
    lock(&shared.verdicts).check(&transit.who, RULE, verified)
}

/// Records a ciphertext in the ledger of used message keys.
pub(super) fn enter(shared: &Shared, transit: &Transit<'_>, to: &DeviceId, enc: &Node) -> Entry {
    let Some(sealed) = sealed(shared, transit, enc) else {
        return Entry::Broken;
    };
    let scope = match sealed.kind {
        EncKind::Skmsg => format!("{} in {}", transit.who, transit.to),
        EncKind::Pkmsg | EncKind::Msg => {
            format!("{} to {}", transit.who, to.0.lid_device(to.1))
        }
    };
    lock(&shared.verdicts).ledger(&transit.who, &scope, &sealed)
}

pub(super) fn sealed(shared: &Shared, transit: &Transit<'_>, enc: &Node) -> Option<Enc> {
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
    lock(&shared.verdicts).check(&transit.who, RULE, sealed.as_ref().map(|_| ()));
    sealed.ok()
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
