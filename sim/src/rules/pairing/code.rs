//! Linking by a code: the companion shows 8 characters, the person types them on the phone.
//!
//! The server sees neither the code nor the keys, and selects the phone by the number only.
//! [`crate::signal::link_code`] has the cryptography of both sides.

use std::sync::Arc;

use tokio::sync::oneshot;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;
use crate::number::Number;
use crate::rules::pairing;
use crate::signal::link_code::{Code, Primary};
use crate::state::config::Leniency;
use crate::state::error::Error;
use crate::state::link::Link;
use crate::state::pairing::{CodeRequest, Finish, Linked};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

const TAG: &str = "link_code_companion_reg";
const REF: &str = "link_code_pairing_ref";
const WRAPPED_COMPANION: &str = "link_code_pairing_wrapped_companion_ephemeral_pub";
const WRAPPED_PRIMARY: &str = "link_code_pairing_wrapped_primary_ephemeral_pub";
const WRAPPED_BUNDLE: &str = "link_code_pairing_wrapped_key_bundle";

/// Handles both stages of the companion.
pub(crate) fn receive(shared: &Shared, link: &Arc<Link>, node: &Node) -> Node {
    let outcome = match node.get_optional_child(TAG) {
        Some(stage) if stanza::is(stage, "stage", "companion_hello") => {
            companion_hello(shared, link, stage)
        }
        Some(stage) if stanza::is(stage, "stage", "companion_finish") => {
            companion_finish(shared, link, stage)
        }
        _ => Err("no such stage"),
    };
    let who = format!("socket {}", link.id);
    let rule = "linking by code has two well-formed stages";
    lock(&shared.verdicts).check(&who, rule, outcome.as_ref().map(|_| ()));
    match outcome {
        Ok(content) => {
            shared.announce();
            stanza::result(node, content)
        }
        Err(_) => stanza::error(node, 400, "bad-request"),
    }
}

fn companion_hello(
    shared: &Shared,
    link: &Link,
    stage: &Node,
) -> Result<Option<Node>, &'static str> {
    let jid = stanza::jid(stage, "jid").ok_or("no jid")?;
    let account = jid.user.parse().map_err(|_| "jid is not a phone number")?;
    let display = stanza::child_bytes(stage, "companion_platform_display").unwrap_or_default();
    if shared.config.is_strict(Leniency::Logins) && !is_a_browser(&display) {
        return Err("the display name is not like `Chrome (Linux)`");
    }
    let wrapped_ephemeral =
        stanza::child_bytes(stage, WRAPPED_COMPANION).ok_or("no wrapped ephemeral key")?;
    if wrapped_ephemeral.len() != 80 {
        return Err("the wrapped ephemeral key does not have 80 bytes");
    }
    let noise: [u8; 32] =
        stanza::child_array(stage, "companion_server_auth_key_pub").ok_or("no Noise key")?;
    let mut state = lock(&shared.state);
    let pairing = state
        .pairings
        .get_mut(&link.id)
        .ok_or("the socket does not wait to be linked")?;
    if pairing.noise != noise {
        return Err("the Noise key differs from this socket's");
    }
    let reference = crate::id::reference().into_bytes();
    let answer = NodeBuilder::new(TAG)
        .attr("stage", "companion_hello")
        .children([stanza::content(REF, reference.as_slice())])
        .build();
    let wrapped_ephemeral = wrapped_ephemeral.into_owned();
    pairing.code = Some(CodeRequest {
        account,
        reference,
        wrapped_ephemeral,
        finish: None,
    });
    Ok(Some(answer))
}

/// A browser and its system, as the server requires (whatsapp-rust#979).
fn is_a_browser(display: &[u8]) -> bool {
    let display = std::str::from_utf8(display).unwrap_or_default();
    let Some((browser, system)) = display.split_once(" (") else {
        return false;
    };
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || it == ' ')
    };
    let system = system.strip_suffix(')').is_some_and(is_name);
    let browsers = ["Chrome", "Edge", "Firefox", "IE", "Opera", "Safari"];
    system && browsers.contains(&browser)
}

