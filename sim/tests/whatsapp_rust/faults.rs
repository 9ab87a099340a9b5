//! Every fault, and the client's reaction.

use std::time::{Duration, Instant};

use openclaw_sim::{By, Config, Failure, Fault, IqError, Sim};
use wacore_binary::{Jid, Server};
use whatsapp_rust::request::InfoQuery;
use whatsapp_rust::types::events::Event;

use crate::client::{Companion, assert_clean, settled};

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";

async fn connected() -> (Sim, Companion) {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    (sim, companion)
}

async fn logins(companion: &Companion, count: usize) {
    companion
        .wait_for(|_| {
            let events = companion.events();
            let connected = events
                .iter()
                .filter(|event| matches!(***event, Event::Connected(_)));
            (connected.count() >= count).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_reconnects_after_a_dropped_socket() {
    let (sim, companion) = connected().await;
    sim.fault_for(ACCOUNT, Fault::Drop).await.expect("fault");
    logins(&companion, 2).await;
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_accounts_and_port() {
    let (sim, companion) = connected().await;
    let url = sim.url();
    sim.fault(Fault::Restart).await;
    logins(&companion, 2).await;
    assert_eq!(sim.url(), url);
    let peer = sim.peer(CONTACT).expect("peer");
    peer.send_text(ACCOUNT, "after the restart", By::Pn)
        .await
        .expect("sent");
    companion.wait_for_text("after the restart").await;
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_connections_are_retried() {
    let (sim, companion) = connected().await;
    sim.fault(Fault::Refuse(1)).await;
    sim.fault(Fault::Drop).await;
    logins(&companion, 2).await;
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_socket_does_not_answer() {
    let (sim, companion) = connected().await;
    sim.fault_for(ACCOUNT, Fault::HalfOpen)
        .await
        .expect("fault");
    let peer = sim.peer(CONTACT).expect("peer");
    let id = peer
        .send_text(ACCOUNT, "into the void", By::Lid)
        .await
        .expect("sent");
    let client = companion.client();
    let numbers = ["15550100002@s.whatsapp.net".parse().expect("a jid")];
    let contacts = client.contacts();
    let asked =
        tokio::time::timeout(Duration::from_secs(1), contacts.is_on_whatsapp(&numbers)).await;
    assert!(asked.is_err(), "no answer");
    assert!(companion.messages().is_empty());
    // The phone's own first messages may be unacked as well.
    let queue = sim.queue(ACCOUNT).expect("queue");
    assert!(queue.iter().any(|owed| owed.id == id), "{queue:?}");
    sim.fault_for(ACCOUNT, Fault::Drop).await.expect("fault");
    companion.wait_for_text("into the void").await;
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_delays_every_stanza() {
    let (sim, companion) = connected().await;
    let delay = Duration::from_millis(400);
    sim.fault_for(ACCOUNT, Fault::Delay(delay))
        .await
        .expect("fault");
    let peer = sim.peer(CONTACT).expect("peer");
    let started = Instant::now();
    peer.send_text(ACCOUNT, "late", By::Lid)
        .await
        .expect("sent");
    companion.wait_for_text("late").await;
    assert!(started.elapsed() >= delay);
    sim.fault(Fault::Clear).await;
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaced_ends_the_session_permanently() {
    let (sim, companion) = connected().await;
    sim.fault_for(ACCOUNT, Fault::Replaced)
        .await
        .expect("fault");
    companion
        .wait_for(|event| matches!(event, Event::StreamReplaced(_)).then_some(()))
        .await;
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_login_replaces_the_first() {
    let (sim, first) = connected().await;
    let second = Companion::on(&sim, first.store.clone()).await;
    first
        .wait_for(|event| matches!(event, Event::StreamReplaced(_)).then_some(()))
        .await;
    second.connected().await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn device_removed_logs_out() {
    let (sim, companion) = connected().await;
    sim.fault_for(ACCOUNT, Fault::DeviceRemoved)
        .await
        .expect("fault");
    companion
        .wait_for(|event| matches!(event, Event::LoggedOut(_)).then_some(()))
        .await;
    assert!(sim.phone(ACCOUNT).expect("phone").companions().is_empty());
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_errors_515_and_503_lead_to_another_login() {
    for code in [515, 503] {
        let (sim, companion) = connected().await;
        sim.fault_for(ACCOUNT, Fault::StreamError(code))
            .await
            .expect("fault");
        logins(&companion, 2).await;
        assert_clean(&sim);
        companion.stop().await;
    }
}

async fn at_next_login(failure: Failure) -> Companion {
    let (sim, companion) = connected().await;
    let store = companion.stop().await;
    sim.fault_for(ACCOUNT, Fault::Failure(failure))
        .await
        .expect("fault");
    let companion = Companion::on(&sim, store).await;
    companion
        .wait_for(|event| {
            let refused = matches!(
                event,
                Event::TemporaryBan(_)
                    | Event::ClientOutdated(_)
                    | Event::ConnectFailure(_)
                    | Event::LoggedOut(_)
            );
            refused.then_some(())
        })
        .await;
    companion
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_has_a_duration_and_a_code() {
    let failure = Failure {
        reason: 402,
        expire: Some(3600),
        code: Some(101),
    };
    let companion = at_next_login(failure).await;
    let seconds = companion
        .wait_for(|event| match event {
            Event::TemporaryBan(ban) => Some(ban.expire.num_seconds()),
            _ => None,
        })
        .await;
    assert_eq!(seconds, 3600);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outdated_client_is_notified() {
    let companion = at_next_login(Failure {
        reason: 405,
        expire: None,
        code: None,
    })
    .await;
    companion
        .wait_for(|event| matches!(event, Event::ClientOutdated(_)).then_some(()))
        .await;
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_iq_error_is_returned_the_configured_number_of_times() {
    let (sim, companion) = connected().await;
    // Pings: the client sends none by itself this early.
    let error = IqError {
        xmlns: "w:p".into(),
        code: 503,
        count: 1,
    };
    sim.fault_for(ACCOUNT, Fault::IqError(error))
        .await
        .expect("fault");
    let client = companion.client();
    let question = || InfoQuery::get("w:p", Jid::new("", Server::Pn), None);
    assert!(client.send_iq(question()).await.is_err());
    assert!(client.send_iq(question()).await.is_ok());
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicated_and_reordered_messages_arrive_once_each() {
    let (sim, companion) = connected().await;
    let peer = sim.peer(CONTACT).expect("peer");
    peer.send_text(ACCOUNT, "opening", By::Lid)
        .await
        .expect("sent");
    companion.wait_for_text("opening").await;
    sim.fault_for(ACCOUNT, Fault::Duplicate(2))
        .await
        .expect("fault");
    sim.fault_for(ACCOUNT, Fault::Reorder(4))
        .await
        .expect("fault");
    for text in ["one", "two", "three"] {
        peer.send_text(ACCOUNT, text, By::Lid).await.expect("sent");
    }
    for text in ["one", "two", "three"] {
        companion.wait_for_text(text).await;
    }
    settled(&sim, ACCOUNT).await;
    let mut texts: Vec<String> = companion
        .messages()
        .into_iter()
        .map(|message| message.2)
        .collect();
    texts.sort();
    assert_eq!(texts, ["one", "opening", "three", "two"]);
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupted_message_is_requested_again_and_received() {
    let (sim, companion) = connected().await;
    let peer = sim.peer(CONTACT).expect("peer");
    for text in ["spoilt as the first", "spoilt in a session"] {
        sim.fault_for(ACCOUNT, Fault::Corrupt(1))
            .await
            .expect("fault");
        let id = peer.send_text(ACCOUNT, text, By::Lid).await.expect("sent");
        let (received, _) = companion.wait_for_text(text).await;
        assert_eq!(received, id);
    }
    settled(&sim, ACCOUNT).await;
    assert_clean(&sim);
    companion.stop().await;
}
