//! Linking again: the old link is unchanged until the new one is complete, and then the new one works.

mod kills;

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::pair_frame::Frame;
use openclaw_sim::{By, Failure, Fault, IqError};

use crate::harness::{ACCOUNT, ANNA, TEST_TIMEOUT, WORD, World, seconds};

/// A valid number without an account.
const MISTYPED: &str = "+15550100077";
const MANY: u32 = 1_000;

pub(crate) fn replacing() -> pb::PairRequest {
    pb::PairRequest {
        replace: true,
        ..pb::PairRequest::by_qr()
    }
}

fn replacing_by_code(phone: &str) -> pb::PairRequest {
    let method = pb::PhoneCodeMethod {
        phone: phone.to_owned(),
    };
    pb::PairRequest {
        how: Some(pb::pair_request::How::PhoneCode(method)),
        ..replacing()
    }
}

pub(crate) fn failure(reason: u16, expire: Option<u64>) -> Fault {
    Fault::Failure(Failure {
        reason,
        expire,
        code: expire.map(|_| 101),
    })
}

/// A state that needs a person, with credentials that may still be valid, and how WhatsApp causes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Replaced,
    Failed(u16, Option<u64>),
}

pub(crate) const ENDS: [(End, LinkState); 4] = [
    (End::Replaced, LinkState::Replaced),
    (End::Failed(402, Some(3600)), LinkState::Banned),
    (End::Failed(403, None), LinkState::Banned),
    (End::Failed(405, None), LinkState::Outdated),
];

impl World {
    /// Has WhatsApp end the link in this way.
    pub(crate) async fn end(&self, end: End) {
        match end {
            End::Replaced => self.fault(Fault::Replaced).await,
            End::Failed(reason, expire) => {
                self.fault(failure(reason, expire)).await;
                self.fault(Fault::Drop).await;
            }
        }
    }

    /// The ids of the account's devices.
    pub(crate) fn devices(&self) -> Vec<u16> {
        let companions = self.phone().companions();
        companions.iter().map(|one| one.device).collect()
    }

    /// Checks that the link works in both directions.
    pub(crate) async fn works(&self, word: &str) {
        let link = self.agent.until_state(LinkState::Connected).await;
        assert_eq!(link.phone, ACCOUNT);
        let text = format!("{WORD} {word}");
        self.send(ANNA, &text).await.unwrap();
        let fits = |received: &openclaw_sim::Received| received.text.as_deref() == Some(&text);
        self.peer(ANNA).wait_for(fits, TEST_TIMEOUT).await.unwrap();
        let mut events = self.watch().await;
        let text = format!("{WORD} answers {word}");
        let anna = self.peer(ANNA);
        anna.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
        let found = |event: &pb::Event| match &event.kind {
            Some(Kind::Message(message)) if message.text() == text => Some(()),
            _ => None,
        };
        events.event(found).await;
        self.everything_reports_connected().await;
    }

    /// Replaces the device by a new one.
    pub(crate) async fn link_instead(&self) {
        let mut pairing = self.pair(replacing()).await.unwrap();
        let qr = pairing.qr().await;
        self.phone().scan(&qr.payload).await.unwrap();
        pairing.linked().await;
        self.works("with another device").await;
    }

    pub(crate) async fn resume(&self) -> Result<pb::LinkStatus, tonic::Status> {
        let mut client = self.client();
        let answer = client.resume(pb::ResumeRequest::default()).await?;
        Ok(answer.into_inner().link.unwrap())
    }
}

#[tokio::test]
async fn showing_a_code_does_not_affect_the_link() {
    for (end, state) in ENDS {
        let world = World::linked().await;
        let device = world.devices();
        world.end(end).await;
        let before = world.agent.until_state(state).await;

        // Ctrl-C.
        let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
        pairing.qr().await;
        let status = world.agent.status().await;
        assert!(status.pairing, "{end:?}");
        assert_eq!(
            status.link.unwrap().state(),
            state,
            "the state is unchanged"
        );
        drop(pairing);
        // The deadline.
        let request = pb::PairRequest {
            timeout: seconds(1),
            ..pb::PairRequest::by_qr()
        };
        let failed = world.pair(request).await.unwrap().failed().await;
        assert_eq!(failed.reason(), pb::PairFailureReason::Deadline);
        // No network.
        world.sim.fault(Fault::Refuse(MANY)).await;
        let failed = world.pair(pb::PairRequest::by_qr()).await.unwrap();
        assert_eq!(
            failed.failed().await.reason(),
            pb::PairFailureReason::WhatsappUnreachable
        );
        world.sim.fault(Fault::Clear).await;

        let after = world.agent.link().await;
        let facts = |link: &pb::LinkStatus| {
            let pb::LinkStatus {
                state,
                since,
                phone,
                reason,
                code,
                ..
            } = link.clone();
            (state, since, phone, reason, code)
        };
        assert_eq!(facts(&after), facts(&before), "{end:?}");
        assert!(!world.agent.status().await.pairing);
        assert_eq!(world.resume().await.unwrap().state(), LinkState::Connected);
        world.works("as before").await;
        assert_eq!(world.devices(), device, "the same device");
        world.finish().await;
    }
}

