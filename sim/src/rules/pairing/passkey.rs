//! Linking with a passkey: before the identity is signed, the companion has to send an assertion of the account's
//! passkey, and to agree with the phone on a code and on a new ADV secret.
//!
//! ```text
//! socket                                                        phone
//!   <-- notification passkey_prologue_request [options] ------------+ scanned, or a code typed
//!   --- iq get passkey_request_options, if they were not in it ---->
//!   --- iq get ref ------------------------------------------------>
//!   --- iq set passkey_prologue {credential, assertion, prologue} ->  signal::webauthn, signal::shortcake
//!   <-- notification crsc_continuation {key, nonce} ----------------+
//!   --- iq set companion_nonce ------------------------------------>  both have the code
//!   --- iq set encrypted_pairing_request -------------------------->  and the person confirms the code
//!   <-- pair-success, under the new secret -------------------------+
//! ```
//!
//! A handoff proof, made with the secret of this or an earlier link, replaces the person's confirmation of the code.

pub(crate) mod person;

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;
use crate::number::Number;
use crate::signal::shortcake::{self, Phone, Prologue};
use crate::signal::webauthn;
use crate::state::error::Error;
use crate::state::link::Link;
use crate::state::passkey::{Ceremony, Stage};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

const REF: &str = "ref";
const OPTIONS: &str = "passkey_request_options";
const PROLOGUE: &str = "passkey_prologue";
const NONCE: &str = "companion_nonce";
const REQUEST: &str = "encrypted_pairing_request";

/// The delay of the phone's response. A real phone answers over a network, when the companion has finished its own
/// request.
const TURNAROUND: Duration = Duration::from_millis(100);

/// Whether an iq belongs to a ceremony.
pub(crate) fn is_part(child: Option<&Node>) -> bool {
    let tags = [REF, OPTIONS, PROLOGUE, NONCE, REQUEST];
    child.is_some_and(|child| tags.contains(&child.tag.as_ref()))
}

/// Requests an assertion from the companion, if the account requires a passkey. Returns the ADV secret to use from now
/// on.
pub(crate) async fn rotate(
    shared: &Shared,
    link: u64,
    account: &Number,
    adv_secret: &[u8; 32],
) -> Result<Option<[u8; 32]>, Error> {
    const RULE: &str = "a passkey ceremony is answered in time";
    let Some((done, timeout)) = begin(shared, link, account, adv_secret)? else {
        return Ok(None);
    };
    let secret = match tokio::time::timeout(timeout, done).await {
        Ok(Ok(outcome)) => outcome?,
        Ok(Err(_)) => return Err(Error::Disconnected),
        Err(_) => {
            let mut state = lock(&shared.state);
            let ceremony = state.pairings.get_mut(&link);
            let ceremony = ceremony.and_then(|pairing| pairing.passkey.as_mut());
            let stage = ceremony.as_ref().map(|ceremony| ceremony.stage);
            if let Some(ceremony) = ceremony {
                ceremony.fail(Error::Timeout, 408);
            }
            drop(state);
            let detail = format!("still {stage:?}, expected its end in {timeout:?}");
            let who = format!("socket {link}");
            lock(&shared.verdicts).require(&who, RULE, false, &detail);
            return Err(Error::Timeout);
        }
    };
    tokio::time::sleep(TURNAROUND).await;
    Ok(Some(secret))
}

/// Requests an assertion from the companion.
#[expect(clippy::type_complexity, reason = "one caller, which destructures it")]
fn begin(
    shared: &Shared,
    link: u64,
    account: &Number,
    adv_secret: &[u8; 32],
) -> Result<Option<(oneshot::Receiver<Result<[u8; 32], Error>>, Duration)>, Error> {
    let mut state = lock(&shared.state);
    let delay = state.delay(Some(account));
    let user = state.user(account);
    let Some(passkey) = &user.passkey else {
        return Ok(None);
    };
    let (timeout, brings_options) = (passkey.timeout, passkey.brings_options);
    let mut known_secrets = user.adv_secrets.clone();
    known_secrets.push(*adv_secret);
    let challenge: [u8; 32] = rand::random();
    let options = webauthn::request_options(&challenge, timeout.as_millis());
    let request = request(brings_options.then_some(options.as_str()));
    let (done, end) = oneshot::channel();
    let pairing = state.pairings.get_mut(&link).ok_or(Error::UnknownRef)?;
    pairing.refs.clear();
    pairing.passkey = Some(Ceremony {
        account: account.clone(),
        challenge,
        options,
        deadline: Instant::now() + timeout,
        stage: Stage::Asked,
        known_secrets,
        reference: None,
        phone: None,
        code: None,
        approved: false,
        secret: None,
        refusal: None,
        done: Some(done),
    });
    pairing.link.send(&request, delay);
    drop(state);
    shared.announce();
    Ok(Some((end, timeout)))
}

