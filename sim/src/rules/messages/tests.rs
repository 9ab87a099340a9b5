//! Companions that break one rule at a time, without a socket.

mod nacks;
mod passed_on;

use wacore::pair::{DeviceState, PairUtils};
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, NodeContent};
use wacore_libsignal::protocol::KeyPair;

use super::*;
use crate::clock::unix_now;
use crate::number::Number;
use crate::phones::seal::enc;
use crate::rules::groups::{self, Draft};
use crate::signal::party::{Enc, Party};
use crate::signal::{address, adv};
use crate::state::companion::{Companion, Keys};
use crate::state::config::{Config, Leniency};
use crate::sync::ready;
use crate::wire::content::text_message;

const ADV_SECRET: [u8; 32] = [7; 32];

fn number(text: &str) -> Number {
    text.parse().expect("a number")
}

/// A linked companion whose Signal state the test holds, and a contact.
struct Bench {
    shared: Shared,
    companion: Party,
    identity: Vec<u8>,
    from: DeviceId,
    contact: DeviceId,
    link: Arc<Link>,
    sent: u32,
}

impl Bench {
    fn new() -> Self {
        let shared = Shared::new(Config {
            lenient: [Leniency::Tokens].into(),
            ..Config::default()
        });
        let companion = Party::new();
        let from = (number("+15550100001"), 1);
        let contact = (number("+15550100002"), 0);
        let account = Arc::clone(&lock(&shared.state).user(&from.0).party);
        lock(&shared.state).user(&contact.0);
        let signed = adv::device_identity(
            &lock(&account),
            &companion.identity_public(),
            &ADV_SECRET,
            1,
            unix_now(),
            adv::Signing::Ordinary,
        );
        let own = companion.identity_key_pair();
        let state = DeviceState {
            identity_key: KeyPair::new(*own.public_key(), own.private_key().clone()),
            noise_key: KeyPair::generate(&mut rand::rng()),
            adv_secret_key: ADV_SECRET,
        };
        let (identity, _) = PairUtils::do_pair_crypto(&state, &signed).expect("the phone's own");
        let bench = Self {
            link: shared.new_link(),
            shared,
            companion,
            identity,
            from,
            contact,
            sent: 0,
        };
        bench.link_companion();
        bench
    }

    fn link_companion(&self) {
        let (identity, registration) = (
            self.companion.identity_public(),
            self.companion.registration_id(),
        );
        let signed = Party::new().take_bundle().signed;
        let mut companion = Companion::new(1, Keys::registered(registration, identity, signed));
        companion.device_identity = self.identity.clone();
        companion.bootstrapped = true;
        let mut state = lock(&self.shared.state);
        state.user(&self.from.0).companions.insert(1, companion);
    }

    /// Encrypts for the contact's device 0.
    fn encrypt(&mut self, text: &str) -> Enc {
        let contact = Arc::clone(&lock(&self.shared.state).user(&self.contact.0).party);
        let bundle = lock(&contact).take_bundle();
        let address = address(&self.contact);
        ready(
            self.companion
                .encrypt(&address, Some(&bundle), &text_message(text)),
        )
        .expect("sealed")
    }

    /// A `<message>` to the contact as a client sends it, with a new id.
    fn message(&mut self, sealed: &Enc) -> Node {
        self.sent += 1;
        let to = NodeBuilder::new("to")
            .attr("jid", self.contact.0.lid())
            .children([enc(sealed, None)])
            .build();
        let participants = NodeBuilder::new("participants").children([to]).build();
        let identity = stanza::content("device-identity", self.identity.clone());
        NodeBuilder::new("message")
            .attr("id", format!("ID{}", self.sent))
            .attr("to", self.contact.0.lid())
            .attr("type", "text")
            .children([participants, identity])
            .build()
    }

    fn route(&self, node: &Node) {
        route(&self.shared, &self.link, &self.from, node);
    }

    fn rules(&self) -> Vec<&'static str> {
        let verdicts = lock(&self.shared.verdicts);
        verdicts
            .violations()
            .iter()
            .map(|violation| violation.rule)
            .collect()
    }

    fn received(&self) -> Vec<String> {
        let mut state = lock(&self.shared.state);
        let inbox = &state.user(&self.contact.0).inbox;
        inbox
            .iter()
            .filter_map(|message| message.text.clone())
            .collect()
    }
}

