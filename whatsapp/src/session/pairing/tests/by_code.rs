//! A code that is typed on the phone.

use openclaw_sim::link_code::{Code, Primary};

use super::*;

const TAG: &str = "link_code_companion_reg";
const REF: &str = "link_code_pairing_ref";

/// A machine that shows a code, the code, and this device's wrapped key.
fn shown() -> (Bench, String, Vec<u8>) {
    let mut bench = Bench::offered();
    bench
        .machine
        .request_code("+15550100001".parse().unwrap(), bench.now);
    bench.collect();
    let wrapped = bench.asked_for(&[TAG, "link_code_pairing_wrapped_companion_ephemeral_pub"]);
    bench.answer([hello(b"the ref")]);
    let Some(Report::PhoneCode { code, .. }) = bench.reports.last() else {
        panic!("no code");
    };
    let code = code.0.clone();
    (bench, code, wrapped)
}

fn hello(reference: &[u8]) -> Node {
    NodeBuilder::new(TAG)
        .children([leaf(REF, reference)])
        .build()
}

fn typed(bench: &Bench, primary: &Primary, reference: &[u8]) -> Node {
    let parts = [
        leaf(
            "link_code_pairing_wrapped_primary_ephemeral_pub",
            primary.wrapped_ephemeral().as_slice(),
        ),
        leaf("primary_identity_pub", bench.account.identity_public()),
        leaf(REF, reference),
    ];
    let hello = NodeBuilder::new(TAG)
        .attr("stage", "primary_hello")
        .children(parts);
    notification(TAG, Some(hello.build()))
}

fn primary(code: &str, wrapped: &[u8]) -> Primary {
    let code: Code = code.parse().unwrap();
    Primary::hello(&code, wrapped).unwrap()
}

#[tokio::test]
async fn a_typed_code_links() {
    let (mut bench, code, wrapped) = shown();
    let display = bench.asked_for(&[TAG, "companion_platform_display"]);
    let display = String::from_utf8(display).unwrap();
    assert!(
        display.contains(" (") && display.ends_with(')'),
        "{display}"
    );
    let primary = primary(&code, &wrapped);
    bench.get(typed(&bench, &primary, b"another ref"));
    assert_eq!(
        bench
            .asked_for(&[TAG, "companion_server_auth_key_pub"])
            .len(),
        32
    );
    bench.get(typed(&bench, &primary, b"the ref"));
    let bundle = bench.asked_for(&[TAG, "link_code_pairing_wrapped_key_bundle"]);
    let secret = primary.finish(&bench.account, &bench.identity(), &bundle);
    let secret = secret.unwrap();
    bench.answer([]);
    bench.get(bench.success(&secret, Signing::Ordinary));
    bench.get(stream_error(515));
    assert!(bench.linked.is_some());
}

#[tokio::test]
async fn a_shown_code_keeps_the_connection_when_the_qr_codes_are_used_up() {
    let (mut bench, code, wrapped) = shown();
    for _ in 0..8 {
        bench.pass(Duration::from_secs(20));
    }
    assert_eq!(bench.ended, None);
    let primary = primary(&code, &wrapped);
    bench.pass(Duration::from_secs(30));
    let sent = bench.sent.len();
    bench.get(typed(&bench, &primary, b"the ref"));
    assert_eq!(
        bench.sent.len(),
        sent + 1,
        "only the ack: the code is 190 s old"
    );
}

#[tokio::test]
async fn a_mistyped_code_is_spent_after_a_minute_and_its_secret_with_it() {
    let (mut bench, code, wrapped) = shown();
    let wrong = if code.starts_with('A') { "B" } else { "A" }.to_owned() + &code[1..];
    let primary = primary(&wrong, &wrapped);
    bench.get(typed(&bench, &primary, b"the ref"));
    let derived = bench.secret();
    // Neither a new code nor a new registration takes the secret from a phone that has answered.
    bench
        .machine
        .request_code("+15550100001".parse().unwrap(), bench.now);
    let child = NodeBuilder::new("companion_reg_refresh").build();
    bench.get(notification("companion_reg_refresh", Some(child)));
    assert_eq!(bench.secret(), derived);
    bench.pass(Duration::from_secs(60));
    assert!(matches!(bench.reports.last(), Some(Report::PhoneCodeSpent)));
    assert_ne!(bench.secret(), derived);
    assert_eq!(bench.ended, None);
}

#[tokio::test]
async fn a_code_may_be_typed_three_times() {
    let (mut bench, code, wrapped) = shown();
    let primary = primary(&code, &wrapped);
    for times in 1..=4 {
        let sent = bench.sent.len();
        bench.get(typed(&bench, &primary, b"the ref"));
        let finished = bench.sent.len() - sent == 2;
        assert_eq!(finished, times <= 3, "{times}");
    }
}

#[tokio::test]
async fn the_server_may_replace_or_refuse_a_code() {
    let (mut bench, ..) = shown();
    let refresh = |reference: &[u8]| {
        let refresh = NodeBuilder::new(TAG)
            .attr("stage", "refresh_code")
            .children([leaf(REF, reference)]);
        notification(TAG, Some(refresh.build()))
    };
    bench.get(refresh(b"another ref"));
    assert!(matches!(
        bench.reports.last(),
        Some(Report::PhoneCode { .. })
    ));
    bench.get(refresh(b"the ref"));
    assert!(matches!(bench.reports.last(), Some(Report::PhoneCodeSpent)));
    bench
        .machine
        .request_code("+15550100001".parse().unwrap(), bench.now);
    bench.collect();
    bench.refuse(429);
    assert_eq!(bench.refused(), Some(Refusal::Server));
}
