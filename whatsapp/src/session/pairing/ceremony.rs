//! Linking an account that requires a passkey: after the scan, or after the code was typed. Pure.
//!
//! ```text
//! this device                                                        server, and the phone
//!   <-- passkey_prologue_request [options] -------------------------   the options are reported
//!   --- ref; passkey_prologue {assertion, identity, [proof]} ------->  the answer of a person's browser
//!   <-- crsc_continuation {key, nonce} -----------------------------
//!   --- companion_nonce ------------------------------------------->   both sides have the same code
//!   --- encrypted_pairing_request {keys, new ADV secret} ---------->   at once, or when a person confirms the code
//!   <-- pair-success -----------------------------------------------
//! ```
//!
//! A handoff proof replaces the comparison of the code. It is made with the secret of the QR code, so a phone that has
//! scanned it can check it.

use std::time::Duration;

use tokio::time::Instant;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::shortcake::{PrimaryEphemeralIdentity, ShortcakeUtils};
use whatsapp_rust::wacore_binary::NodeRef;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::waproto::whatsapp::device_props::PlatformType;
use zeroize::{Zeroize as _, Zeroizing};

use super::assertion::{self, Assertion};
use super::link_code::bytes_of;
use super::machine::{Key, Machine, Output, Question, random_key};
use super::{CeremonyEnd, HandoffProof, PasskeyError, stanza};
use crate::session::{Refusal, Report, Secret};

const OPTIONS: &str = "passkey_request_options";
/// The time limit of a ceremony, if the options have none, or a longer one.
const MAX_DURATION: Duration = Duration::from_secs(600);
const MIN_DURATION: Duration = Duration::from_secs(1);
/// WhatsApp's have about 200 bytes.
const MAX_OPTIONS_BYTES: usize = 64 << 10;

/// A ceremony in progress.
pub(super) struct Ceremony {
    until: Instant,
    stage: Stage,
}

enum Stage {
    /// The server has to send the options.
    Fetching,
    /// A person has to answer this challenge.
    Asked { challenge: Vec<u8> },
    /// The server has to send a reference.
    Preparing {
        assertion: Assertion,
        proof: HandoffProof,
    },
    /// The server has the assertion, and has accepted it or not.
    Proving(Box<Exchange>),
    /// The phone has sent its key, and is getting this device's nonce.
    Revealing {
        exchange: Box<Exchange>,
        primary: PrimaryEphemeralIdentity,
    },
    /// A person has to confirm the code.
    Comparing { key: Key },
    /// The phone is getting the keys.
    HandingOver,
    /// It has them.
    Done,
}

/// This device's part of the key exchange.
struct Exchange {
    pair: KeyPair,
    nonce: Key,
    reference: String,
    proof: HandoffProof,
}

impl Ceremony {
    /// When it expires.
    pub(super) fn due(&self) -> Instant {
        self.until
    }
}

/// The parts of the server's options that are used here.
fn read_options(options: &str) -> Option<(Vec<u8>, Duration)> {
    if options.len() > MAX_OPTIONS_BYTES {
        return None;
    }
    let options: serde_json::Value = serde_json::from_str(options).ok()?;
    let challenge = assertion::decode(options.get("challenge")?.as_str()?)?;
    let timeout = options.get("timeout").and_then(serde_json::Value::as_u64);
    let valid = timeout.map_or(MAX_DURATION, Duration::from_millis);
    Some((challenge, valid.clamp(MIN_DURATION, MAX_DURATION)))
}

const fn is_step(question: Question) -> bool {
    matches!(
        question,
        Question::Options
            | Question::Ref
            | Question::Prologue
            | Question::Nonce
            | Question::Request
    )
}

impl Machine {
    /// The server requests an assertion. Requested again, the ceremony starts anew, unless the phone already has the keys.
    pub(super) fn receive_passkey_request(&mut self, node: &NodeRef<'_>, now: Instant) {
        let stage = self.ceremony.as_ref().map(|ceremony| &ceremony.stage);
        if let Some(Stage::HandingOver | Stage::Done) = stage {
            return;
        }
        if stage.is_some() {
            self.answered(Err(PasskeyError::OtherChallenge));
            self.forget(is_step);
        }
        // The codes are spent, and must not end the connection.
        self.codes.stop();
        self.link_code = None;
        match stanza::content_text(node, OPTIONS) {
            Some(options) => self.begin(options, now),
            None => {
                self.enter(Stage::Fetching, now + MAX_DURATION);
                let child = NodeBuilder::new(OPTIONS).build();
                self.ask(Question::Options, "get", child, now);
            }
        }
    }

    pub(super) fn options_answered(
        &mut self,
        node: &NodeRef<'_>,
        refused: Option<u16>,
        now: Instant,
    ) {
        let options = stanza::content_text(node, OPTIONS).filter(|_| refused.is_none());
        self.begin(options.unwrap_or_default(), now);
    }

