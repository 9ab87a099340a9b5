//! The companion's side, with the client library's own functions; and messages that no client would send.

use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinHandle;
use wacore::shortcake::ShortcakeUtils;
use wacore_libsignal::protocol::KeyPair;
use waproto::whatsapp::device_props::PlatformType::CHROME;

use super::*;
use crate::signal::party::Party;
use crate::signal::webauthn::{Authenticator, Forgery};
use crate::state::companion::{About, Keys};
use crate::state::config::Config;
use crate::state::pairing::Pairing;
use crate::state::passkey::Passkey;

const ACCOUNT: &str = "+15550100001";
const QR_SECRET: [u8; 32] = [5; 32];
const NEW_SECRET: [u8; 32] = [6; 32];
const NOISE: [u8; 32] = [1; 32];

/// A socket that waits to be linked to an account with a passkey.
struct Bench {
    shared: Arc<Shared>,
    link: Arc<Link>,
    identity: [u8; 32],
    authenticator: Arc<Authenticator>,
    ephemeral: KeyPair,
    nonce: [u8; 32],
    scan: JoinHandle<Result<Option<[u8; 32]>, Error>>,
}

fn iq(child: Node) -> Node {
    NodeBuilder::new("iq")
        .attr("id", "1")
        .attr("type", "set")
        .children([child])
        .build()
}

impl Bench {
    async fn new() -> Self {
        let shared = Arc::new(Shared::new(Config::default()));
        let link = shared.new_link();
        let mut party = Party::new();
        let (signed, identity) = (party.take_bundle().signed, party.identity_public());
        let pairing = Pairing {
            link: Arc::clone(&link),
            refs: Vec::new(),
            offered: Instant::now(),
            noise: NOISE,
            keys: Keys::registered(1, identity, signed),
            about: About::default(),
            awaiting: None,
            code: None,
            passkey: None,
        };
        let authenticator = Arc::new(Authenticator::new().expect("randomness"));
        let account: Number = ACCOUNT.parse().expect("a number");
        {
            let mut state = lock(&shared.state);
            state.pairings.insert(link.id, pairing);
            state.user(&account).passkey = Some(Passkey {
                credential: authenticator.credential().clone(),
                authenticator: Some(Arc::clone(&authenticator)),
                counter: 0,
                brings_options: true,
                confirms: false,
                timeout: Duration::from_secs(600),
            });
        }
        let (scanning, id) = (Arc::clone(&shared), link.id);
        let scan = tokio::spawn(async move { rotate(&scanning, id, &account, &QR_SECRET).await });
        tokio::task::yield_now().await;
        Self {
            shared,
            link,
            identity,
            authenticator,
            ephemeral: ShortcakeUtils::generate_companion_ephemeral_keypair(),
            nonce: ShortcakeUtils::generate_companion_nonce(),
            scan,
        }
    }

    /// The error code of the response, if it is an error.
    fn ask(&self, child: Node) -> Option<String> {
        let answer = receive(&self.shared, &self.link, &iq(child));
        let error = answer.get_optional_child("error")?;
        Some(stanza::text(error, "code")?.into_owned())
    }

    fn ceremony<T>(&self, look: impl FnOnce(&mut Ceremony) -> T) -> T {
        in_ceremony(&self.shared, &self.link, look).expect("a ceremony")
    }

    /// A valid prologue, with a handoff proof made with this secret.
    fn prologue(&self, proven_by: Option<[u8; 32]>) -> Node {
        assert_eq!(self.ask(NodeBuilder::new(REF).build()), None);
        let (reference, options) = self.ceremony(|it| (it.reference.clone(), it.options.clone()));
        let reference = reference.expect("a ref");
        let options: Value = serde_json::from_str(&options).expect("JSON");
        let assertion = self.authenticator.assert(&options, &Forgery::default());
        let public = self.ephemeral.public_key.public_key_bytes().try_into();
        let identity = ShortcakeUtils::build_companion_ephemeral_identity(
            &public.expect("32 bytes"),
            CHROME,
            &reference,
        );
        let commitment = ShortcakeUtils::commitment_hash(&identity, &self.nonce);
        let payload = ShortcakeUtils::build_prologue_payload(&identity, &commitment);
        let proof = proven_by.map(|secret| {
            let key = ShortcakeUtils::derive_pairing_handoff_hmac_key(&secret).expect("a key");
            let proof = ShortcakeUtils::compute_pairing_handoff_proof(&key, &payload);
            stanza::content("pairing_handoff_proof", proof)
        });
        let id = self.authenticator.credential().id.clone();
        let assertion = assertion.expect("made").to_string();
        let parts = [
            stanza::content("credential_id", id),
            stanza::content("webauthn_assertion", assertion),
            stanza::content("prologue_payload", payload),
        ];
        let parts = parts.into_iter().chain(proof);
        NodeBuilder::new(PROLOGUE).children(parts).build()
    }

