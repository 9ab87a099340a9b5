//! Linking a companion: refs, the scan, `pair-success`, the companion's signature, 515.
//!
//! ```text
//! socket            pair-device (six refs)          phone
//!   <---------------------------------------------    |  scan: the ref, both keys, ADV identity signed
//!   <------------------------------ pair-success <----+
//!   pair-device-sign -----------------------------> verified: the companion exists; 515, socket closed
//! ```

mod code;

use std::sync::Arc;
use std::time::Duration;

use buffa::Message as _;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;
use waproto::whatsapp as wa;
use waproto::whatsapp::client_payload::DevicePairingRegistrationData;

use crate::adv::{self, QrPayload};
use crate::clock::unix_now;
use crate::companion::{About, Companion, Keys};
use crate::fault::{Failure, failure, stream_error};
use crate::link::Link;
use crate::login::Role;
use crate::number::Number;
use crate::party::{Bundle, SignedPreKey};
use crate::queue::Queue;
use crate::sim::{Error, Shared};
use crate::stanza;
use crate::state::DeviceId;
use crate::sync::lock;

/// Refs in one `pair-device`.
const REFS: u32 = 6;
/// How long a companion shows the first ref, and each of the others.
const FIRST_SHOWN: Duration = Duration::from_secs(60);
const NEXT_SHOWN: Duration = Duration::from_secs(20);
/// A phone may scan just before the code changes.
const GRACE: Duration = Duration::from_secs(10);

/// A socket that wants to be linked.
pub(crate) struct Pairing {
    link: Arc<Link>,
    refs: Vec<String>,
    offered: Instant,
    pub(crate) noise: [u8; 32],
    keys: Keys,
    pub(crate) about: About,
    pub(crate) awaiting: Option<Awaiting>,
    code: Option<code::CodeRequest>,
}

/// A `pair-success` that the companion has yet to sign.
pub(crate) struct Awaiting {
    iq: String,
    account: Number,
    device: u16,
    key_index: u32,
    done: oneshot::Sender<Result<Linked, Error>>,
}

/// A companion that has just been linked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Linked {
    /// The account's number.
    pub account: String,
    /// The companion's phone number JID.
    pub jid: String,
    /// The companion's LID JID.
    pub lid: String,
}

impl Pairing {
    /// Whether the companion may still show this ref.
    fn shows(&self, reference: &str) -> bool {
        let shown = self.refs.iter().zip(1..).find(|(own, _)| *own == reference);
        shown.is_some_and(|(_, place)| self.offered.elapsed() <= shown_until(place) + GRACE)
    }
}

/// When the ref in this place, counted from 1, makes room for the next one.
fn shown_until(place: u32) -> Duration {
    FIRST_SHOWN + NEXT_SHOWN * place.saturating_sub(1)
}

impl Shared {
    pub(crate) fn begin_pairing(
        &self,
        link: &Arc<Link>,
        noise: [u8; 32],
        registration: &DevicePairingRegistrationData,
        push_name: Option<String>,
    ) -> Role {
        let who = format!("socket {}", link.id);
        let keys = match registered_keys(registration) {
            Ok(keys) => keys,
            Err(detail) => {
                let rule = "a registration carries signed keys";
                lock(&self.verdicts).check(&who, rule, Err(detail));
                let refusal = Failure {
                    reason: 400,
                    expire: None,
                    code: None,
                };
                link.send(&failure(refusal), None);
                link.close();
                return Role::Refused;
            }
        };
        lock(&self.verdicts).check::<&str>(&who, "a registration carries signed keys", Ok(()));
        let pairing = Pairing {
            link: Arc::clone(link),
            refs: Vec::new(),
            offered: Instant::now(),
            noise,
            keys,
            about: about(registration, push_name),
            awaiting: None,
            code: None,
        };
        lock(&self.state).pairings.insert(link.id, pairing);
        self.offer_refs(link.id);
        self.announce();
        Role::Pairing
    }

