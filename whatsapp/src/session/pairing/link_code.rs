//! Linking by a code of eight characters, which this device shows and a person types on the phone. Pure.
//!
//! ```text
//! this device                                                     server, and the phone
//!   the key that the code encrypts: [`Work::Wrap`]
//!   --- companion_hello {number, wrapped key} ---------------------->
//!   <-- ref --------------------------------------------------------   the code is shown
//!   <-- primary_hello {ref, wrapped key, identity} ------------------  it was typed; up to three times
//!   the phone's key: [`Work::Unwrap`]
//!   --- companion_finish {bundle} ---------------------------------->  both sides have a new ADV secret
//!   <-- pair-success, or nothing for a minute ----------------------   the code was wrong
//! ```

use std::time::Duration;

use openclaw_types::Phone;
use tokio::time::Instant;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::pair_code::{
    PairCodeOptions, PairCodeUtils, resolve_companion_platform,
};
use whatsapp_rust::wacore::shortcake::ShortcakeUtils;
use whatsapp_rust::wacore_binary::NodeRef;
use zeroize::Zeroizing;

use super::machine::{ANSWER_TIMEOUT, Machine, Output, Question};
use super::stanza;
use crate::session::{Refusal, Report, Secret};

const TAG: &str = "link_code_companion_reg";
const REF: &str = "link_code_pairing_ref";
const WRAPPED_PRIMARY: &str = "link_code_pairing_wrapped_primary_ephemeral_pub";

/// A code that is requested or shown.
pub(super) struct LinkCode {
    /// Distinguishes it from earlier ones.
    number: u64,
    phone: Phone,
    code: Zeroizing<String>,
    ephemeral: KeyPair,
    since: Instant,
    /// The server's reference, when the code is shown.
    reference: Option<Vec<u8>>,
    /// How often it was typed.
    attempts: u32,
    /// When `pair-success` is overdue.
    overdue: Option<Instant>,
}

/// A slow computation: 131,072 rounds of PBKDF2.
pub(super) enum Work {
    /// Encrypts this device's key with the code.
    Wrap {
        public: [u8; 32],
        code: Zeroizing<String>,
    },
    /// Decrypts the phone's key.
    Unwrap {
        wrapped: [u8; 80],
        identity: [u8; 32],
        code: Zeroizing<String>,
    },
}

/// Its result.
pub(super) enum Done {
    Wrapped([u8; 80]),
    Unwrapped {
        ephemeral: Option<[u8; 32]>,
        identity: [u8; 32],
    },
}

impl Work {
    /// Computes it.
    pub(super) fn run(self) -> Done {
        match self {
            Self::Wrap { public, code } => {
                Done::Wrapped(PairCodeUtils::encrypt_ephemeral_pub(&public, &code))
            }
            Self::Unwrap {
                wrapped,
                identity,
                code,
            } => Done::Unwrapped {
                ephemeral: PairCodeUtils::decrypt_primary_ephemeral_pub(&wrapped, &code).ok(),
                identity,
            },
        }
    }
}

impl LinkCode {
    /// When the code is spent, if it was typed.
    pub(super) fn due(&self) -> Option<Instant> {
        self.overdue
    }

    /// Whether it was typed, so that `pair-success` may follow.
    pub(super) fn is_answered(&self) -> bool {
        self.overdue.is_some()
    }

    fn valid(&self, now: Instant) -> Duration {
        let age = now.saturating_duration_since(self.since);
        PairCodeUtils::code_validity().saturating_sub(age)
    }
}

impl Machine {
    /// Requests a code for this number. It replaces an earlier one, unless that was typed just now.
    pub(super) fn request_code(&mut self, phone: Phone, now: Instant) {
        let is_answered = self.link_code.as_ref().is_some_and(LinkCode::is_answered);
        if !self.is_waiting() || self.ceremony.is_some() || is_answered {
            return;
        }
        let number = self.next_number();
        let code = Zeroizing::new(PairCodeUtils::generate_code());
        let ephemeral = ShortcakeUtils::generate_companion_ephemeral_keypair();
        let public = bytes_of(&ephemeral);
        let wrap = public.map(|public| Work::Wrap {
            public,
            code: code.clone(),
        });
        self.link_code = Some(LinkCode {
            number,
            phone,
            code,
            ephemeral,
            since: now,
            reference: None,
            attempts: 0,
            overdue: None,
        });
        if let Some(work) = wrap {
            self.output(Output::Work(number, work));
        }
    }

    /// A computation is done.
    pub(super) fn work_done(&mut self, number: u64, done: &Done, now: Instant) {
        let current = self.link_code.as_ref().map(|code| code.number);
        if !self.is_waiting() || current != Some(number) {
            return;
        }
        match done {
            Done::Wrapped(wrapped) => self.say_hello(wrapped, now),
            Done::Unwrapped {
                ephemeral,
                identity,
            } => self.finish(*ephemeral, identity),
        }
    }