    fn begin(&mut self, options: &str, now: Instant) {
        let Some((challenge, valid)) = read_options(options) else {
            return self.refuse(Refusal::Passkey(CeremonyEnd::Unreadable));
        };
        self.enter(Stage::Asked { challenge }, now + valid);
        let options = Secret(options.to_owned());
        self.report(Report::PasskeyRequest { options, valid });
    }

    fn enter(&mut self, stage: Stage, until: Instant) {
        self.ceremony = Some(Ceremony { until, stage });
    }

    /// Continues in another stage, if `take` accepts the current one.
    fn advance<T>(&mut self, take: impl FnOnce(Stage) -> Result<(T, Stage), Stage>) -> Option<T> {
        let Ceremony { until, stage } = self.ceremony.take()?;
        let (taken, stage) = match take(stage) {
            Ok((taken, stage)) => (Some(taken), stage),
            Err(stage) => (None, stage),
        };
        self.enter(stage, until);
        taken
    }

    /// A person answers with an assertion. The result follows as [`Output::Answered`].
    pub(super) fn answer(
        &mut self,
        assertion: Assertion,
        proof: HandoffProof,
        now: Instant,
    ) -> Result<(), PasskeyError> {
        let ceremony = self.ceremony.as_mut().ok_or(PasskeyError::NotAsked)?;
        let Stage::Asked { challenge } = &ceremony.stage else {
            return Err(PasskeyError::NotAsked);
        };
        if !assertion.answers(challenge) {
            return Err(PasskeyError::OtherChallenge);
        }
        ceremony.stage = Stage::Preparing { assertion, proof };
        let child = NodeBuilder::new("ref").build();
        self.ask(Question::Ref, "get", child, now);
        Ok(())
    }

    pub(super) fn ref_answered(&mut self, node: &NodeRef<'_>, refused: Option<u16>, now: Instant) {
        if let Some(code) = refused {
            return self.assertion_refused(code);
        }
        let reference = stanza::content_text(node, "ref");
        let reference = reference.filter(|text| stanza::is_reference(text));
        let Some(reference) = reference.map(str::to_owned) else {
            return self.unreadable();
        };
        let pair = ShortcakeUtils::generate_companion_ephemeral_keypair();
        let Some(public) = bytes_of(&pair) else {
            return self.unreadable();
        };
        let nonce = random_key();
        let platform = self.platform();
        let identity =
            ShortcakeUtils::build_companion_ephemeral_identity(&public, platform, &reference);
        let commitment = ShortcakeUtils::commitment_hash(&identity, &nonce);
        let payload = ShortcakeUtils::build_prologue_payload(&identity, &commitment);
        let taken = self.advance(|stage| match stage {
            Stage::Preparing { assertion, proof } => {
                let exchange = Box::new(Exchange {
                    pair,
                    nonce,
                    reference,
                    proof,
                });
                Ok(((assertion, proof), Stage::Proving(exchange)))
            }
            other => Err(other),
        });
        let Some((assertion, proof)) = taken else {
            return;
        };
        let Assertion {
            json, credential, ..
        } = assertion;
        let mut parts = vec![
            stanza::leaf("credential_id", credential),
            stanza::leaf("webauthn_assertion", json),
            stanza::leaf("prologue_payload", payload.clone()),
        ];
        if proof == HandoffProof::Send {
            let Some(proof) = self.handoff_proof(&payload) else {
                return self.unreadable();
            };
            parts.push(stanza::leaf("pairing_handoff_proof", proof));
        }
        let prologue = NodeBuilder::new("passkey_prologue").children(parts);
        self.ask(Question::Prologue, "set", prologue.build(), now);
    }

    fn handoff_proof(&self, payload: &[u8]) -> Option<[u8; 32]> {
        let key = ShortcakeUtils::derive_pairing_handoff_hmac_key(&self.secret).ok()?;
        let key = Zeroizing::new(key);
        Some(ShortcakeUtils::compute_pairing_handoff_proof(&key, payload))
    }

    fn platform(&self) -> PlatformType {
        let platform = self.own.props.platform_type;
        platform.unwrap_or(PlatformType::UNKNOWN)
    }

    pub(super) fn prologue_answered(&mut self, refused: Option<u16>) {
        match refused {
            Some(code) => self.assertion_refused(code),
            None => self.answered(Ok(())),
        }
    }

    /// The phone sends its key. It may overtake the server's answer to the assertion.
    pub(super) fn receive_continuation(&mut self, node: &NodeRef<'_>, now: Instant) {
        let is_expected = self
            .ceremony
            .as_ref()
            .is_some_and(|ceremony| matches!(ceremony.stage, Stage::Proving(_)));
        if !is_expected {
            return;
        }
        let primary = stanza::content(node, "primary_ephemeral_identity");
        let primary =
            primary.and_then(|bytes| ShortcakeUtils::parse_primary_ephemeral_identity(bytes).ok());
        let Some(primary) = primary else {
            return self.unreadable();
        };
        let nonce = self.advance(|stage| match stage {
            Stage::Proving(exchange) => {
                let nonce = exchange.nonce.clone();
                Ok((nonce, Stage::Revealing { exchange, primary }))
            }
            other => Err(other),
        });
        let Some(nonce) = nonce else {
            return;
        };
        self.forget(|question| question == Question::Prologue);
        self.answered(Ok(()));
        let nonce = stanza::leaf("companion_nonce", nonce.to_vec());
        self.ask(Question::Nonce, "set", nonce, now);
    }

