//! Prekeys: stores those that a companion uploads, and returns those of others. A one-time prekey is returned once.

use wacore::prekeys::compute_key_bundle_digest;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use crate::delivery::prekeys::take_bundle;
use crate::number::DeviceId;
use crate::rules::iq::question::Question;
use crate::signal::party::{Bundle, SignedPreKey};
use crate::state::companion::Keys;
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;
use crate::wire::stanza::{child_array, child_number, content, number_bytes};

/// The Signal key type, the value of `<type>`.
const CURVE25519: u8 = 5;

/// Handles an upload or a rotation.
pub(super) fn publish(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let node = question.node;
    let outcome = match question.child.filter(|child| child.tag == "rotate") {
        Some(rotate) => rotated(shared, id, rotate),
        None => uploaded(shared, id, node),
    };
    match outcome {
        Ok(()) => stanza::result(node, []),
        Err(_) => stanza::error(node, 400, "bad-request"),
    }
}

fn uploaded(shared: &Shared, id: &DeviceId, node: &Node) -> Result<(), String> {
    const RULE: &str = "a prekey upload has the linked identity and signed keys";
    let who = verdict::name_of(id);
    let mut state = lock(&shared.state);
    let companion = state.companion(id).ok_or("unlinked")?;
    let parsed = parse_upload(node, &companion.keys.identity);
    let checked = parsed.as_ref().map(|_| ()).map_err(Clone::clone);
    lock(&shared.verdicts).check(&who, RULE, checked);
    let (bundle, one_time) = parsed?;
    companion
        .keys
        .upload(bundle.registration_id, bundle.signed, one_time);
    Ok(())
}

type Upload = (Bundle, Vec<(u32, [u8; 32])>);

fn parse_upload(node: &Node, linked_identity: &[u8; 32]) -> Result<Upload, String> {
    let missing = |name: &str| format!("{name} is missing or malformed");
    let bundle = Bundle {
        registration_id: child_number(node, "registration")
            .ok_or_else(|| missing("registration"))?,
        identity: child_array(node, "identity").ok_or_else(|| missing("identity"))?,
        signed: parse_signed(node).ok_or_else(|| missing("skey"))?,
        one_time: None,
    };
    if child_array(node, "type") != Some([CURVE25519]) {
        return Err(missing("type"));
    }
    if bundle.identity != *linked_identity {
        return Err("the identity differs from the linked one".to_owned());
    }
    bundle.verify().map_err(|error| error.to_string())?;
    let list = node
        .get_optional_child("list")
        .ok_or_else(|| missing("list"))?;
    let keys = stanza::children(list).iter().map(|key| {
        let id = child_number(key, "id")?;
        Some((id, child_array(key, "value")?))
    });
    let one_time = keys
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| missing("a one-time prekey"))?;
    Ok((bundle, one_time))
}

fn parse_signed(parent: &Node) -> Option<SignedPreKey> {
    let skey = parent.get_optional_child("skey")?;
    Some(SignedPreKey {
        id: child_number(skey, "id")?,
        public: child_array(skey, "value")?,
        signature: child_array(skey, "signature")?,
    })
}

fn rotated(shared: &Shared, id: &DeviceId, rotate: &Node) -> Result<(), String> {
    const RULE: &str = "a rotated prekey is signed";
    let who = verdict::name_of(id);
    let mut state = lock(&shared.state);
    let companion = state.companion(id).ok_or("unlinked")?;
    let signed = parse_signed(rotate).ok_or("skey is missing or malformed")?;
    let bundle = Bundle {
        registration_id: companion.keys.registration_id,
        identity: companion.keys.identity,
        signed: signed.clone(),
        one_time: None,
    };
    let verified = bundle.verify().map_err(|error| error.to_string());
    lock(&shared.verdicts).check(&who, RULE, verified.clone());
    verified?;
    companion.keys.signed = signed;
    Ok(())
}

/// Handles every get.
pub(super) fn fetch(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let node = question.node;
    let Some(child) = question.child else {
        return stanza::error(node, 400, "bad-request");
    };
    match child.tag.as_ref() {
        "count" => with_keys(shared, id, |keys| {
            let count = NodeBuilder::new("count")
                .attr("value", keys.one_time.len())
                .build();
            stanza::result(node, [count])
        }),
        "digest" => with_keys(shared, id, |keys| match keys.uploaded {
            true => stanza::result(node, [digest(keys)]),
            false => stanza::error(node, 404, "item-not-found"),
        }),
        "identity" => stanza::result(node, [listed(child, |jid| identity(shared, jid))]),
        _ => stanza::result(node, [listed(child, |jid| bundle(shared, jid))]),
    }
}

