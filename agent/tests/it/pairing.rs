//! Pairing: the operator's view of success and of failures.

use std::time::{Duration, Instant, SystemTime};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::pair_frame::Frame;
use openclaw_sim::adv::Signing;
use openclaw_sim::{By, Failure, Fault};
use tonic::Code;

use crate::harness::{ACCOUNT, ANNA, TEST_TIMEOUT, WORD, World, refusal, seconds};

fn by_phone_code() -> pb::PairRequest {
    let method = pb::PhoneCodeMethod {
        phone: ACCOUNT.to_owned(),
    };
    pb::PairRequest {
        how: Some(pb::pair_request::How::PhoneCode(method)),
        ..Default::default()
    }
}

fn replacing() -> pb::PairRequest {
    pb::PairRequest {
        replace: true,
        ..pb::PairRequest::by_qr()
    }
}

#[tokio::test]
async fn a_code_typed_on_the_phone_links() {
    let world = World::new().await;
    let mut pairing = world.pair(by_phone_code()).await.unwrap();
    let code = match pairing.next().await {
        Some(Frame::PhoneCode(code)) => code,
        other => panic!("no code but {other:?}"),
    };
    assert_eq!(code.code.len(), 8, "without the dash");
    assert!(code.expires_at.is_some());
    world.phone().enter_code(&code.code).await.unwrap();
    assert_eq!(pairing.linked().await.phone, ACCOUNT);
    world.everything_reports_connected().await;
    world.finish().await;
}

/// A message of each direction.
async fn exchange(world: &World) {
    let sent = world.send(ANNA, WORD).await.unwrap();
    let arrived = |received: &openclaw_sim::Received| received.id == sent.message_id;
    let received = world.peer(ANNA).wait_for(arrived, TEST_TIMEOUT).await;
    received.unwrap();
    let reply = format!("{WORD} to you");
    let peer = world.peer(ANNA);
    peer.send_text(ACCOUNT, &reply, By::Lid).await.unwrap();
    let mut events = world.watch().await;
    while events.message().await.text() != reply {}
    world.all_acked().await;
}

