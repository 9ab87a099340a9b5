//! Linking an account that requires a passkey: the whole ceremony, and every way in which it fails.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openclaw_sim::{Error, Linked, Passkeys, Phone, webauthn};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::passkey::{Assertion, CallbackAuthenticator, PasskeyError};
use whatsapp_rust::types::events::Event;

use crate::client::{Companion, TEST_TIMEOUT, assert_clean};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";

/// The phone scans a code and waits for the end of the ceremony.
async fn scan(server: &Controlled, companion: &Companion) -> JoinHandle<Result<Linked, Error>> {
    let qr = companion.qr().await;
    let phone = phone(server);
    tokio::spawn(async move { phone.scan(&qr).await })
}

fn phone(server: &Controlled) -> Phone {
    server.sim.phone(ACCOUNT).expect("a phone")
}

async fn options(companion: &Companion) -> String {
    companion
        .wait_for(|event| match event {
            Event::PairPasskeyRequest(request) => Some(request.request_options_json.clone()),
            _ => None,
        })
        .await
}

fn assertion(json: &Value) -> Assertion {
    let id = json["rawId"].as_str().expect("an id");
    Assertion {
        assertion_json: json.to_string().into_bytes(),
        credential_id: URL_SAFE_NO_PAD.decode(id).expect("base64url"),
    }
}

/// The code that the companion shows.
async fn shown(companion: &Companion) -> String {
    companion
        .wait_for(|event| match event {
            Event::PairPasskeyConfirmation(confirmation) => {
                assert!(!confirmation.skip_handoff_ux, "a first link has no proof");
                Some(confirmation.code.clone())
            }
            _ => None,
        })
        .await
}

/// A companion whose client makes assertions with the account's passkey automatically.
async fn asserting(server: &Controlled, passkeys: Passkeys) -> Companion {
    let companion = Companion::start(&server.sim).await;
    let phone = phone(server);
    phone.require_passkey(passkeys).expect("registered");
    let client = companion.client();
    client.set_passkey_authenticator(authenticator(phone)).await;
    companion
}

/// The client shows its code and confirms; the phone has confirmed automatically.
async fn confirmed(
    server: &Controlled,
    companion: Companion,
    scan: JoinHandle<Result<Linked, Error>>,
) {
    shown(&companion).await;
    let confirmed = companion.client().send_passkey_confirmation().await;
    confirmed.expect("confirmed");
    finished(scan).await.expect("linked");
    companion.connected().await;
    assert_clean(&server.sim);
    companion.stop().await;
}

