//! Linking a companion: refs, the scan, `pair-success`, the companion's signature, 515.
//!
//! ```text
//! socket            pair-device (six refs)          phone
//!   <---------------------------------------------    |  scan: the ref, both keys, ADV identity signed
//!   <------------------------------ pair-success <----+
//!   pair-device-sign -----------------------------> verified: the companion exists; 515, socket closed
//! ```

pub(crate) mod code;
pub(crate) mod passkey;

use std::sync::Arc;

use buffa::Message as _;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;
use waproto::whatsapp as wa;
use waproto::whatsapp::client_payload::DevicePairingRegistrationData;

use crate::clock::unix_now;
use crate::number::{DeviceId, Number};
use crate::rules::devices;
use crate::rules::role::Role;
use crate::signal::adv::{self, QrPayload, Signing};
use crate::signal::party::{Bundle, SignedPreKey};
use crate::state::companion::{About, Companion, Keys};
use crate::state::error::Error;
use crate::state::link::Link;
use crate::state::pairing::{Awaiting, Linked, Pairing, REFS};
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::ending::{Failure, failure, stream_error};
use crate::wire::stanza;

pub(crate) fn begin(
    shared: &Shared,
    link: &Arc<Link>,
    noise: [u8; 32],
    registration: &DevicePairingRegistrationData,
    push_name: Option<String>,
) -> Role {
    let who = format!("socket {}", link.id);
    let keys = match registered_keys(registration) {
        Ok(keys) => keys,
        Err(detail) => {
            let rule = "a registration has signed keys";
            lock(&shared.verdicts).check(&who, rule, Err(detail));
            link.end(&failure(Failure::of(400)));
            return Role::Refused;
        }
    };
    lock(&shared.verdicts).check::<&str>(&who, "a registration has signed keys", Ok(()));
    let pairing = Pairing {
        link: Arc::clone(link),
        refs: Vec::new(),
        offered: Instant::now(),
        noise,
        keys,
        about: about(registration, push_name),
        awaiting: None,
        code: None,
        passkey: None,
    };
    lock(&shared.state).pairings.insert(link.id, pairing);
    offer_refs(shared, link.id);
    shared.announce();
    Role::Pairing
}

/// Sends six new refs; earlier ones are void.
pub(crate) fn offer_refs(shared: &Shared, link: u64) {
    let mut state = lock(&shared.state);
    let delay = state.faults.delay;
    let Some(pairing) = state.pairings.get_mut(&link) else {
        return;
    };
    pairing.offered = Instant::now();
    pairing.refs = (0..REFS).map(|_| crate::id::reference()).collect();
    let refs = pairing
        .refs
        .iter()
        .map(|text| stanza::content("ref", text.as_bytes()));
    let offer = NodeBuilder::new("pair-device").children(refs).build();
    pairing
        .link
        .send(&stanza::server_iq(&crate::id::stanza(), "md", offer), delay);
}

/// The phone scans a code: it signs the companion's identity and waits for the response.
pub(crate) async fn scan(
    shared: &Shared,
    account: &Number,
    qr: &QrPayload,
) -> Result<Linked, Error> {
    let link = {
        let state = lock(&shared.state);
        let found = state
            .pairings
            .iter()
            .find(|(_, pairing)| pairing.shows(&qr.reference));
        let (link, pairing) = found.ok_or(Error::UnknownRef)?;
        if pairing.noise != qr.noise || pairing.keys.identity != qr.identity {
            return Err(Error::ForeignQr);
        }
        *link
    };
    pair(shared, link, account, &qr.adv_secret).await
}

/// Requests a new registration, with a new secret in the QR code, from sockets that wait to be linked. Returns how
/// many.
pub(crate) fn refresh_registrations(shared: &Shared) -> usize {
    let state = lock(&shared.state);
    for pairing in state.pairings.values() {
        let refresh = NodeBuilder::new("companion_reg_refresh").build();
        let notification = NodeBuilder::new("notification")
            .attr("from", stanza::server())
            .attr("type", "companion_reg_refresh")
            .attr("id", crate::id::stanza())
            .attr("t", unix_now())
            .children([refresh]);
        pairing.link.send(&notification.build(), state.faults.delay);
    }
    state.pairings.len()
}