    /// Sends six fresh refs; the ones before are void.
    pub(crate) fn offer_refs(&self, link: u64) {
        let mut state = lock(&self.state);
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

    /// The phone scans a code: signs the companion's identity and waits for its answer.
    pub(crate) async fn scan(&self, account: &Number, qr: &QrPayload) -> Result<Linked, Error> {
        let link = {
            let state = lock(&self.state);
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
        self.pair(link, account, &qr.adv_secret).await
    }

    /// What the socket with this ref calls itself.
    pub(crate) fn push_name_of(&self, reference: &str) -> Result<Option<String>, Error> {
        let state = lock(&self.state);
        let mut waiting = state.pairings.values();
        let found = waiting.find(|pairing| pairing.refs.iter().any(|text| text == reference));
        Ok(found.ok_or(Error::UnknownRef)?.about.push_name.clone())
    }

    /// Pairs a waiting socket with an account whose phone has agreed.
    pub(crate) async fn pair(
        &self,
        link: u64,
        account: &Number,
        adv_secret: &[u8; 32],
    ) -> Result<Linked, Error> {
        let answer = self.offer_identity(link, account, adv_secret)?;
        match tokio::time::timeout(self.config.patience, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::Disconnected),
            Err(_) => Err(Error::Timeout),
        }
    }

    /// Signs the companion's identity under the next key index, and sends `pair-success`.
    fn offer_identity(
        &self,
        link: u64,
        account: &Number,
        adv_secret: &[u8; 32],
    ) -> Result<oneshot::Receiver<Result<Linked, Error>>, Error> {
        let (party, companion, device) = {
            let mut state = lock(&self.state);
            let pairing = state.pairings.get(&link).ok_or(Error::UnknownRef)?;
            let identity = pairing.keys.identity;
            let user = state.user(account);
            user.devices_made += 1;
            (Arc::clone(&user.party), identity, user.devices_made)
        };
        let key_index = u32::from(device);
        let signer = lock(&party);
        let identity = adv::device_identity(&signer, &companion, adv_secret, key_index, unix_now());
        drop(signer);
        let (done, answer) = oneshot::channel();
        let iq = crate::id::stanza();
        let success = self.pair_success(identity, account, device);
        let mut state = lock(&self.state);
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

    fn pair_success(&self, identity: Vec<u8>, account: &Number, device: u16) -> Node {
        let props = wa::ClientPairingProps {
            is_chat_db_lid_migrated: Some(self.config.lid_migrated),
            ..Default::default()
        };
        let device = NodeBuilder::new("device")
            .attr("jid", account.pn_device(device))
            .attr("lid", account.lid_device(device))
            .build();
        let platform = NodeBuilder::new("platform").attr("name", "android").build();
        NodeBuilder::new("pair-success")
            .children([
                stanza::content("device-identity", identity),
                device,
                platform,
                stanza::content("client-props", props.encode_to_vec()),
            ])
            .build()
    }

    /// An iq from a socket that is not linked: the answers to `pair-device` and `pair-success`.
    pub(crate) fn receive_pairing(&self, link: &Arc<Link>, node: &Node) {
        let id = stanza::text(node, "id").unwrap_or_default();
        let awaiting = {
            let mut state = lock(&self.state);
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
        let outcome = self.complete(link, node, &(account, device), key_index);
        if outcome.is_err() {
            link.send(&stream_error(400), None);
        } else {
            link.send(&stream_error(515), None);
        }
        link.close();
        // Whoever scanned may have given up.
        let _ = done.send(outcome);
        self.announce();
    }

    /// Makes the companion, if its answer is signed as it must be.
    fn complete(
        &self,
        link: &Link,
        answer: &Node,
        id: &DeviceId,
        key_index: u32,
    ) -> Result<Linked, Error> {
        let (account, device) = id;
        let pairing = lock(&self.state).pairings.remove(&link.id);
        let pairing = pairing.ok_or(Error::Disconnected)?;
        let signed = self.verified_identity(answer, &pairing, id, key_index)?;
        let companion = Companion {
            key_index,
            noise: pairing.noise,
            device_identity: signed,
            keys: pairing.keys,
            about: pairing.about,
            queue: Queue::default(),
            feed: None,
            link: None,
            active: false,
            presence: None,
            bootstrapped: false,
        };
        let mut state = lock(&self.state);
        let companions = &mut state.user(account).companions;
        companions.insert(*device, companion);
        drop(state);
        self.device_added(id);
        Ok(Linked {
            account: account.to_string(),
            jid: account.pn_device(*device).to_string(),
            lid: account.lid_device(*device).to_string(),
        })
    }

    /// The companion's `pair-device-sign`, once both its signatures and its key index hold.
    fn verified_identity(
        &self,
        answer: &Node,
        pairing: &Pairing,
        (account, device): &DeviceId,
        key_index: u32,
    ) -> Result<Vec<u8>, Error> {
        const RULE: &str = "pair-device-sign carries both signatures";
        let node = answer
            .get_optional_child_by_tag(&["pair-device-sign", "device-identity"])
            .ok_or(Error::NotSigned)?;
        let signed = stanza::bytes(node).ok_or(Error::NotSigned)?;
        let stated = stanza::text(node, "key-index").and_then(|text| text.parse().ok());
        let account_identity = lock(&self.state).user(account).identity;
        let companion = &pairing.keys.identity;
        let verified = match stated {
            Some(got) if got != key_index => Err(adv::Error::KeyIndex {
                expected: key_index,
                got,
            }),
            _ => adv::verify_device_sign(&account_identity, companion, &signed, key_index),
        };
        let who = account.pn_device(*device).to_string();
        lock(&self.verdicts).check(&who, RULE, verified.as_ref().copied());
        verified?;
        Ok(signed.into_owned())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_refs_last_for_160_seconds() {
        assert_eq!(shown_until(1), Duration::from_secs(60));
        assert_eq!(shown_until(REFS), Duration::from_secs(160));
    }
}
