//! Accounts with a passkey: the ceremony over the API, as the person and the browser see it.

mod program;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::pair_frame::Frame;
use openclaw_proto::v1::passkey_challenge::Stage;
use openclaw_proto::v1::{LinkState, PairFailureReason};
use openclaw_sim::webauthn::Forgery;
use openclaw_sim::{Error, Fault, Linked, Passkeys};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use crate::harness::{ACCOUNT, Pairing, World, refusal, seconds};

/// A pairing whose phone has scanned the code, and whose challenge has arrived.
struct Ceremony {
    world: World,
    pairing: Pairing,
    options: Value,
    scan: JoinHandle<Result<Linked, Error>>,
}

impl Ceremony {
    async fn begin() -> Self {
        let world = World::new().await;
        world.phone().require_passkey(Passkeys::default()).unwrap();
        let request = pb::PairRequest {
            timeout: seconds(30),
            ..pb::PairRequest::by_qr()
        };
        let mut pairing = world.pair(request).await.unwrap();
        let qr = pairing.qr().await;
        let phone = world.phone();
        let scan = tokio::spawn(async move { phone.scan(&qr.payload).await });
        let challenge = challenge(&mut pairing).await;
        assert!(challenge.expires_at.is_some(), "beyond the pairing's 30 s");
        let Some(Stage::RequestOptionsJson(options)) = challenge.stage else {
            panic!("no options");
        };
        let options = serde_json::from_str(&options).unwrap();
        Self {
            world,
            pairing,
            options,
            scan,
        }
    }

    fn assertion(&self, forgery: &Forgery) -> String {
        let phone = self.world.phone();
        phone
            .assert_passkey(&self.options, forgery)
            .unwrap()
            .to_string()
    }

    async fn answer(&self, assertion_json: String, compare_code: bool) -> Result<(), Status> {
        let request = pb::AnswerPasskeyRequest {
            assertion_json,
            compare_code,
        };
        self.world.client().answer_passkey(request).await.map(drop)
    }

    async fn confirm(&self, code: &str) -> Result<(), Status> {
        let code = code.to_owned();
        let request = pb::ConfirmPasskeyRequest { code };
        self.world.client().confirm_passkey(request).await.map(drop)
    }

    /// Answers, and returns the code that both sides show.
    async fn code(&mut self) -> String {
        let assertion = self.assertion(&Forgery::default());
        self.answer(assertion, true).await.unwrap();
        let challenge = challenge(&mut self.pairing).await;
        let Some(Stage::ConfirmationCode(code)) = challenge.stage else {
            panic!("no code");
        };
        let seen = self.world.phone().passkey_ceremony().unwrap();
        assert_eq!(seen.code.as_deref(), Some(code.as_str()));
        code
    }

    async fn linked(self) {
        assert_eq!(self.pairing.linked().await.phone, ACCOUNT);
        self.scan.await.unwrap().unwrap();
        self.world.everything_reports_connected().await;
        self.world.finish().await;
    }

    async fn failed(self, reason: PairFailureReason) {
        let failed = self.pairing.failed().await;
        assert_eq!(failed.reason(), reason);
        assert!(failed.hint.contains("pair again"), "{}", failed.hint);
        self.world.agent.until_state(LinkState::Unlinked).await;
        self.world.check_output();
        self.world.abandon();
    }
}

async fn challenge(pairing: &mut Pairing) -> pb::PasskeyChallenge {
    loop {
        match pairing.next().await {
            Some(Frame::Passkey(challenge)) => return challenge,
            Some(Frame::Qr(_)) => {}
            other => panic!("no challenge but {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_account_with_a_passkey_links_by_an_assertion() {
    let ceremony = Ceremony::begin().await;
    let assertion = ceremony.assertion(&Forgery::default());
    ceremony.answer(assertion, false).await.unwrap();
    ceremony.linked().await;
}

#[tokio::test]
async fn a_person_may_compare_a_code_instead() {
    let mut ceremony = Ceremony::begin().await;
    let code = ceremony.code().await;
    let refused = ceremony.confirm("ZZZZ-ZZZZ").await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::InvalidArgument, "OTHER_CODE".to_owned())
    );
    ceremony.world.phone().confirm_passkey(&code).unwrap();
    let typed = code.replace('-', " ").to_lowercase();
    ceremony.confirm(&typed).await.unwrap();
    ceremony.linked().await;
}

#[tokio::test]
async fn three_wrong_codes_end_the_pairing() {
    let mut ceremony = Ceremony::begin().await;
    ceremony.code().await;
    for _ in 0..3 {
        let refused = ceremony.confirm("ZZZZ-ZZZZ").await.unwrap_err();
        assert_eq!(refusal(&refused).1, "OTHER_CODE");
    }
    let refused = ceremony.confirm("ZZZZ-ZZZZ").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NO_PAIRING");
    ceremony.failed(PairFailureReason::PasskeyRefused).await;
}

#[tokio::test]
async fn an_answer_to_something_else_changes_nothing() {
    let ceremony = Ceremony::begin().await;
    let other = Forgery {
        challenge: Some("AAAA".to_owned()),
        ..Forgery::default()
    };
    let elsewhere = Forgery {
        origin: Some("https://example.org".to_owned()),
        ..Forgery::default()
    };
    for (answer, reason) in [
        (String::new(), "INVALID_ARGUMENT"),
        ("{}".to_owned(), "INVALID_ARGUMENT"),
        ("x".repeat(70_000), "INVALID_ARGUMENT"),
        (ceremony.assertion(&elsewhere), "INVALID_ARGUMENT"),
        (ceremony.assertion(&other), "OTHER_CHALLENGE"),
    ] {
        let refused = ceremony.answer(answer, false).await.unwrap_err();
        assert_eq!(refusal(&refused).1, reason);
    }
    let refused = ceremony.confirm("ABCD-1234").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "CODE_NOT_REQUESTED");
    let assertion = ceremony.assertion(&Forgery::default());
    ceremony.answer(assertion, false).await.unwrap();
    ceremony.linked().await;
}