    fn nonce(&self, nonce: [u8; 32]) -> Node {
        stanza::content(NONCE, nonce)
    }

    /// The request that hands over these keys.
    fn request(&self, noise: [u8; 32]) -> Node {
        let (primary, reference) = self.ceremony(|it| {
            let phone = it.phone.as_ref().expect("a phone");
            let primary = ShortcakeUtils::parse_primary_ephemeral_identity(&phone.identity());
            (primary.expect("an identity"), it.reference.clone())
        });
        let reference = reference.expect("a ref");
        let key = ShortcakeUtils::derive_encryption_key(
            &self.ephemeral,
            &primary.public_key,
            CHROME,
            &reference,
        );
        let request = ShortcakeUtils::build_pairing_request(&noise, &self.identity, &NEW_SECRET);
        let sealed = ShortcakeUtils::encrypt_pairing_request(&request, &key.expect("a key"));
        let sealed = ShortcakeUtils::build_encrypted_pairing_request(&sealed.expect("sealed"));
        stanza::content(REQUEST, sealed)
    }

    fn violations(&self) -> Vec<String> {
        let verdicts = lock(&self.shared.verdicts);
        let violations = verdicts.violations().iter();
        violations.map(ToString::to_string).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_handoff_proof_replaces_the_comparison_of_codes() {
    let bench = Bench::new().await;
    assert_eq!(bench.ask(bench.prologue(Some(QR_SECRET))), None);
    assert_eq!(bench.ask(bench.nonce(bench.nonce)), None);
    assert_eq!(bench.ask(bench.request(NOISE)), None);
    assert_eq!(bench.violations(), [""; 0]);
    let secret = bench.scan.await.expect("no panic").expect("rotated");
    assert_eq!(secret, Some(NEW_SECRET));
}

#[tokio::test(start_paused = true)]
async fn a_handoff_proof_of_another_secret_ends_the_ceremony() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.ask(bench.prologue(Some([9; 32]))).as_deref(),
        Some("401")
    );
    assert_eq!(bench.violations().len(), 1);
    let outcome = bench.scan.await.expect("no panic");
    assert!(matches!(outcome, Err(Error::HandoffProof)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_nonce_without_its_commitment_is_refused() {
    let bench = Bench::new().await;
    assert_eq!(bench.ask(bench.prologue(None)), None);
    assert_eq!(bench.ask(bench.nonce([9; 32])).as_deref(), Some("400"));
    assert!(bench.violations()[0].contains("does not open the commitment"));
    assert!(bench.scan.await.expect("no panic").is_err());
}

#[tokio::test(start_paused = true)]
async fn the_handed_over_keys_must_be_those_of_the_socket() {
    let bench = Bench::new().await;
    assert_eq!(bench.ask(bench.prologue(None)), None);
    assert_eq!(bench.ask(bench.nonce(bench.nonce)), None);
    assert_eq!(bench.ask(bench.request([8; 32])).as_deref(), Some("400"));
    assert!(bench.violations()[0].contains("another Noise key"));
    assert!(bench.scan.await.expect("no panic").is_err());
}

#[tokio::test(start_paused = true)]
async fn the_order_and_the_time_limit_are_enforced() {
    let bench = Bench::new().await;
    let early = bench.ask(bench.nonce(bench.nonce));
    assert_eq!(early.as_deref(), Some("404"), "before the prologue");
    let bench = Bench::new().await;
    let prologue = bench.prologue(None);
    tokio::time::advance(Duration::from_secs(601)).await;
    assert_eq!(bench.ask(prologue).as_deref(), Some("408"));
    let outcome = bench.scan.await.expect("no panic");
    assert!(matches!(outcome, Err(Error::Timeout)), "{outcome:?}");
}