/// The display name of the socket with this ref.
pub(crate) fn push_name_of(shared: &Shared, reference: &str) -> Result<Option<String>, Error> {
    let state = lock(&shared.state);
    let mut waiting = state.pairings.values();
    let found = waiting.find(|pairing| pairing.refs.iter().any(|text| text == reference));
    Ok(found.ok_or(Error::UnknownRef)?.about.push_name.clone())
}

/// Pairs a waiting socket with an account whose phone has accepted.
pub(crate) async fn pair(
    shared: &Shared,
    link: u64,
    account: &Number,
    adv_secret: &[u8; 32],
) -> Result<Linked, Error> {
    let rotated = passkey::rotate(shared, link, account, adv_secret).await?;
    let adv_secret = rotated.unwrap_or(*adv_secret);
    let answer = offer_identity(shared, link, account, &adv_secret)?;
    let linked = match tokio::time::timeout(shared.config.timeout, answer).await {
        Ok(Ok(outcome)) => outcome?,
        Ok(Err(_)) => return Err(Error::Disconnected),
        Err(_) => return Err(Error::Timeout),
    };
    let mut state = lock(&shared.state);
    state.user(account).adv_secrets.push(adv_secret);
    Ok(linked)
}

/// Signs the companion's identity with the next key index, and sends `pair-success`.
fn offer_identity(
    shared: &Shared,
    link: u64,
    account: &Number,
    adv_secret: &[u8; 32],
) -> Result<oneshot::Receiver<Result<Linked, Error>>, Error> {
    let (party, companion, device, signing) = {
        let mut state = lock(&shared.state);
        let pairing = state.pairings.get(&link).ok_or(Error::UnknownRef)?;
        let identity = pairing.keys.identity;
        let user = state.user(account);
        user.devices_made += 1;
        let device = user.devices_made;
        (Arc::clone(&user.party), identity, device, user.signing)
    };
    let key_index = u32::from(device);
    let signer = lock(&party);
    let now = unix_now();
    let identity = adv::device_identity(&signer, &companion, adv_secret, key_index, now, signing);
    drop(signer);
    let (done, answer) = oneshot::channel();
    let iq = crate::id::stanza();
    let success = pair_success(shared, identity, account, device, signing);
    let mut state = lock(&shared.state);
    let delay = state.delay(Some(account));
    let pairing = state.pairings.get_mut(&link).ok_or(Error::UnknownRef)?;
    pairing.refs.clear();
    pairing.awaiting = Some(Awaiting {
        iq: iq.clone(),
        account: account.clone(),
        device,
        key_index,
        done,
    });
    let offer = stanza::server_iq(&iq, "md", success);
    pairing.link.send(&offer, delay);
    Ok(answer)
}

fn pair_success(
    shared: &Shared,
    identity: Vec<u8>,
    account: &Number,
    device: u16,
    signing: Signing,
) -> Node {
    let migrated = lock(&shared.state).user(account).lid_migrated;
    let props = wa::ClientPairingProps {
        is_chat_db_lid_migrated: Some(migrated.unwrap_or(shared.config.lid_migrated)),
        ..Default::default()
    };
    let device = NodeBuilder::new("device")
        .attr("jid", account.pn_device(device))
        .attr("lid", account.lid_device(device))
        .build();
    let platform = match signing {
        Signing::Ordinary => "android",
        _ => "smba",
    };
    let platform = NodeBuilder::new("platform").attr("name", platform).build();
    NodeBuilder::new("pair-success")
        .children([
            stanza::content("device-identity", identity),
            device,
            platform,
            stanza::content("client-props", props.encode_to_vec()),
        ])
        .build()
}

/// The response of a socket that is not linked, to `pair-device` or `pair-success`: a result or an error.
pub(crate) fn receive(shared: &Shared, link: &Arc<Link>, node: &Node) {
    let id = stanza::text(node, "id").unwrap_or_default();
    let awaiting = {
        let mut state = lock(&shared.state);
        let Some(pairing) = state.pairings.get_mut(&link.id) else {
            return;
        };
        match pairing.awaiting.take() {
            Some(awaiting) if awaiting.iq == id => awaiting,
            other => {
                pairing.awaiting = other;
                return;
            }
        }
    };
    let Awaiting {
        account,
        device,
        key_index,
        done,
        ..
    } = awaiting;
    let outcome = complete(shared, link, node, &(account, device), key_index);
    let code = if outcome.is_err() { 400 } else { 515 };
    link.end(&stream_error(code));
    // The caller that scanned may have given up.
    let _ = done.send(outcome);
    shared.announce();
}