/// `passkey_prologue_request`, with or without the options.
fn request(options: Option<&str>) -> Node {
    let options = options.map(|options| stanza::content(OPTIONS, options));
    NodeBuilder::new("notification")
        .attr("from", stanza::server())
        .attr("type", "passkey_prologue_request")
        .attr("id", crate::id::stanza())
        .attr("t", unix_now())
        .children(options)
        .build()
}

/// Handles an iq of a ceremony. One that breaks a rule ends the ceremony.
pub(crate) fn receive(shared: &Shared, link: &Link, node: &Node) -> Node {
    const RULE: &str = "a passkey ceremony follows WebAuthn and WhatsApp's order";
    let Some(child) = stanza::children(node).first() else {
        return stanza::error(node, 400, "bad-request");
    };
    let outcome = match child.tag.as_ref() {
        REF => give_ref(shared, link),
        OPTIONS => give_options(shared, link),
        PROLOGUE => take_prologue(shared, link, child),
        NONCE => take_nonce(shared, link, child),
        _ => take_request(shared, link, child),
    };
    let who = format!("socket {}", link.id);
    lock(&shared.verdicts).check(&who, RULE, outcome.as_ref().map(|_| ()));
    let answer = match outcome {
        Ok(content) => stanza::result(node, content),
        Err(error) => {
            let (code, text) = refusal(&error);
            let answer = stanza::error(node, code, text);
            // An iq after the end does not change the result.
            let _ = in_ceremony(shared, link, |ceremony| ceremony.fail(error, code));
            answer
        }
    };
    shared.announce();
    answer
}

/// The codes are the simulator's choice: WhatsApp's are not known.
const fn refusal(error: &Error) -> (u16, &'static str) {
    match error {
        Error::Passkey(
            webauthn::Error::Credential { .. }
            | webauthn::Error::Signature
            | webauthn::Error::Flags(_)
            | webauthn::Error::Counter { .. },
        )
        | Error::HandoffProof
        | Error::PasskeyCode => (401, "not-authorized"),
        Error::PasskeyRefused => (403, "forbidden"),
        Error::NoCeremony => (404, "item-not-found"),
        Error::Timeout => (408, "request-timeout"),
        _ => (400, "bad-request"),
    }
}

/// Runs `look` on the ceremony of a socket, whatever its stage.
fn in_ceremony<T>(
    shared: &Shared,
    link: &Link,
    look: impl FnOnce(&mut Ceremony) -> T,
) -> Result<T, Error> {
    let mut state = lock(&shared.state);
    let pairing = state.pairings.get_mut(&link.id);
    let ceremony = pairing.and_then(|pairing| pairing.passkey.as_mut());
    ceremony.map(look).ok_or(Error::NoCeremony)
}

/// A ceremony that is in one of these stages and within its time limit.
fn in_stage<T>(
    shared: &Shared,
    link: &Link,
    stages: &[Stage],
    look: impl FnOnce(&mut Ceremony) -> Result<T, Error>,
) -> Result<T, Error> {
    in_ceremony(shared, link, |ceremony| {
        match ceremony.refusal {
            Some(403) => return Err(Error::PasskeyRefused),
            Some(408) => return Err(Error::Timeout),
            _ if Instant::now() >= ceremony.deadline => return Err(Error::Timeout),
            _ if !stages.contains(&ceremony.stage) => return Err(Error::NoCeremony),
            _ => {}
        }
        look(ceremony)
    })?
}

fn give_ref(shared: &Shared, link: &Link) -> Result<Option<Node>, Error> {
    let reference = crate::id::reference();
    let node = stanza::content(REF, reference.as_bytes());
    in_stage(shared, link, &[Stage::Asked], |ceremony| {
        ceremony.reference = Some(reference);
        Ok(Some(node))
    })
}

fn give_options(shared: &Shared, link: &Link) -> Result<Option<Node>, Error> {
    in_stage(shared, link, &[Stage::Asked], |ceremony| {
        Ok(Some(stanza::content(OPTIONS, ceremony.options.as_str())))
    })
}