    pub(super) fn nonce_answered(&mut self, refused: Option<u16>, now: Instant) {
        if let Some(code) = refused {
            return self.declined(code);
        }
        let platform = self.platform();
        let compared = self.advance(|stage| match stage {
            Stage::Revealing { exchange, primary } => {
                match compare(&exchange, &primary, platform) {
                    Some((key, code)) => {
                        let stage = Stage::Comparing { key };
                        Ok(((exchange.proof, code), stage))
                    }
                    None => Err(Stage::Revealing { exchange, primary }),
                }
            }
            other => Err(other),
        });
        match compared {
            Some((HandoffProof::Send, _)) => self.hand_over(now),
            Some((HandoffProof::CompareCode, code)) => {
                self.report(Report::PasskeyConfirmation(code));
            }
            None => self.unreadable(),
        }
    }

    /// A person confirms the code. The result follows as [`Output::Answered`].
    pub(super) fn confirm(&mut self, now: Instant) -> Result<(), PasskeyError> {
        let stage = self.ceremony.as_ref().map(|ceremony| &ceremony.stage);
        if !matches!(stage, Some(Stage::Comparing { .. })) {
            return Err(PasskeyError::NotAsked);
        }
        self.hand_over(now);
        Ok(())
    }

    /// Sends this device's keys and a new secret.
    fn hand_over(&mut self, now: Instant) {
        let key = self.advance(|stage| match stage {
            Stage::Comparing { key } => Ok((key, Stage::HandingOver)),
            other => Err(other),
        });
        let (Some(key), Some(noise), Some(identity)) =
            (key, bytes_of(&self.own.noise), bytes_of(&self.own.identity))
        else {
            return self.unreadable();
        };
        let secret = random_key();
        let mut plain = ShortcakeUtils::build_pairing_request(&noise, &identity, &secret);
        let sealed = ShortcakeUtils::encrypt_pairing_request(&plain, &key);
        plain.zeroize();
        let Ok(sealed) = sealed else {
            return self.unreadable();
        };
        // `pair-success` may overtake the server's answer.
        self.secret = secret;
        let request = ShortcakeUtils::build_encrypted_pairing_request(&sealed);
        let request = stanza::leaf("encrypted_pairing_request", request);
        self.ask(Question::Request, "set", request, now);
    }

    pub(super) fn request_answered(&mut self, refused: Option<u16>) {
        if let Some(code) = refused {
            return self.declined(code);
        }
        self.advance(|stage| match stage {
            Stage::HandingOver => Ok(((), Stage::Done)),
            other => Err(other),
        });
        self.answered(Ok(()));
    }

    fn answered(&mut self, result: Result<(), PasskeyError>) {
        self.output(Output::Answered(result));
    }

    fn assertion_refused(&mut self, code: u16) {
        tracing::warn!(code, "WhatsApp refuses the passkey's assertion");
        self.answered(Err(PasskeyError::Refused(code)));
        self.refuse(Refusal::Passkey(CeremonyEnd::AssertionRefused(code)));
    }

    fn declined(&mut self, code: u16) {
        tracing::warn!(code, "the phone declines to link with a passkey");
        self.answered(Err(PasskeyError::Refused(code)));
        self.refuse(Refusal::Passkey(CeremonyEnd::Declined(code)));
    }

    fn unreadable(&mut self) {
        self.answered(Err(PasskeyError::Unreadable));
        self.refuse(Refusal::Passkey(CeremonyEnd::Unreadable));
    }

    pub(super) fn ceremony_expired(&mut self) {
        self.answered(Err(PasskeyError::Expired));
        self.refuse(Refusal::Passkey(CeremonyEnd::Expired));
    }

    /// The connection ends: the keys of a ceremony are lost with it.
    pub(super) fn ceremony_lost(&mut self) {
        if self.ceremony.take().is_some() {
            self.answered(Err(PasskeyError::Disconnected));
            self.refuse(Refusal::Passkey(CeremonyEnd::Lost));
        }
    }
}

/// The key for the phone, and the code that both sides show, as `XXXX-XXXX`.
fn compare(
    exchange: &Exchange,
    primary: &PrimaryEphemeralIdentity,
    platform: PlatformType,
) -> Option<(Key, Secret)> {
    let Exchange {
        pair,
        nonce,
        reference,
        proof: _,
    } = exchange;
    let PrimaryEphemeralIdentity {
        public_key,
        nonce: theirs,
    } = primary;
    let key = ShortcakeUtils::derive_encryption_key(pair, public_key, platform, reference).ok()?;
    let code = ShortcakeUtils::derive_verification_code(nonce, public_key, theirs);
    let (first, second) = code.split_at_checked(4)?;
    Some((Zeroizing::new(key), Secret(format!("{first}-{second}"))))
}