#[tokio::test]
async fn a_working_link_keeps_working_during_a_pairing() {
    let world = World::linked().await;
    let (device, handshakes) = (world.devices(), world.handshakes());
    for request in [replacing(), replacing_by_code(MISTYPED)] {
        let mut pairing = world.pair(request).await.unwrap();
        let shown = pairing.next().await;
        assert!(
            matches!(shown, Some(Frame::Qr(_) | Frame::PhoneCode(_))),
            "{shown:?}"
        );
        assert!(world.agent.status().await.pairing);
        world.works("meanwhile").await;
        drop(pairing);
    }
    world.works("afterwards").await;
    assert_eq!(world.devices(), device);
    assert_eq!(
        world.handshakes(),
        handshakes + 2,
        "its connection stayed open"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_failed_pairing_keeps_the_previous_link() {
    let world = World::linked().await;
    let device = world.devices();
    world.sim.fault(Fault::Refuse(MANY)).await;
    let failed = world.pair(replacing()).await.unwrap().failed().await;
    assert_eq!(failed.reason(), pb::PairFailureReason::WhatsappUnreachable);
    world.sim.fault(Fault::Clear).await;

    let refused = IqError {
        xmlns: "md".to_owned(),
        code: 429,
        count: MANY,
    };
    world.sim.fault(Fault::IqError(refused)).await;
    let failed = world.pair(replacing_by_code(ACCOUNT)).await.unwrap();
    assert_eq!(
        failed.failed().await.reason(),
        pb::PairFailureReason::RefusedByWhatsapp
    );
    world.sim.fault(Fault::Clear).await;

    // The phone accepts, but the login fails.
    for (code, reason) in [
        (402, pb::PairFailureReason::Banned),
        (405, pb::PairFailureReason::Outdated),
        (401, pb::PairFailureReason::RefusedByWhatsapp),
        (406, pb::PairFailureReason::RefusedByWhatsapp),
    ] {
        let mut pairing = world.pair(replacing()).await.unwrap();
        let qr = pairing.qr().await;
        world.fault(failure(code, None)).await;
        world.phone().scan(&qr.payload).await.unwrap();
        assert_eq!(pairing.failed().await.reason(), reason);
        world.works("still").await;
    }
    let devices = world.devices();
    assert!(devices.contains(&device[0]), "{devices:?}");
    world.finish().await;
}

#[tokio::test]
async fn the_new_device_replaces_the_old_one_after_its_login() {
    let mut world = World::linked().await;
    world.works("with the old one").await;
    let before = world.devices();
    let mut pairing = world.pair(replacing()).await.unwrap();
    let qr = pairing.qr().await;
    assert_eq!(world.devices(), before, "WhatsApp knows of nothing yet");
    world.phone().scan(&qr.payload).await.unwrap();
    pairing.linked().await;
    let after = world.devices();
    assert_eq!(after.len(), 1, "the old one is removed at WhatsApp");
    assert_ne!(after, before);
    world.works("with the new one").await;
    let states: Vec<_> = world
        .events()
        .await
        .into_iter()
        .filter_map(|event| match event.kind {
            Some(Kind::Link(link)) => Some((link.state(), link.reason())),
            _ => None,
        })
        .collect();
    let end = [
        (LinkState::Connected, pb::LinkReason::Unspecified),
        (LinkState::Unlinked, pb::LinkReason::Unpaired),
        (LinkState::Connecting, pb::LinkReason::Unspecified),
        (LinkState::Connected, pb::LinkReason::Unspecified),
    ];
    assert!(states.ends_with(&end), "{states:?}");

    world.agent.kill().await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.works("after a restart").await;
    assert_eq!(world.devices(), after);
    world.finish().await;
}

#[tokio::test]
async fn a_link_that_whatsapp_has_ended_is_replaced_too() {
    for (end, state) in ENDS {
        let world = World::linked().await;
        world.end(end).await;
        world.agent.until_state(state).await;
        world.link().await;
        world.works("again").await;
        world.finish().await;
    }
}

#[tokio::test]
async fn a_stream_closed_after_the_scan_leaves_the_new_link() {
    let world = World::linked().await;
    let before = world.devices();
    let mut pairing = world.pair(replacing()).await.unwrap();
    let qr = pairing.qr().await;
    // Leaves time to close the stream between the scan and the login.
    world.sim.fault(Fault::Refuse(1)).await;
    world.phone().scan(&qr.payload).await.unwrap();
    assert!(matches!(pairing.next().await, Some(Frame::Scanned(_))));
    drop(pairing);
    let replaced = || world.devices().len() == 1 && world.devices() != before;
    world.sim.until(TEST_TIMEOUT, replaced).await.unwrap();
    world.works("with the new one").await;
    assert!(!world.agent.status().await.pairing);
    world.finish().await;
}

#[tokio::test]
async fn a_link_lost_during_a_pairing_reconnects() {
    let world = World::linked().await;
    let mut pairing = world.pair(replacing()).await.unwrap();
    pairing.qr().await;
    world.fault(Fault::Drop).await;
    world
        .agent
        .logged("WhatsApp disconnected: connection_lost")
        .await;
    world.works("during the pairing").await;
    assert!(world.agent.status().await.pairing);
    world.fault(Fault::Replaced).await;
    world.agent.until_state(LinkState::Replaced).await;
    drop(pairing);
    let quiet = world
        .agent
        .until(|link| link.state() != LinkState::Replaced);
    let quiet = tokio::time::timeout(Duration::from_secs(2), quiet).await;
    assert!(quiet.is_err(), "it rests");
    world.finish().await;
}
