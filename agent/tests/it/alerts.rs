//! Alerts: their content, their frequency, and an unreachable receiver.

mod expiry;
mod receiver;
mod restriction;

use std::time::{Duration, Instant};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::alerts_client::AlertsClient;
use openclaw_sim::{Failure, Fault};
use tonic::Code;

use self::receiver::{Answer, SECRET_PATH};
pub(crate) use self::receiver::{KEY, Receiver};
use crate::harness::{TEST_TIMEOUT, World, refusal};

/// The limit for a shutdown while the receiver does not answer.
const STOP: Duration = Duration::from_secs(9);

fn failure(reason: u16) -> Fault {
    Fault::Failure(Failure {
        reason,
        expire: None,
        code: None,
    })
}

fn failed(status: u16) -> Answer {
    Answer::Status(status, String::new())
}

async fn linked(receiver: &Receiver) -> World {
    let args = receiver.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    World::linked_with(&args).await
}

impl World {
    fn alerts(&self) -> AlertsClient<tonic::transport::Channel> {
        AlertsClient::new(self.agent.channel())
    }

    /// Has the agent deliver a test alert.
    pub(crate) async fn test_alert(&self) {
        let tested = self.alerts().test_alert(pb::TestAlertRequest {}).await;
        assert!(tested.is_ok(), "{tested:?}");
    }

    async fn listed(&self) -> pb::ListAlertsResponse {
        let listed = self
            .alerts()
            .list_alerts(pb::ListAlertsRequest::default())
            .await;
        listed.unwrap().into_inner()
    }