    fn say_hello(&mut self, wrapped: &[u8; 80], now: Instant) {
        let id = self.next_id();
        let Some(code) = &self.link_code else {
            return;
        };
        let Some(noise) = bytes_of(&self.own.noise) else {
            return;
        };
        // The name on the phone is that of a browser, whatever this device is called: the server refuses others.
        let options = PairCodeOptions::default();
        let (client, display) = resolve_companion_platform(&options, &self.own.props);
        let hello = PairCodeUtils::build_companion_hello_iq(
            code.phone.digits(),
            &noise,
            wrapped,
            &client.to_string(),
            &display,
            options.show_push_notification,
            id.clone(),
        );
        let question = Question::Hello(code.number);
        self.ask_as(id, question, Some(now + ANSWER_TIMEOUT));
        self.send(hello);
    }

    pub(super) fn hello_answered(
        &mut self,
        number: u64,
        node: &NodeRef<'_>,
        refused: Option<u16>,
        now: Instant,
    ) {
        let Some(code) = &mut self.link_code else {
            return;
        };
        if code.number != number {
            return;
        }
        let reference = PairCodeUtils::parse_companion_hello_response(node);
        match reference.filter(|_| refused.is_none()) {
            Some(reference) => {
                code.reference = Some(reference);
                let valid = code.valid(now);
                let code = Secret(code.code.to_string());
                self.report(Report::PhoneCode { code, valid });
            }
            None => {
                tracing::warn!(code = refused, "WhatsApp gives no code to type");
                self.refuse(Refusal::Server);
            }
        }
    }

    /// The code was typed, or it has to be replaced.
    pub(super) fn receive_link_code(&mut self, node: &NodeRef<'_>, now: Instant) {
        let Some(news) = node.get_optional_child(TAG) else {
            return;
        };
        let Some(code) = &mut self.link_code else {
            return;
        };
        // One for an earlier code counts as little as one without a reference.
        let reference = stanza::content(news, REF);
        if reference.is_none() || reference != code.reference.as_deref() {
            return;
        }
        match stanza::text(news, "stage").as_deref() {
            Some("refresh_code") => {
                self.link_code = None;
                self.report(Report::PhoneCodeSpent);
            }
            Some("primary_hello") => {
                let wrapped = stanza::content_array(news, WRAPPED_PRIMARY);
                let identity = stanza::content_array(news, "primary_identity_pub");
                let is_valid = !code.valid(now).is_zero()
                    && code.attempts < PairCodeUtils::max_primary_hello_attempts();
                let (Some(wrapped), Some(identity), true) = (wrapped, identity, is_valid) else {
                    return;
                };
                code.attempts += 1;
                let timeout = PairCodeUtils::primary_hello_pair_success_timeout();
                code.overdue = Some(now + timeout);
                let (number, code) = (code.number, code.code.clone());
                let work = Work::Unwrap {
                    wrapped,
                    identity,
                    code,
                };
                self.output(Output::Work(number, work));
            }
            _ => {}
        }
    }

    fn finish(&mut self, ephemeral: Option<[u8; 32]>, identity: &[u8; 32]) {
        let id = self.next_id();
        let Some(code) = &self.link_code else {
            return;
        };
        let bundle = ephemeral.and_then(|ephemeral| {
            let own = &self.own.identity;
            PairCodeUtils::prepare_key_bundle(&code.ephemeral, &ephemeral, identity, own).ok()
        });
        let (Some((bundle, secret)), Some(own), Some(reference)) =
            (bundle, bytes_of(&self.own.identity), &code.reference)
        else {
            // As with a wrong code, the phone gets no answer, and the code is spent after a minute.
            tracing::warn!("the phone's key for the typed code is invalid");
            return;
        };
        let phone = code.phone.digits();
        let finish =
            PairCodeUtils::build_companion_finish_iq(phone, bundle, &own, reference, id.clone());
        let question = Question::Finish(code.number);
        *self.secret = secret;
        // Without an answer, the code is spent after a minute.
        self.ask_as(id, question, None);
        self.send(finish);
    }

    pub(super) fn finish_answered(&mut self, number: u64, refused: Option<u16>) {
        let current = self.link_code.as_ref().map(|code| code.number);
        if let Some(code) = refused
            && current == Some(number)
        {
            tracing::warn!(code, "WhatsApp refuses the typed code");
            self.refuse(Refusal::Server);
        }
    }

    /// The phone could not use the code.
    pub(super) fn link_code_spent(&mut self, now: Instant) {
        self.link_code = None;
        // The secret was derived with the phone.
        self.renew_secret(now);
        self.report(Report::PhoneCodeSpent);
    }
}

/// The public key.
pub(super) fn bytes_of(pair: &KeyPair) -> Option<[u8; 32]> {
    pair.public_key.public_key_bytes().try_into().ok()
}