#[tokio::test]
async fn a_hosted_business_links_and_works() {
    let mut world = World::new().await;
    world.phone().host(Signing::Hosted);
    world.link().await;
    exchange(&world).await;
    world.agent.terminate().await;
    world.agent.start_again(&world.sim.url()).await;
    world.agent.until_state(LinkState::Connected).await;
    exchange(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn a_hosted_business_links_by_code() {
    let world = World::new().await;
    world.phone().host(Signing::Hosted);
    let mut pairing = world.pair(by_phone_code()).await.unwrap();
    let Some(Frame::PhoneCode(code)) = pairing.next().await else {
        panic!("no code");
    };
    world.phone().enter_code(&code.code).await.unwrap();
    pairing.linked().await;
    exchange(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn a_device_signed_as_the_provider_s_is_refused_by_name() {
    for signing in [Signing::HostedByAccount, Signing::Provider] {
        let world = World::new().await;
        world.phone().host(signing);
        let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
        let qr = pairing.qr().await;
        world.phone().scan(&qr.payload).await.unwrap_err();
        let failed = pairing.failed().await;
        assert_eq!(failed.reason(), pb::PairFailureReason::VerificationFailed);
        let logged = "WhatsApp refused this device's signature";
        world.agent.logged(logged).await;
        world.agent.until_state(LinkState::Unlinked).await;
        let violations = world.finish_with_violations().await;
        assert!(
            violations[0].detail.contains("device signature"),
            "{violations:?}"
        );
    }
}

#[tokio::test]
async fn the_modules_of_a_qr_frame_decode_to_its_payload() {
    let world = World::new().await;
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    let qr = pairing.qr().await;
    assert_eq!(read(&qr), qr.payload);
    let expires_at = SystemTime::try_from(qr.expires_at.unwrap()).unwrap();
    let valid = expires_at.duration_since(now()).unwrap();
    assert!(
        valid > Duration::from_secs(40) && valid <= Duration::from_secs(60),
        "{valid:?}"
    );
    drop(pairing);
    world.agent.until_state(LinkState::Unlinked).await;
    world.finish().await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with what the agent's clock says"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Renders the code for a decoder: four pixels per module, four modules of quiet zone.
fn read(qr: &pb::QrCode) -> String {
    const SCALE: usize = 4;
    const QUIET: usize = 4;
    let size = usize::try_from(qr.size).unwrap();
    assert_eq!(qr.modules.len(), (size * size).div_ceil(8));
    let dark = |x: usize, y: usize| {
        let module = |at: usize| (at / SCALE).checked_sub(QUIET).filter(|at| *at < size);
        module(x).zip(module(y)).is_some_and(|(x, y)| {
            let bit = y * size + x;
            qr.modules[bit / 8] & (0x80 >> (bit % 8)) != 0
        })
    };
    let side = (size + 2 * QUIET) * SCALE;
    let shade = |x, y| if dark(x, y) { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, shade);
    let grids = image.detect_grids();
    grids[0].decode().unwrap().1
}

#[tokio::test]
async fn a_connection_lost_while_pairing_leads_to_fresh_codes() {
    let world = World::new().await;
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    let first = pairing.qr().await;
    world.sim.fault(Fault::Drop).await;
    let second = pairing.qr().await;
    assert_eq!((first.ordinal, second.ordinal), (1, 2));
    assert_ne!(first.payload, second.payload);
    world.phone().scan(&first.payload).await.unwrap_err();
    world.phone().scan(&second.payload).await.unwrap();
    pairing.linked().await;
    world.finish().await;
}

#[tokio::test]
async fn one_pairing_runs_at_a_time() {
    let world = World::new().await;
    let mut first = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    for request in [pb::PairRequest::by_qr(), replacing(), by_phone_code()] {
        let denied = world.pair(request).await.err().unwrap();
        assert_eq!(
            refusal(&denied),
            (Code::AlreadyExists, "ALREADY_PAIRING".to_owned())
        );
    }
    let qr = first.qr().await;
    world.phone().scan(&qr.payload).await.unwrap();
    first.linked().await;
    world.finish().await;
}

#[tokio::test]
async fn a_linked_agent_is_linked_again_only_on_request() {
    let world = World::linked().await;
    let denied = world.pair(pb::PairRequest::by_qr()).await.err().unwrap();
    assert_eq!(
        refusal(&denied),
        (Code::FailedPrecondition, "ALREADY_LINKED".to_owned())
    );
    world.everything_reports_connected().await;
    let before = world.phone().companions()[0].device;

    let mut pairing = world.pair(replacing()).await.unwrap();
    let qr = pairing.qr().await;
    let devices = world.phone().companions();
    assert_eq!(devices.len(), 1, "the existing device stays meanwhile");
    assert_eq!(devices[0].device, before);
    world.phone().scan(&qr.payload).await.unwrap();
    pairing.linked().await;
    let devices = world.phone().companions();
    assert_eq!(devices.len(), 1);
    assert_ne!(devices[0].device, before);
    world.everything_reports_connected().await;
    world.finish().await;
}

#[tokio::test]
async fn closing_the_stream_stops_the_pairing() {
    let world = World::new().await;
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    let qr = pairing.qr().await;
    drop(pairing);
    let link = world.agent.until_state(LinkState::Unlinked).await;
    assert_eq!(link.phone, "");
    assert!(!world.agent.status().await.pairing);
    world.phone().scan(&qr.payload).await.unwrap_err();
    world.link().await;
    world.finish().await;
}

#[tokio::test]
async fn an_abandoned_pairing_does_not_block_the_next() {
    let world = World::new().await;
    for _ in 0..10 {
        let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
        pairing.qr().await;
    }
    world.link().await;
    world.finish().await;
}

#[tokio::test]
async fn the_operators_deadline_ends_a_pairing() {
    let world = World::new().await;
    let request = pb::PairRequest {
        timeout: seconds(1),
        ..pb::PairRequest::by_qr()
    };
    let failed = world.pair(request).await.unwrap().failed().await;
    assert_eq!(failed.reason(), pb::PairFailureReason::Deadline);
    world.agent.until_state(LinkState::Unlinked).await;
    world.finish().await;
}

#[tokio::test]
async fn no_server_is_reported_within_seconds() {
    let url = format!("ws://127.0.0.1:{}/ws/chat", openclaw_sim::spare_port());
    let world = World::with_server(&url).await;
    let started = Instant::now();
    let failed = world
        .pair(pb::PairRequest::by_qr())
        .await
        .unwrap()
        .failed()
        .await;
    assert_eq!(failed.reason(), pb::PairFailureReason::WhatsappUnreachable);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    world.agent.until_state(LinkState::Unlinked).await;
    world.agent.logged("cannot connect to WhatsApp").await;
    world.finish().await;
}

#[tokio::test]
async fn an_unlink_by_the_phone_while_pairing_is_final_at_once() {
    let world = World::new().await;
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    let qr = pairing.qr().await;
    world.fault(refused(401)).await;
    world.phone().scan(&qr.payload).await.unwrap();
    world.phone().unlink(None).await.unwrap();
    assert_eq!(
        pairing.failed().await.reason(),
        pb::PairFailureReason::RefusedByWhatsapp
    );
    world
        .everything_reports(LinkState::LoggedOut, "logged_out")
        .await;
    let handshakes = world.handshakes();
    assert_eq!(handshakes, 2, "one to be linked, one to be refused");
    world.link().await;
    world.finish().await;
}

#[tokio::test]
async fn a_login_refused_after_the_scan_is_reported() {
    for (code, reason, state) in [
        (402, pb::PairFailureReason::Banned, LinkState::Banned),
        (405, pb::PairFailureReason::Outdated, LinkState::Outdated),
        (
            401,
            pb::PairFailureReason::RefusedByWhatsapp,
            LinkState::LoggedOut,
        ),
    ] {
        let world = World::new().await;
        let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
        let qr = pairing.qr().await;
        world.fault(refused(code)).await;
        world.phone().scan(&qr.payload).await.unwrap();
        assert_eq!(pairing.failed().await.reason(), reason);
        let link = world.agent.until_state(state).await;
        assert_eq!(link.phone, ACCOUNT, "the phone did accept");
        world.link().await;
        world.finish().await;
    }
}

#[tokio::test]
async fn a_temporarily_failed_login_after_the_scan_is_retried() {
    let world = World::new().await;
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    let qr = pairing.qr().await;
    world.fault(refused(503)).await;
    world.sim.fault(Fault::Refuse(1)).await;
    world.phone().scan(&qr.payload).await.unwrap();
    pairing.linked().await;
    world.everything_reports_connected().await;
    world.finish().await;
}

#[tokio::test]
async fn a_stream_closed_after_the_scan_leaves_the_link() {
    let world = World::new().await;
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    let qr = pairing.qr().await;
    // Leaves time to close the stream between the scan and the login.
    world.sim.fault(Fault::Refuse(1)).await;
    world.phone().scan(&qr.payload).await.unwrap();
    assert!(matches!(pairing.next().await, Some(Frame::Scanned(_))));
    drop(pairing);
    let link = world.agent.until_state(LinkState::Connected).await;
    assert_eq!(link.phone, ACCOUNT);
    world.everything_reports_connected().await;
    world.finish().await;
}

fn refused(reason: u16) -> Fault {
    Fault::Failure(Failure {
        reason,
        expire: None,
        code: None,
    })
}