async fn finished(scan: JoinHandle<Result<Linked, Error>>) -> Result<Linked, Error> {
    let scanned = tokio::time::timeout(TEST_TIMEOUT, scan).await;
    scanned.expect("in time").expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_with_a_passkey_is_linked_by_an_assertion_and_a_code() {
    let server = Controlled::start().await;
    let companion = Companion::start(&server.sim).await;
    server.post("/passkey", json!({ "account": ACCOUNT })).await;
    let scan = scan(&server, &companion).await;
    let options = options(&companion).await;
    let parsed = whatsapp_rust::passkey::parse_request_options(&options).expect("options");
    assert_eq!(parsed.rp_id.as_deref(), Some("whatsapp.com"));
    let asked = json!({ "account": ACCOUNT, "options": options });
    let made = server.post("/passkey/assert", asked).await;
    let client = companion.client();
    client
        .send_passkey_response(assertion(&made))
        .await
        .expect("taken");
    let code = shown(&companion).await;
    let seen = server.get("/passkey/ceremony?account=15550100001").await;
    assert_eq!(seen["ceremony"]["code"], code, "both show the same code");
    let confirmed = json!({ "account": ACCOUNT, "code": code });
    server.post("/passkey/confirm", confirmed).await;
    client.send_passkey_confirmation().await.expect("confirmed");
    assert_eq!(finished(scan).await.expect("linked").account, ACCOUNT);
    companion.connected().await;
    assert_clean(&server.sim);
    companion.stop().await;
}

/// Answers assertion requests with the account's passkey.
fn authenticator(phone: Phone) -> Arc<CallbackAuthenticator> {
    let answer = move |request: whatsapp_rust::passkey::AssertionRequest| {
        let phone = phone.clone();
        let answer = async move {
            let options: Value = serde_json::from_str(&request.raw_options_json)
                .map_err(|error| PasskeyError::Backend(error.to_string()))?;
            let made = phone
                .assert_passkey(&options, &webauthn::Forgery::default())
                .map_err(|error| PasskeyError::Backend(error.to_string()))?;
            Ok(assertion(&made))
        };
        Box::pin(answer) as std::pin::Pin<Box<_>>
    };
    Arc::new(CallbackAuthenticator::new(answer))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_fetches_options_that_the_request_does_not_contain() {
    let server = Controlled::start().await;
    let passkeys = Passkeys {
        brings_options: false,
        confirms: true,
        ..Passkeys::default()
    };
    let companion = asserting(&server, passkeys).await;
    let scan = scan(&server, &companion).await;
    confirmed(&server, companion, scan).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_code_requires_the_passkey_as_well() {
    let server = Controlled::start().await;
    let passkeys = Passkeys {
        confirms: true,
        ..Passkeys::default()
    };
    let companion = asserting(&server, passkeys).await;
    companion.qr().await;
    let code = companion
        .client()
        .pair_with_code(PairCodeOptions {
            phone_number: "15550100001".into(),
            ..Default::default()
        })
        .await
        .expect("a code");
    let phone = phone(&server);
    let typed = tokio::spawn(async move { phone.enter_code(&code).await });
    confirmed(&server, companion, typed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_assertion_is_refused_with_its_error() {
    for (forgery, named) in [
        (
            json!({ "origin": "https://example.org" }),
            "expected https://web.whatsapp.com",
        ),
        (json!({ "challenge": "AAAA" }), "challenge AAAA, expected"),
        (json!({ "foreign_key": true }), "does not verify"),
        (json!({ "flags": 1 }), "present and verified"),
        (json!({ "rp_id": "example.org" }), "expected whatsapp.com"),
    ] {
        let server = Controlled::start().await;
        let companion = Companion::start(&server.sim).await;
        server.post("/passkey", json!({ "account": ACCOUNT })).await;
        let scan = scan(&server, &companion).await;
        let asked = json!({
            "account": ACCOUNT, "options": options(&companion).await, "forgery": forgery,
        });
        let made = server.post("/passkey/assert", asked).await;
        let client = companion.client();
        let refused = client.send_passkey_response(assertion(&made)).await;
        assert!(refused.is_err(), "{named}");
        let error = finished(scan).await.expect_err("not linked");
        assert!(matches!(error, Error::Passkey(_)), "{error:?}");
        let violations = server.sim.violations();
        assert!(violations[0].detail.contains(named), "{violations:?}");
        companion.stop().await;
    }
}

/// A companion that shows its code, and the pending scan.
async fn at_the_code(
    server: &Controlled,
) -> (Companion, JoinHandle<Result<Linked, Error>>, String) {
    let companion = Companion::start(&server.sim).await;
    server.post("/passkey", json!({ "account": ACCOUNT })).await;
    let scan = scan(server, &companion).await;
    let asked = json!({ "account": ACCOUNT, "options": options(&companion).await });
    let made = server.post("/passkey/assert", asked).await;
    let client = companion.client();
    client
        .send_passkey_response(assertion(&made))
        .await
        .expect("taken");
    let code = shown(&companion).await;
    (companion, scan, code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_code_ends_the_ceremony() {
    let server = Controlled::start().await;
    let (companion, scan, code) = at_the_code(&server).await;
    let wrong = if code.starts_with('A') { "B" } else { "A" }.to_owned() + &code[1..];
    let outcome = phone(&server).confirm_passkey(&wrong);
    assert!(matches!(outcome, Err(Error::PasskeyCode)), "{outcome:?}");
    let error = finished(scan).await.expect_err("not linked");
    assert!(matches!(error, Error::PasskeyCode), "{error:?}");
    assert!(
        companion
            .client()
            .send_passkey_confirmation()
            .await
            .is_err()
    );
    let violations = server.sim.violations();
    assert!(violations[0].detail.contains("expected"), "{violations:?}");
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_declines_links_nothing() {
    let server = Controlled::start().await;
    let (companion, scan, _) = at_the_code(&server).await;
    server
        .post("/passkey/refuse", json!({ "account": ACCOUNT }))
        .await;
    let error = finished(scan).await.expect_err("not linked");
    assert!(matches!(error, Error::PasskeyRefused), "{error:?}");
    // The client has broken no rule.
    assert_clean(&server.sim);
    assert!(
        companion
            .client()
            .send_passkey_confirmation()
            .await
            .is_err()
    );
    assert!(phone(&server).companions().is_empty());
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ceremony_ends_in_time() {
    let server = Controlled::start().await;
    let companion = Companion::start(&server.sim).await;
    let passkeys = Passkeys {
        timeout: Duration::from_secs(1),
        ..Passkeys::default()
    };
    let phone = phone(&server);
    phone.require_passkey(passkeys).expect("registered");
    let scan = scan(&server, &companion).await;
    let options: Value = serde_json::from_str(&options(&companion).await).expect("JSON");
    let error = finished(scan).await.expect_err("not linked");
    assert!(matches!(error, Error::Timeout), "{error:?}");
    let violations = server.sim.violations();
    assert_eq!(violations[0].rule, "a passkey ceremony is answered in time");
    let made = phone
        .assert_passkey(&options, &webauthn::Forgery::default())
        .expect("made");
    let late = companion
        .client()
        .send_passkey_response(assertion(&made))
        .await;
    assert!(late.is_err());
    companion.stop().await;
}