    /// Waits until the list of alerts matches.
    async fn until_listed(&self, holds: impl Fn(&pb::ListAlertsResponse) -> bool) {
        let waiting = async {
            while !holds(&self.listed().await) {
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
        };
        if tokio::time::timeout(TEST_TIMEOUT, waiting).await.is_err() {
            panic!("{:#?}", self.listed().await);
        }
    }

    /// Kills the agent, and restarts it on its volume.
    async fn killed(&mut self, receiver: &Receiver) {
        self.agent.kill().await;
        let (args, url) = (receiver.args(), self.sim.url());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.agent.start_again_with(&url, &args).await;
    }

    /// Finishes the test, and checks that the receiver's address was not printed.
    async fn finish_discreetly(self) {
        let (stdout, stderr) = self.agent.output();
        let reported = stdout
            .iter()
            .chain(&stderr)
            .find(|line| line.contains(SECRET_PATH));
        assert_eq!(reported, None);
        self.finish().await;
    }
}

#[tokio::test]
async fn every_state_that_needs_a_person_raises_an_alert_and_a_recovery() {
    let receiver = Receiver::start().await;
    let mut args = receiver.args();
    // The refused login comes after a delay, which must not count as a lost connection here. The recovery is only
    // reported once the link has been up that long.
    "6".clone_into(args.last_mut().unwrap());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let world = World::linked_with(&args).await;
    let troubles = [
        (Fault::DeviceRemoved, false, "logged_out"),
        (Fault::Replaced, false, "replaced"),
        (failure(405), true, "outdated"),
        (failure(403), true, "banned"),
    ];
    for (round, (fault, at_login, name)) in troubles.into_iter().enumerate() {
        world.fault(fault).await;
        if at_login {
            world.fault(Fault::Drop).await;
        }
        let posts = receiver.until(2 * round + 1).await;
        let body = posts[2 * round].json();
        assert_eq!(body["type"], format!("whatsapp.{name}"));
        assert_eq!(body["id"], posts[2 * round].id);
        assert_eq!(body["data"]["state"], name);
        assert_eq!(body["data"]["phone"], "+1 555 XXX XXXX");
        assert!(!body["data"]["hint"].as_str().unwrap().is_empty());
        assert_eq!(body["data"]["agent"]["store"].as_str().unwrap().len(), 32);
        world.link().await;
        let posts = receiver.until(2 * round + 2).await;
        let body = posts[2 * round + 1].json();
        assert_eq!(body["type"], "whatsapp.recovered");
        assert_eq!(body["data"]["recovered_from"], name);
    }
    assert_eq!(receiver.all().len(), 8);
    assert!(
        receiver
            .all()
            .iter()
            .all(|post| !post.body.contains("555010"))
    );
    world.finish_discreetly().await;
}

#[tokio::test]
async fn a_flapping_link_is_one_alert_and_one_recovery() {
    let receiver = Receiver::start().await;
    let mut args = receiver.args();
    "6".clone_into(args.last_mut().unwrap());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let world = World::linked_with(&args).await;
    let begun = Instant::now();
    let mut drops = 0;
    while receiver.all().is_empty() {
        world.agent.until_state(LinkState::Connected).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.fault(Fault::Drop).await;
        drops += 1;
        world
            .agent
            .until(|link| link.state() != LinkState::Connected)
            .await;
        assert!(
            begun.elapsed() < TEST_TIMEOUT * 2,
            "{drops} drops and no alert"
        );
    }
    assert!(begun.elapsed() >= Duration::from_secs(6) && drops > 1);
    world.agent.until_state(LinkState::Connected).await;
    let connected = Instant::now();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(receiver.kinds(), ["whatsapp.connection_lost"]);
    let posts = receiver.until(2).await;
    assert!(posts[1].at.duration_since(connected) > Duration::from_secs(5));
    assert_eq!(
        receiver.kinds(),
        ["whatsapp.connection_lost", "whatsapp.recovered"]
    );
    world.finish_discreetly().await;
}

#[tokio::test]
async fn a_lost_connection_is_alerted_once_across_kills() {
    let receiver = Receiver::start().await;
    let mut world = linked(&receiver).await;
    world.cut_off().await;
    let posts = receiver.until(1).await;
    assert_eq!(posts[0].kind(), "whatsapp.connection_lost");
    world
        .until_listed(|listed| listed.alerts[0].state() == pb::AlertState::Delivered)
        .await;
    for _ in 0..2 {
        world.killed(&receiver).await;
        world
            .agent
            .until(|link| link.state() == LinkState::BackingOff && link.attempt > 1)
            .await;
    }
    assert_eq!(receiver.all().len(), 1, "{:?}", receiver.kinds());
    world.fault(Fault::Clear).await;
    world.sim.fault(Fault::Clear).await;
    receiver.until(2).await;
    assert_eq!(
        receiver.kinds(),
        ["whatsapp.connection_lost", "whatsapp.recovered"]
    );
    // An alert that a kill interrupts is sent again; see the next test.
    world
        .until_listed(|listed| {
            let mut alerts = listed.alerts.iter();
            alerts.all(|alert| alert.state() == pb::AlertState::Delivered)
        })
        .await;
    world.agent.until_state(LinkState::Connected).await;
    world.killed(&receiver).await;
    world.agent.until_state(LinkState::Connected).await;
    assert_eq!(receiver.all().len(), 2, "{:?}", receiver.kinds());
    world.finish_discreetly().await;
}

#[tokio::test]
async fn an_interrupted_alert_is_sent_again_with_the_same_id_and_body() {
    let receiver = Receiver::start().await;
    let mut world = linked(&receiver).await;
    receiver.answer([Answer::Never]);
    world.fault(Fault::DeviceRemoved).await;
    receiver.until(1).await;
    world.killed(&receiver).await;
    let posts = receiver.until(2).await;
    assert_eq!(posts[0].id, posts[1].id);
    assert_eq!(posts[0].body, posts[1].body);
    world
        .until_listed(|listed| listed.alerts[0].state() == pb::AlertState::Delivered)
        .await;
    world.killed(&receiver).await;
    world.agent.until_state(LinkState::LoggedOut).await;
    let tested = world.alerts().test_alert(pb::TestAlertRequest {}).await;
    assert!(tested.unwrap().into_inner().delivered);
    let kinds = receiver.kinds();
    assert_eq!(kinds[2..], ["whatsapp.test"], "and nothing before it");
    world.finish_discreetly().await;
}

#[tokio::test]
async fn a_failing_receiver_gets_alerts_later_in_order_and_not_before_retry_after() {
    let receiver = Receiver::start().await;
    let world = linked(&receiver).await;
    receiver.answer([
        failed(500),
        Answer::Status(503, "retry-after: 3\r\n".to_owned()),
        failed(429),
    ]);
    world.fault(Fault::DeviceRemoved).await;
    receiver.until(2).await;
    let asked = Instant::now();
    world
        .until_listed(|listed| {
            let error = &listed.alerts[0].last_error;
            listed.alerts[0].attempts == 2 && error == "HTTP 503"
        })
        .await;
    let status = world.agent.status().await.alerts.unwrap();
    assert_eq!((status.host.as_str(), status.waiting), ("127.0.0.1", 1));
    assert_eq!(status.last_error, "HTTP 503");
    world.link().await;
    let posts = receiver.until(5).await;
    assert!(posts[2].at.duration_since(asked) > Duration::from_millis(2_500));
    assert!(posts[..4].iter().all(|post| post.id == posts[0].id));
    assert_eq!(posts[4].kind(), "whatsapp.recovered");
    world
        .until_listed(|listed| {
            listed
                .status
                .as_ref()
                .is_some_and(|status| status.waiting == 0)
        })
        .await;
    let status = world.agent.status().await.alerts.unwrap();
    assert!(status.last_error.is_empty() && status.last_delivered_at.is_some());
    world.finish_discreetly().await;
}

#[tokio::test]
async fn pending_alerts_survive_an_unpair() {
    let receiver = Receiver::start().await;
    let world = linked(&receiver).await;
    receiver.answer([Answer::Status(503, "retry-after: 4\r\n".to_owned())]);
    world.fault(Fault::DeviceRemoved).await;
    receiver.until(1).await;
    world
        .until_listed(|listed| {
            listed
                .alerts
                .first()
                .is_some_and(|alert| alert.attempts == 1)
        })
        .await;
    world.unpair().await.unwrap();
    let listed = world.listed().await;
    assert_eq!(listed.alerts[0].state(), pb::AlertState::Waiting);
    let posts = receiver.until(2).await;
    assert_eq!(
        (&posts[1].id, &posts[1].body),
        (&posts[0].id, &posts[0].body)
    );
    world.link().await;
    let posts = receiver.until(3).await;
    assert_eq!(posts[2].json()["data"]["recovered_from"], "logged_out");
    // Listed one per page, oldest first.
    let (mut ids, mut request) = (Vec::new(), pb::ListAlertsRequest::default());
    request.page_size = 1;
    for is_last in [false, true] {
        let page = world.alerts().list_alerts(request.clone()).await;
        let page = page.unwrap().into_inner();
        ids.extend(page.alerts.into_iter().map(|alert| alert.id));
        assert_eq!(page.next_page_token.is_empty(), is_last);
        request.page_token = page.next_page_token;
    }
    assert_eq!(ids, [&*posts[0].id, &*posts[2].id]);
    world.finish_discreetly().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_410_ends_the_attempts() {
    let receiver = Receiver::start().await;
    let elsewhere = Receiver::start().await;
    let world = linked(&receiver).await;
    let location = format!("location: http://{}{SECRET_PATH}\r\n", elsewhere.address);
    receiver.answer([
        Answer::Status(302, location.clone()),
        Answer::Status(307, location),
        failed(410),
    ]);
    world.fault(Fault::DeviceRemoved).await;
    receiver.until(3).await;
    world
        .until_listed(|listed| listed.alerts[0].state() == pb::AlertState::GivenUp)
        .await;
    world.agent.logged("alert abandoned").await;
    assert!(elsewhere.all().is_empty());
    world.finish_discreetly().await;
}

#[tokio::test]
async fn an_endless_response_body_counts_as_a_response() {
    let receiver = Receiver::start().await;
    let world = linked(&receiver).await;
    receiver.answer([Answer::Huge]);
    world.fault(Fault::DeviceRemoved).await;
    world
        .until_listed(|listed| {
            let first = listed.alerts.first();
            first.is_some_and(|alert| alert.state() == pb::AlertState::Delivered)
        })
        .await;
    assert_eq!(receiver.all().len(), 1, "it is not sent again");
    world.agent.is_lean();
    world.finish_discreetly().await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_delays_nothing_else() {
    let receiver = Receiver::start().await;
    let mut world = linked(&receiver).await;
    receiver.answer([Answer::Never, Answer::Never]);
    world.fault(Fault::DeviceRemoved).await;
    receiver.until(1).await;
    assert_eq!(world.agent.link().await.state(), LinkState::LoggedOut);
    let begun = Instant::now();
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    assert!(begun.elapsed() < STOP, "{:?}", begun.elapsed());
    world.killed(&receiver).await;
    receiver.until(2).await;
    world.finish_discreetly().await;
}

#[tokio::test]
async fn an_unreachable_receiver_is_reported_and_its_test_fails() {
    let receiver = Receiver::start().await;
    let args = receiver.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    receiver.leave();
    let world = World::with(openclaw_sim::Config::default(), &args).await;
    let waiting = async {
        loop {
            let tested = world.alerts().test_alert(pb::TestAlertRequest {}).await;
            let tested = tested.unwrap().into_inner();
            if !tested.error.is_empty() {
                return tested;
            }
        }
    };
    let tested = tokio::time::timeout(TEST_TIMEOUT, waiting).await.unwrap();
    assert!(!tested.delivered && tested.status == 0);
    assert!(world.listed().await.alerts.is_empty(), "a test is not kept");
    world.finish_discreetly().await;
}

#[tokio::test]
async fn slack_gets_text_and_no_other_field() {
    let receiver = Receiver::start().await;
    let mut args = receiver.args();
    args.extend(["--alert-format".to_owned(), "slack".to_owned()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let world = World::linked_with(&args).await;
    world.fault(Fault::DeviceRemoved).await;
    let body = receiver.until(1).await[0].json();
    assert_eq!(body.as_object().unwrap().len(), 1);
    let text = body["text"].as_str().unwrap();
    assert!(
        text.contains("WhatsApp logged this agent out (+1 555 XXX XXXX"),
        "{text}"
    );
    assert!(text.contains("openclawctl pair"), "{text}");
    world.finish_discreetly().await;
}

#[tokio::test]
async fn a_test_alert_needs_a_receiver() {
    let world = World::new().await;
    let refused = world.alerts().test_alert(pb::TestAlertRequest {}).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "NO_ALERTS".to_owned())
    );
    let status = world.agent.status().await.alerts.unwrap();
    assert_eq!(status, pb::AlertsStatus::default());
    world.finish().await;
}