#[tokio::test]
async fn an_assertion_that_whatsapp_refuses_ends_the_pairing() {
    let ceremony = Ceremony::begin().await;
    let foreign = Forgery {
        foreign_key: true,
        ..Forgery::default()
    };
    let refused = ceremony.answer(ceremony.assertion(&foreign), false).await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "ASSERTION_REFUSED");
    ceremony.failed(PairFailureReason::PasskeyRefused).await;
}

#[tokio::test]
async fn a_person_who_declines_on_the_phone_ends_the_pairing() {
    let mut ceremony = Ceremony::begin().await;
    let code = ceremony.code().await;
    ceremony.world.phone().refuse_passkey().unwrap();
    let refused = ceremony.confirm(&code).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ASSERTION_REFUSED");
    ceremony.failed(PairFailureReason::PasskeyRefused).await;
}

#[tokio::test]
async fn a_lost_connection_ends_the_ceremony() {
    let mut ceremony = Ceremony::begin().await;
    ceremony.code().await;
    ceremony.world.sim.fault(Fault::Drop).await;
    ceremony.failed(PairFailureReason::PasskeyInterrupted).await;
}

#[tokio::test]
async fn without_a_challenge_there_is_nothing_to_answer() {
    let world = World::new().await;
    world.phone().require_passkey(Passkeys::default()).unwrap();
    let options = json!({"challenge": "AAAA"});
    let made = world.phone().assert_passkey(&options, &Forgery::default());
    let request = pb::AnswerPasskeyRequest {
        assertion_json: made.unwrap().to_string(),
        compare_code: false,
    };
    let answer = || async { world.client().answer_passkey(request.clone()).await };
    let refused = answer().await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NO_PAIRING");
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    pairing.qr().await;
    let refused = answer().await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PASSKEY_NOT_REQUESTED");
    drop(pairing);
    world.agent.until_state(LinkState::Unlinked).await;
    world.finish().await;
}

#[tokio::test]
async fn the_doctor_shows_every_step_before_and_after_a_passkey_was_asked_for() {
    let world = World::new().await;
    let diagnose = || async {
        let mut access = pb::access_client::AccessClient::new(world.agent.channel());
        let request = pb::DiagnoseRequest {
            link: true,
            ..Default::default()
        };
        access
            .diagnose(request)
            .await
            .unwrap()
            .into_inner()
            .findings
    };
    let text = |findings: &[pb::Finding], check: &str| {
        let found = findings.iter().find(|one| one.check == check);
        found.map(|one| (one.state(), one.text.clone()))
    };
    let before = diagnose().await;
    for check in [
        "dns",
        "tcp",
        "websocket",
        "network",
        "version",
        "credentials",
    ] {
        let (state, text) = text(&before, check).unwrap();
        assert_eq!(state, pb::FindingState::Good, "{check}: {text}");
    }
    let asks = |findings: &[pb::Finding]| text(findings, "passkey").unwrap().1;
    assert!(asks(&before).contains("only after a code is scanned"));
    assert!(text(&before, "device").unwrap().1.contains("OpenClaw"));
    world.phone().require_passkey(Passkeys::default()).unwrap();
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    let qr = pairing.qr().await;
    let phone = world.phone();
    let scan = tokio::spawn(async move { phone.scan(&qr.payload).await });
    challenge(&mut pairing).await;
    assert!(asks(&diagnose().await).contains("asked for the account's passkey"));
    drop(pairing);
    scan.await.unwrap().unwrap_err();
    world.check_output();
    world.abandon();
}

#[tokio::test]
async fn the_name_of_the_device_is_that_of_the_pairing() {
    let world = World::new().await;
    let request = pb::PairRequest {
        device_name: "Mac OS".to_owned(),
        ..pb::PairRequest::by_qr()
    };
    let mut pairing = world.pair(request).await.unwrap();
    let qr = pairing.qr().await;
    world.phone().scan(&qr.payload).await.unwrap();
    assert_eq!(pairing.linked().await.device, "Mac OS");
    assert_eq!(world.agent.link().await.device, "Mac OS");
    world.finish().await;
}