fn take_prologue(shared: &Shared, link: &Link, child: &Node) -> Result<Option<Node>, Error> {
    let (account, challenge, reference, known_secrets) =
        in_stage(shared, link, &[Stage::Asked], |ceremony| {
            let reference = ceremony.reference.clone();
            Ok((
                ceremony.account.clone(),
                ceremony.challenge,
                reference.ok_or(shortcake::Error::Malformed("ref"))?,
                ceremony.known_secrets.clone(),
            ))
        })?;
    check_assertion(shared, &account, &challenge, child)?;
    let malformed = || shortcake::Error::Malformed("prologue");
    let payload = stanza::child_bytes(child, "prologue_payload").ok_or_else(malformed)?;
    let prologue = Prologue::read(&payload, &reference)?;
    let proof = stanza::child_bytes(child, "pairing_handoff_proof");
    let proven = proof.map(|proof| {
        let mut known = known_secrets.iter();
        known.any(|secret| prologue.is_proven_by(&proof, secret))
    });
    if proven == Some(false) {
        return Err(Error::HandoffProof);
    }
    let phone = Phone::answering(prologue).ok_or_else(malformed)?;
    let continuation = NodeBuilder::new("notification")
        .attr("from", stanza::server())
        .attr("type", "crsc_continuation")
        .attr("id", crate::id::stanza())
        .attr("t", unix_now())
        .children([stanza::content(
            "primary_ephemeral_identity",
            phone.identity(),
        )]);
    in_stage(shared, link, &[Stage::Asked], |ceremony| {
        ceremony.stage = Stage::Proven;
        ceremony.phone = Some(phone);
        ceremony.approved = proven.unwrap_or(false);
        Ok(())
    })?;
    continue_later(shared, link, continuation.build());
    Ok(None)
}

/// The continuation follows the response to the prologue, which is sent when this returns.
fn continue_later(shared: &Shared, link: &Link, continuation: Node) {
    let state = lock(&shared.state);
    let pairing = state.pairings.get(&link.id);
    if let Some(link) = pairing.map(|pairing| pairing.link.clone()) {
        tokio::spawn(async move {
            tokio::time::sleep(TURNAROUND).await;
            link.send(&continuation, None);
        });
    }
}

/// Checks the assertion against the account's passkey.
fn check_assertion(
    shared: &Shared,
    account: &Number,
    challenge: &[u8],
    child: &Node,
) -> Result<(), Error> {
    let (credential, last) = {
        let mut state = lock(&shared.state);
        let passkey = state.user(account).passkey.as_ref();
        let passkey = passkey.ok_or(Error::NoCeremony)?;
        (passkey.credential.clone(), passkey.counter)
    };
    let id = stanza::child_bytes(child, "credential_id");
    let id = id.ok_or(webauthn::Error::Malformed("credential_id"))?;
    if *id != *credential.id {
        return Err(webauthn::Error::Malformed("credential_id, another one").into());
    }
    let assertion = stanza::child_bytes(child, "webauthn_assertion");
    let assertion = assertion.ok_or(webauthn::Error::Malformed("JSON"))?;
    let counter = webauthn::verify(&assertion, &credential, challenge, last)?;
    if let Some(passkey) = &mut lock(&shared.state).user(account).passkey {
        passkey.counter = counter;
    }
    Ok(())
}

fn take_nonce(shared: &Shared, link: &Link, child: &Node) -> Result<Option<Node>, Error> {
    let nonce = stanza::bytes(child).unwrap_or_default();
    let account = in_stage(shared, link, &[Stage::Proven], |ceremony| {
        let phone = ceremony.phone.as_ref().ok_or(Error::NoCeremony)?;
        ceremony.code = Some(phone.open_commitment(&nonce)?);
        ceremony.stage = Stage::CodeShown;
        Ok(ceremony.account.clone())
    })?;
    let confirms = {
        let mut state = lock(&shared.state);
        let passkey = state.user(&account).passkey.as_ref();
        passkey.is_some_and(|passkey| passkey.confirms)
    };
    in_ceremony(shared, link, |ceremony| ceremony.approved |= confirms)?;
    Ok(None)
}

fn take_request(shared: &Shared, link: &Link, child: &Node) -> Result<Option<Node>, Error> {
    let request = stanza::bytes(child).unwrap_or_default();
    let (handed, secret) = in_stage(shared, link, &[Stage::CodeShown], |ceremony| {
        let phone = ceremony.phone.as_mut().ok_or(Error::NoCeremony)?;
        Ok(phone.open_request(&request)?)
    })?;
    let (noise, identity) = {
        let state = lock(&shared.state);
        let pairing = state.pairings.get(&link.id).ok_or(Error::Disconnected)?;
        (pairing.noise, pairing.keys.identity)
    };
    if handed.noise != noise {
        return Err(shortcake::Error::Foreign("Noise key").into());
    }
    if handed.identity != identity {
        return Err(shortcake::Error::Foreign("identity key").into());
    }
    in_ceremony(shared, link, |ceremony| {
        ceremony.stage = Stage::Handed;
        ceremony.secret = Some(secret);
        ceremony.finish();
    })?;
    Ok(None)
}

#[cfg(test)]
mod tests;
