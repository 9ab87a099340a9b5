//! A passkey ceremony.

use openclaw_sim::shortcake::{Handed, Phone, Prologue};

use super::super::HandoffProof::{self, CompareCode, Send};
use super::super::assertion::tests::answering;
use super::*;

const CHALLENGE: &str = "Y2hhbGxlbmdl";
const OPTIONS: &str = "passkey_request_options";
const DURATION: Duration = Duration::from_secs(300);

fn options(challenge: &str) -> Node {
    let options =
        format!(r#"{{"challenge":"{challenge}","timeout":300000,"rpId":"whatsapp.com"}}"#);
    leaf(OPTIONS, options)
}

fn request(options: Option<Node>) -> Node {
    notification("passkey_prologue_request", options)
}

/// A machine that has been asked for an assertion.
fn asked() -> Bench {
    let mut bench = Bench::offered();
    bench.get(request(Some(options(CHALLENGE))));
    let Some(Report::PasskeyRequest { options, valid }) = bench.reports.last() else {
        panic!("no request");
    };
    assert!(options.0.contains(CHALLENGE));
    assert_eq!(*valid, DURATION);
    bench
}

/// A machine whose assertion is with the server, and the phone's answer.
fn proving(proof: HandoffProof) -> (Bench, Phone) {
    let mut bench = asked();
    let (secret, now) = (bench.secret(), bench.now);
    bench
        .machine
        .answer(answering(CHALLENGE), proof, now)
        .unwrap();
    bench.collect();
    bench.answer([leaf("ref", "the ref")]);
    assert_eq!(
        bench.asked_for(&["passkey_prologue", "credential_id"]),
        b"cred"
    );
    let payload = bench.asked_for(&["passkey_prologue", "prologue_payload"]);
    let prologue = Prologue::read(&payload, "the ref").unwrap();
    let tags = ["passkey_prologue", "pairing_handoff_proof"];
    let has_proof = bench.asked().get_optional_child_by_tag(&tags).is_some();
    assert_eq!(has_proof, proof == Send);
    if has_proof {
        assert!(prologue.is_proven_by(&bench.asked_for(&tags), &secret));
    }
    (bench, Phone::answering(prologue).unwrap())
}

fn continuation(phone: &Phone) -> Node {
    let identity = leaf("primary_ephemeral_identity", phone.identity());
    notification("crsc_continuation", Some(identity))
}

/// A machine that has revealed its nonce, and the code that the phone shows.
fn compared(proof: HandoffProof) -> (Bench, Phone, String) {
    let (mut bench, phone) = proving(proof);
    bench.answer([]);
    assert_eq!(bench.answered, [Ok(())]);
    bench.get(continuation(&phone));
    let code = phone.open_commitment(&bench.asked_for(&["companion_nonce"]));
    bench.answer([]);
    (bench, phone, code.unwrap())
}

/// The phone opens the request, and the device is linked.
fn finish(mut bench: Bench, mut phone: Phone) {
    let request = bench.asked_for(&["encrypted_pairing_request"]);
    let (handed, secret) = phone.open_request(&request).unwrap();
    let noise = bytes_of(&bench.device.noise_key).unwrap();
    let identity = bench.identity();
    assert_eq!(handed, Handed { noise, identity });
    bench.answer([]);
    bench.get(bench.success(&secret, Signing::Ordinary));
    bench.get(stream_error(515));
    assert_eq!(bench.ended, Some(Loss::Restart));
    assert_eq!(*bench.linked.unwrap().secret, secret);
}

#[tokio::test]
async fn with_a_proof_no_code_is_compared() {
    let (bench, phone, _) = compared(Send);
    assert!(matches!(
        bench.reports.last(),
        Some(Report::PasskeyRequest { .. })
    ));
    finish(bench, phone);
}

#[tokio::test]
async fn without_a_proof_a_person_compares_and_confirms_the_code() {
    let (mut bench, phone, code) = compared(CompareCode);
    let Some(Report::PasskeyConfirmation(shown)) = bench.reports.last() else {
        panic!("no code");
    };
    assert_eq!(shown.0.replace('-', ""), code);
    assert_eq!(shown.0.len(), 9);
    let now = bench.now;
    bench.machine.confirm(now).unwrap();
    assert_eq!(bench.machine.confirm(now), Err(PasskeyError::NotAsked));
    bench.collect();
    finish(bench, phone);
}

#[tokio::test]
async fn the_phone_s_answer_may_overtake_the_server_s() {
    let (mut bench, phone) = proving(Send);
    let prologue = bench.asked().clone();
    bench.get(continuation(&phone));
    assert_eq!(bench.answered, [Ok(())]);
    let sent = bench.sent.len();
    bench.get(answer(&prologue, "result", []));
    bench.get(continuation(&phone));
    assert_eq!(bench.sent.len(), sent + 1, "the ack of the repeated one");
    bench.answer([]);
    finish(bench, phone);
}

#[tokio::test]
async fn options_that_are_missing_are_fetched() {
    let mut bench = Bench::offered();
    bench.get(request(None));
    bench.answer([options(CHALLENGE)]);
    assert!(matches!(
        bench.reports.last(),
        Some(Report::PasskeyRequest { .. })
    ));
}

#[tokio::test]
async fn a_ceremony_outlives_the_qr_codes_but_not_its_time_limit() {
    let mut bench = asked();
    let reports = bench.reports.len();
    for _ in 0..14 {
        bench.pass(Duration::from_secs(20));
        bench.get(offer(6));
    }
    assert_eq!(bench.reports.len(), reports, "no code is shown any more");
    bench
        .machine
        .request_code("+15550100001".parse().unwrap(), bench.now);
    bench.pass(Duration::from_secs(20));
    let expired = Refusal::Passkey(CeremonyEnd::Expired);
    assert_eq!(bench.refused(), Some(expired));
    assert_eq!(bench.answered.last(), Some(&Err(PasskeyError::Expired)));
    assert_eq!(bench.ended, None);
    let late = bench.machine.answer(answering(CHALLENGE), Send, bench.now);
    assert_eq!(late, Err(PasskeyError::NotAsked));
}

#[tokio::test]
async fn a_request_without_a_time_limit_ends_after_ten_minutes() {
    for timeout in ["", r#","timeout":86400000"#, r#","timeout":"soon""#] {
        let mut bench = Bench::offered();
        let options = format!(r#"{{"challenge":"{CHALLENGE}"{timeout}}}"#);
        bench.get(request(Some(leaf(OPTIONS, options))));
        let Some(Report::PasskeyRequest { valid, .. }) = bench.reports.last() else {
            panic!("no request");
        };
        assert_eq!(*valid, Duration::from_secs(600), "{timeout}");
    }
}

#[tokio::test]
async fn an_answer_counts_only_for_the_latest_challenge_and_once() {
    let mut bench = Bench::offered();
    let now = bench.now;
    let early = bench.machine.answer(answering(CHALLENGE), Send, now);
    assert_eq!(early, Err(PasskeyError::NotAsked));
    bench.get(request(Some(options("b2xk"))));
    bench.get(request(Some(options(CHALLENGE))));
    let old = bench.machine.answer(answering("b2xk"), Send, now);
    assert_eq!(old, Err(PasskeyError::OtherChallenge));
    assert_eq!(bench.machine.confirm(now), Err(PasskeyError::NotAsked));
    bench
        .machine
        .answer(answering(CHALLENGE), Send, now)
        .unwrap();
    let twice = bench.machine.answer(answering(CHALLENGE), Send, now);
    assert_eq!(twice, Err(PasskeyError::NotAsked));
}

#[tokio::test]
async fn a_repeated_request_starts_anew_until_the_keys_are_handed_over() {
    let (mut bench, phone) = proving(Send);
    bench.get(request(Some(options("bmV3"))));
    assert_eq!(
        bench.answered.last(),
        Some(&Err(PasskeyError::OtherChallenge))
    );
    let sent = bench.sent.len();
    bench.get(continuation(&phone));
    assert_eq!(bench.sent.len(), sent + 1, "the ack: its keys are gone");

    let (mut bench, phone, _) = compared(Send);
    let reports = bench.reports.len();
    bench.get(request(Some(options("bmV3"))));
    assert_eq!(bench.reports.len(), reports);
    finish(bench, phone);
}

#[tokio::test]
async fn each_refusal_names_its_stage() {
    let refused = Some(&Err(PasskeyError::Refused(403)));
    let by_server = Some(Refusal::Passkey(CeremonyEnd::AssertionRefused(403)));
    let (mut bench, _) = proving(Send);
    bench.refuse(403);
    assert_eq!(
        (bench.answered.last(), bench.refused()),
        (refused, by_server)
    );

    let declined = Some(Refusal::Passkey(CeremonyEnd::Declined(403)));
    let (mut bench, phone) = proving(Send);
    bench.get(continuation(&phone));
    bench.refuse(403);
    assert_eq!(bench.refused(), declined, "of the nonce");

    let (mut bench, ..) = compared(CompareCode);
    let now = bench.now;
    bench.machine.confirm(now).unwrap();
    bench.collect();
    bench.refuse(403);
    assert_eq!(
        (bench.answered.last(), bench.refused()),
        (refused, declined)
    );
    assert!(bench.linked.is_none());
}

#[tokio::test]
async fn a_lost_connection_ends_the_ceremony() {
    let (mut bench, _) = proving(Send);
    bench.machine.lost();
    bench.collect();
    let lost = Refusal::Passkey(CeremonyEnd::Lost);
    assert_eq!(bench.refused(), Some(lost));
    assert_eq!(bench.answered, [Err(PasskeyError::Disconnected)]);
    assert_eq!(bench.ended, Some(Loss::Connection));
}

#[tokio::test]
async fn what_cannot_be_read_ends_the_ceremony() {
    let unreadable = Some(Refusal::Passkey(CeremonyEnd::Unreadable));
    let long = format!(
        r#"{{"challenge":"{CHALLENGE}","x":"{}"}}"#,
        "x".repeat(1 << 16)
    );
    for options in [
        "",
        "{}",
        "[]",
        r#"{"challenge":7}"#,
        r#"{"challenge":"+"}"#,
        &long,
    ] {
        let mut bench = Bench::offered();
        bench.get(request(Some(leaf(OPTIONS, options))));
        assert_eq!(bench.refused(), unreadable, "{}", options.len());
    }
    let (_, phone) = proving(Send);
    let whole = phone.identity();
    for end in 0..whole.len() {
        let (mut bench, _) = proving(Send);
        let identity = leaf("primary_ephemeral_identity", &whole[..end]);
        bench.get(notification("crsc_continuation", Some(identity)));
        assert_eq!(bench.refused(), unreadable, "{end}");
    }
    for reference in [vec![], vec![0xff], vec![b'r'; 513]] {
        let mut bench = asked();
        let now = bench.now;
        bench
            .machine
            .answer(answering(CHALLENGE), Send, now)
            .unwrap();
        bench.collect();
        bench.answer([leaf("ref", reference)]);
        assert_eq!(bench.refused(), unreadable);
        assert_eq!(bench.answered, [Err(PasskeyError::Unreadable)]);
    }
}
