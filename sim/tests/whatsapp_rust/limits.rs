//! Rate limits, and every kind of login failure.

use std::time::Duration;

use openclaw_sim::{Budget, Config, Fault, Limited, Sim};
use serde_json::json;
use wacore_binary::{Jid, Server};
use whatsapp_rust::request::InfoQuery;
use whatsapp_rust::types::events::Event;

use crate::client::{Companion, TEST_TIMEOUT};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";

fn limit(of: Limited, count: u32) -> Fault {
    let window = Duration::from_secs(600);
    Fault::Limit(of, Budget { count, window })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_iqs_get_429_and_then_the_stream_ends() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    sim.fault_for(ACCOUNT, limit(Limited::Iqs, 0))
        .await
        .expect("fault");
    let question = || {
        let props = wacore_binary::builder::NodeBuilder::new("props").build();
        let content = wacore_binary::NodeContent::Nodes(vec![props]);
        InfoQuery::get("abt", Jid::new("", Server::Pn), Some(content))
    };
    let client = companion.client();
    let refused = client.send_iq(question()).await.expect_err("refused");
    assert!(format!("{refused:?}").contains("429"), "{refused:?}");
    assert!(sim.violations().is_empty(), "{:?}", sim.violations());
    for _ in 0..10 {
        let _ = client.send_iq(question()).await;
    }
    // The client backs off without an event.
    let phone = sim.phone(ACCOUNT).expect("phone");
    let offline = || phone.companions().iter().all(|device| !device.online);
    sim.until(TEST_TIMEOUT, offline).await.expect("cut off");
    let violations = sim.violations();
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0].rule, "a client slows down after 429");
    sim.fault_for(ACCOUNT, Fault::Clear).await.expect("clear");
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_the_limit_is_refused_with_429_and_not_delivered() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let contact = "15550100002@s.whatsapp.net".parse().expect("a jid");
    companion.send_text(&contact, "allowed").await;
    let peer = server.sim.peer("+15550100002").expect("peer");
    peer.wait_for(|it| it.text.as_deref() == Some("allowed"), TEST_TIMEOUT)
        .await
        .expect("received");
    server
        .post(
            "/fault",
            json!({ "account": ACCOUNT, "kind": "limit", "of": "messages", "count": 0, "seconds": 600 }),
        )
        .await;
    let id = companion.send_text(&contact, "too many").await;
    companion
        .wait_for(|event| match event {
            Event::ServerAck(ack) if ack.id == id => {
                assert_eq!(ack.error.as_deref(), Some("429"));
                Some(())
            }
            _ => None,
        })
        .await;
    assert!(peer.inbox().iter().all(|it| it.id != id));
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_fails_with_every_reason_also_with_an_immediate_close() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let mut store = companion.stop().await;
    let reasons = (411..=418).chain([400, 401, 403, 406, 409, 500, 501, 503]);
    for (reason, at_once) in reasons.zip([true, false].into_iter().cycle()) {
        let failure = json!({
            "account": ACCOUNT, "kind": "failure", "reason": reason, "at_once": at_once,
            "words": { "logout_message_header": "Logged out", "logout_message_locale": "en" },
        });
        server.post("/fault", failure).await;
        let companion = Companion::on(&server.sim, store).await;
        companion
            .wait_for(|event| match event {
                Event::LoggedOut(out) => {
                    let text = out.logout_message.as_ref().and_then(|it| it.header.clone());
                    assert_eq!(text.as_deref(), Some("Logged out"), "{reason}");
                    Some(())
                }
                Event::ConnectFailure(failed) => {
                    let raw = format!("{:?}", failed.raw);
                    assert!(raw.contains(&reason.to_string()), "{reason}: {raw}");
                    Some(())
                }
                // It retries by itself.
                Event::Connected(_) => Some(()),
                _ => None,
            })
            .await;
        store = companion.stop().await;
    }
}