fn companion_finish(
    shared: &Shared,
    link: &Link,
    stage: &Node,
) -> Result<Option<Node>, &'static str> {
    let wrapped_bundle = stanza::child_bytes(stage, WRAPPED_BUNDLE)
        .ok_or("no key bundle")?
        .into_owned();
    let identity =
        stanza::child_array(stage, "companion_identity_public").ok_or("no identity key")?;
    let reference = stanza::child_bytes(stage, REF).ok_or("no ref")?;
    let mut state = lock(&shared.state);
    let pairing = state
        .pairings
        .get_mut(&link.id)
        .ok_or("the socket does not wait to be linked")?;
    if pairing.keys.identity != identity {
        return Err("the identity is not the registered one");
    }
    let request = pairing.code.as_mut().ok_or("finish without hello")?;
    if request.reference != reference.as_ref() {
        return Err("the ref differs from that of the hello");
    }
    let finish = request
        .finish
        .take()
        .ok_or("finish before the phone's hello")?;
    // The caller that typed the code may have given up.
    let _ = finish.send(Finish {
        identity,
        wrapped_bundle,
    });
    Ok(None)
}

/// The person types a code on the phone of `account`. A wrong one links nothing, and may be typed again.
pub(crate) async fn enter(shared: &Shared, account: &Number, code: Code) -> Result<Linked, Error> {
    let (link, wrapped_ephemeral) = code_request(shared, account)?;
    let party = Arc::clone(&lock(&shared.state).user(account).party);
    // PBKDF2 takes some tenths of a second.
    let hello = tokio::task::spawn_blocking(move || Primary::hello(&code, &wrapped_ephemeral));
    let primary = match hello.await {
        Ok(primary) => primary?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    let finish = primary_hello(shared, link, &primary, lock(&party).identity_public())?;
    let Finish {
        identity,
        wrapped_bundle,
    } = match tokio::time::timeout(shared.config.timeout, finish).await {
        Ok(Ok(finish)) => finish,
        Ok(Err(_)) => return Err(Error::Disconnected),
        Err(_) => return Err(Error::Timeout),
    };
    let adv_secret = primary.finish(&lock(&party), &identity, &wrapped_bundle)?;
    pairing::pair(shared, link, account, &adv_secret).await
}

/// The latest socket that waits for this account's phone, and its wrapped key.
fn code_request(shared: &Shared, account: &Number) -> Result<(u64, Vec<u8>), Error> {
    let state = lock(&shared.state);
    let waiting = state.pairings.iter().filter_map(|(link, pairing)| {
        let request = pairing
            .code
            .as_ref()
            .filter(|request| request.account == *account)?;
        Some((*link, request.wrapped_ephemeral.clone()))
    });
    waiting
        .max_by_key(|(link, _)| *link)
        .ok_or(Error::NoCodeRequest)
}

/// Notifies the companion that the code was typed.
fn primary_hello(
    shared: &Shared,
    link: u64,
    primary: &Primary,
    identity: [u8; 32],
) -> Result<oneshot::Receiver<Finish>, Error> {
    let mut state = lock(&shared.state);
    let delay = state.faults.delay;
    let pairing = state.pairings.get_mut(&link).ok_or(Error::Disconnected)?;
    let request = pairing.code.as_mut().ok_or(Error::NoCodeRequest)?;
    let (done, finish) = oneshot::channel();
    request.finish = Some(done);
    let hello = NodeBuilder::new(TAG)
        .attr("stage", "primary_hello")
        .children([
            stanza::content(WRAPPED_PRIMARY, primary.wrapped_ephemeral().as_slice()),
            stanza::content("primary_identity_pub", identity),
            stanza::content(REF, request.reference.as_slice()),
        ])
        .build();
    let notification = NodeBuilder::new("notification")
        .attr("from", stanza::server())
        .attr("type", TAG)
        .attr("id", crate::id::stanza())
        .attr("t", unix_now())
        .children([hello])
        .build();
    pairing.link.send(&notification, delay);
    Ok(finish)
}