/// Creates the companion, if its response has valid signatures.
fn complete(
    shared: &Shared,
    link: &Link,
    answer: &Node,
    id: &DeviceId,
    key_index: u32,
) -> Result<Linked, Error> {
    let (account, device) = id;
    let pairing = lock(&shared.state).pairings.remove(&link.id);
    let pairing = pairing.ok_or(Error::Disconnected)?;
    let signed = verified_identity(shared, answer, &pairing, id, key_index)?;
    let mut companion = Companion::new(key_index, pairing.keys);
    companion.noise = pairing.noise;
    companion.device_identity = signed;
    companion.about = pairing.about;
    let mut state = lock(&shared.state);
    let companions = &mut state.user(account).companions;
    companions.insert(*device, companion);
    drop(state);
    devices::added(shared, id);
    Ok(Linked {
        account: account.to_string(),
        jid: account.pn_device(*device).to_string(),
        lid: account.lid_device(*device).to_string(),
    })
}

/// The companion's `pair-device-sign`, after both signatures and the key index are verified.
fn verified_identity(
    shared: &Shared,
    answer: &Node,
    pairing: &Pairing,
    id: &DeviceId,
    key_index: u32,
) -> Result<Vec<u8>, Error> {
    const RULE: &str = "pair-device-sign has both signatures";
    const ACCEPTED: &str = "a companion accepts an identity that its phone has signed";
    if let Some(error) = answer.get_optional_child("error") {
        let word = |name| stanza::text(error, name).unwrap_or_default();
        let reported = format!("{} {}", word("code"), word("text"));
        let detail = format!("{reported}, expected pair-device-sign");
        lock(&shared.verdicts).require(&verdict::name_of(id), ACCEPTED, false, &detail);
        return Err(Error::Declined(reported));
    }
    let node = answer
        .get_optional_child_by_tag(&["pair-device-sign", "device-identity"])
        .ok_or(Error::NotSigned)?;
    let signed = stanza::bytes(node).ok_or(Error::NotSigned)?;
    let stated = stanza::text(node, "key-index").and_then(|text| text.parse().ok());
    let (account_identity, signing) = {
        let mut state = lock(&shared.state);
        let user = state.user(&id.0);
        (user.identity, user.signing)
    };
    let companion = &pairing.keys.identity;
    let verified = match stated {
        Some(got) if got != key_index => Err(adv::Error::KeyIndex {
            expected: key_index,
            got,
        }),
        _ => adv::verify_device_sign(&account_identity, companion, &signed, key_index, signing),
    };
    let who = verdict::name_of(id);
    lock(&shared.verdicts).check(&who, RULE, verified.as_ref().copied());
    verified?;
    Ok(signed.into_owned())
}

fn about(registration: &DevicePairingRegistrationData, push_name: Option<String>) -> About {
    let props = registration.device_props.as_deref().unwrap_or_default();
    let props = wa::DeviceProps::decode_from_slice(props).unwrap_or_default();
    About {
        name: props.os.unwrap_or_default(),
        platform: props
            .platform_type
            .map(|platform| format!("{platform:?}"))
            .unwrap_or_default(),
        push_name,
    }
}

fn registered_keys(registration: &DevicePairingRegistrationData) -> Result<Keys, String> {
    fn fixed<const N: usize>(bytes: Option<&[u8]>, name: &str) -> Result<[u8; N], String> {
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| format!("{name} is missing or has another length"))
    }
    let [high, middle, low] = fixed(registration.e_skey_id.as_deref(), "eSkeyId")?;
    let bundle = Bundle {
        registration_id: u32::from_be_bytes(fixed(registration.e_regid.as_deref(), "eRegid")?),
        identity: fixed(registration.e_ident.as_deref(), "eIdent")?,
        signed: SignedPreKey {
            id: u32::from_be_bytes([0, high, middle, low]),
            public: fixed(registration.e_skey_val.as_deref(), "eSkeyVal")?,
            signature: fixed(registration.e_skey_sig.as_deref(), "eSkeySig")?,
        },
        one_time: None,
    };
    bundle.verify().map_err(|error| error.to_string())?;
    Ok(Keys::registered(
        bundle.registration_id,
        bundle.identity,
        bundle.signed,
    ))
}