fn without_identity(mut node: Node) -> Node {
    if let Some(NodeContent::Nodes(children)) = &mut node.content {
        children.retain(|child| child.tag != "device-identity");
    }
    node
}

#[test]
fn a_valid_message_is_received_and_breaks_no_rule() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("hello");
    let node = bench.message(&sealed);
    bench.route(&node);
    assert_eq!(bench.received(), ["hello"]);
    assert!(bench.rules().is_empty(), "{:?}", bench.rules());
}

#[test]
fn a_changed_ciphertext_does_not_decrypt() {
    let mut bench = Bench::new();
    let mut sealed = bench.encrypt("hello");
    let last = sealed.bytes.len() - 1;
    sealed.bytes[last] ^= 1;
    let node = bench.message(&sealed);
    bench.route(&node);
    assert_eq!(bench.rules(), ["a message decrypts, with a valid MAC"]);
    assert!(bench.received().is_empty());
}

#[test]
fn a_pkmsg_without_the_signed_identity_is_a_violation() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("hello");
    let node = without_identity(bench.message(&sealed));
    bench.route(&node);
    assert_eq!(bench.rules(), ["a pkmsg has a valid device-identity"]);
}

#[test]
fn another_devices_identity_is_a_violation() {
    let mut bench = Bench::new();
    bench.identity = Bench::new().identity;
    let sealed = bench.encrypt("hello");
    let node = bench.message(&sealed);
    bench.route(&node);
    assert_eq!(bench.rules(), ["a pkmsg has a valid device-identity"]);
}

#[test]
fn a_retransmission_breaks_no_rule_and_is_received_once() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("once");
    let node = bench.message(&sealed);
    bench.route(&node);
    bench.route(&node);
    assert_eq!(bench.received(), ["once"]);
    assert!(bench.rules().is_empty(), "{:?}", bench.rules());
}

#[test]
fn a_message_key_for_two_texts_is_a_violation() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("the first");
    let node = bench.message(&sealed);
    bench.route(&node);
    // The same chain and counter with other bytes, as after a restored ratchet.
    let mut reused = sealed;
    let last = reused.bytes.len() - 1;
    reused.bytes[last] ^= 1;
    let node = bench.message(&reused);
    bench.route(&node);
    assert!(
        bench.rules().contains(&"no message key is used twice"),
        "{:?}",
        bench.rules()
    );
    assert_eq!(bench.received(), ["the first"]);
}

#[test]
fn an_unknown_enc_type_is_a_violation() {
    let mut bench = Bench::new();
    let sealed = bench.encrypt("hello");
    let mut node = bench.message(&sealed);
    let NodeContent::Nodes(children) = node.content.as_mut().expect("children") else {
        panic!("children");
    };
    let odd = NodeBuilder::new("enc")
        .attr("type", "odd")
        .bytes(sealed.bytes)
        .build();
    let to = NodeBuilder::new("to")
        .attr("jid", bench.contact.0.lid())
        .children([odd])
        .build();
    children[0] = NodeBuilder::new("participants").children([to]).build();
    bench.route(&node);
    assert_eq!(bench.rules(), ["an enc has a known type and content"]);
}

#[test]
fn a_group_message_needs_membership_and_a_known_sender_key() {
    let mut bench = Bench::new();
    let (account, contact) = (bench.from.0.clone(), bench.contact.0.clone());
    let group = groups::make(&bench.shared, &account, Draft::new("Mole", &[contact]));
    let group = Jid::group(group).to_string();
    let me = address(&bench.from);
    ready(bench.companion.sender_key_distribution(&group, &me)).expect("a key");
    let sealed = ready(
        bench
            .companion
            .group_encrypt(&group, &me, &text_message("unheard")),
    )
    .expect("sealed");
    let message = |id: &str, jid: &str| {
        NodeBuilder::new("message")
            .attr("id", id)
            .attr("to", jid.parse::<Jid>().expect("a jid"))
            .attr("type", "text")
            .children([enc(&sealed, None)])
            .build()
    };
    bench.route(&message("G1", &group));
    let rule = "a group message decrypts, with a valid signature";
    assert_eq!(
        bench.rules(),
        [rule, rule],
        "neither phone nor contact has the key"
    );
    bench.route(&message("G2", "120363999999999999@g.us"));
    assert_eq!(bench.rules().last(), Some(&"only members write to a group"));
}