fn with_keys(shared: &Shared, id: &DeviceId, answer: impl FnOnce(&Keys) -> Node) -> Node {
    let mut state = lock(&shared.state);
    match state.companion(id) {
        Some(companion) => answer(&companion.keys),
        None => NodeBuilder::new("iq").build(),
    }
}

fn digest(keys: &Keys) -> Node {
    let public: Vec<&[u8]> = keys.one_time.iter().map(|(_, key)| &key[..]).collect();
    let hash = compute_key_bundle_digest(
        &keys.identity,
        &keys.signed.public,
        &keys.signed.signature,
        &public,
    );
    let ids = keys
        .one_time
        .iter()
        .map(|(id, _)| content("id", number_bytes(*id, 3)));
    NodeBuilder::new("digest")
        .children([
            content("registration", number_bytes(keys.registration_id, 4)),
            content("type", [CURVE25519]),
            content("identity", keys.identity),
            signed(&keys.signed),
            NodeBuilder::new("list").children(ids).build(),
            content("hash", hash),
        ])
        .build()
}

fn signed(key: &SignedPreKey) -> Node {
    NodeBuilder::new("skey")
        .children([
            content("id", number_bytes(key.id, 3)),
            content("value", key.public),
            content("signature", key.signature),
        ])
        .build()
}

fn listed(request: &Node, mut entry: impl FnMut(&Jid) -> Node) -> Node {
    let users = request
        .get_children_by_tag("user")
        .filter_map(|user| stanza::jid(user, "jid"))
        .map(|jid| entry(&jid));
    NodeBuilder::new("list").children(users).build()
}

/// The device of this JID, if it can have keys at all.
fn owner(shared: &Shared, jid: &Jid) -> Option<DeviceId> {
    let mut state = lock(&shared.state);
    let (number, device) = state.resolve(jid)?;
    if state.unknown.contains(&number) {
        return None;
    }
    let user = state.user(&number);
    let known = user.companions.contains_key(&device) || user.played.contains_key(&device);
    (device == 0 || known).then_some((number, device))
}

fn no_keys(jid: &Jid) -> Node {
    let error = NodeBuilder::new("error")
        .attr("code", 406)
        .attr("text", "not-acceptable")
        .build();
    NodeBuilder::new("user")
        .attr("jid", jid.clone())
        .children([error])
        .build()
}

fn bundle(shared: &Shared, jid: &Jid) -> Node {
    let Some(device) = owner(shared, jid) else {
        return no_keys(jid);
    };
    let (bundle, device_identity) = bundle_of(shared, &device);
    let Some(bundle) = bundle else {
        return no_keys(jid);
    };
    let mut children = vec![
        content("registration", number_bytes(bundle.registration_id, 4)),
        content("type", [CURVE25519]),
        content("identity", bundle.identity),
        signed(&bundle.signed),
    ];
    if let Some((id, public)) = bundle.one_time {
        let key = [content("id", number_bytes(id, 3)), content("value", public)];
        children.push(NodeBuilder::new("key").children(key).build());
    }
    children.extend(device_identity.map(|bytes| content("device-identity", bytes)));
    NodeBuilder::new("user")
        .attr("jid", jid.clone())
        .attr("t", crate::clock::unix_now())
        .children(children)
        .build()
}

/// The bundle of a device, and the signed identity if it is a companion.
fn bundle_of(shared: &Shared, device: &DeviceId) -> (Option<Bundle>, Option<Vec<u8>>) {
    let mut state = lock(&shared.state);
    if state.plays(device) {
        let party = state.party(device);
        let added = state.user(&device.0).played.get(&device.1);
        let identity = added.map(|added| added.device_identity.clone());
        // Lock order: the party is locked before the state.
        drop(state);
        return (party.map(|party| lock(&party).take_bundle()), identity);
    }
    let companion = state.companion(device);
    let identity = companion.map(|companion| companion.device_identity.clone());
    (take_bundle(&mut state, device), identity)
}

fn identity(shared: &Shared, jid: &Jid) -> Node {
    let Some((number, device)) = owner(shared, jid) else {
        return no_keys(jid);
    };
    let mut state = lock(&shared.state);
    let user = state.user(&number);
    let companion = user.companions.get(&device);
    let companion = companion.map(|companion| companion.keys.identity);
    let added = || Some(user.played.get(&device)?.identity);
    let key = companion.or_else(added).unwrap_or(user.identity);
    NodeBuilder::new("user")
        .attr("jid", jid.clone())
        .children([content("type", [CURVE25519]), content("identity", key)])
        .build()
}
