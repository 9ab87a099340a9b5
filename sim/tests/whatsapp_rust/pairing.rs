//! Linking, 515, logging in again, and the three handshakes.

use std::time::{Duration, Instant};

use openclaw_sim::{Config, Error, Fault, Pattern, Sim};
use whatsapp_rust::types::events::Event;

use crate::client::{Companion, TEST_TIMEOUT, assert_clean};

const ACCOUNT: &str = "+15550100001";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_leads_to_connected_within_seconds() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let started = Instant::now();
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    let phone = sim.phone(ACCOUNT).expect("phone");
    let devices = phone.companions();
    assert_eq!(devices.len(), 1);
    assert!(devices[0].online && devices[0].active && devices[0].prekeys > 0);
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_linked_client_reconnects_with_ik_and_falls_back_when_the_server_key_changes() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let store = companion.stop().await;
    let before = sim.handshakes(Pattern::Ik);

    let companion = Companion::on(&sim, store).await;
    companion.connected().await;
    assert_eq!(sim.handshakes(Pattern::Ik), before + 1);
    assert_eq!(sim.handshakes(Pattern::XxFallback), 0);
    let store = companion.stop().await;

    sim.fault(Fault::NewServerKey).await;
    let companion = Companion::on(&sim, store).await;
    companion.connected().await;
    assert_eq!(sim.handshakes(Pattern::XxFallback), 1);
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_ik_is_reached_by_fallback() {
    let config = Config {
        refuse_ik: true,
        ..Config::default()
    };
    let sim = Sim::start(config).await.expect("sim");
    let store = Companion::linked(&sim, ACCOUNT).await.stop().await;
    let companion = Companion::on(&sim, store).await;
    companion.connected().await;
    assert!(sim.handshakes(Pattern::XxFallback) > 0);
    assert_eq!(sim.handshakes(Pattern::Ik), 0);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_single_use_and_valid_only_with_its_own_keys() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let first = Companion::start(&sim).await;
    let second = Companion::start(&sim).await;
    let (first_qr, second_qr) = (first.qr().await, second.qr().await);
    let phone = sim.phone(ACCOUNT).expect("phone");

    let (reference, _) = first_qr.split_once(',').expect("fields");
    let (_, keys) = second_qr.split_once(',').expect("fields");
    let mixed = phone.scan(&format!("{reference},{keys}")).await;
    assert!(matches!(mixed, Err(Error::ForeignQr)), "{mixed:?}");

    let with_link = format!("https://wa.me/settings/linked_devices#{first_qr}");
    let linked = phone.scan(&with_link).await.expect("scan");
    assert_eq!(linked.account, ACCOUNT);
    let again = phone.scan(&first_qr).await;
    assert!(matches!(again, Err(Error::UnknownRef)), "{again:?}");
    first.connected().await;
    assert_clean(&sim);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlinking_ends_the_session_and_every_later_login() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let phone = sim.phone(ACCOUNT).expect("phone");
    phone.unlink(None).await.expect("unlink");
    companion
        .wait_for(|event| matches!(event, Event::LoggedOut(_)).then_some(()))
        .await;
    assert!(phone.companions().is_empty());
    let store = companion.stop().await;
    let companion = Companion::on(&sim, store).await;
    let on_connect = companion
        .wait_for(|event| match event {
            Event::LoggedOut(event) => Some(event.on_connect),
            _ => None,
        })
        .await;
    assert!(on_connect);
    assert!(matches!(phone.unlink(None).await, Err(Error::NotLinked)));
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_logs_out_is_removed() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let phone = sim.phone(ACCOUNT).expect("phone");
    companion.client().logout().await;
    sim.until(TEST_TIMEOUT, || phone.companions().is_empty())
        .await
        .expect("removed");
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_accounts_are_linked_at_once() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let one = Companion::linked(&sim, ACCOUNT).await;
    let two = Companion::linked(&sim, "+15550100009").await;
    let to = "15550100009@s.whatsapp.net".parse().expect("a jid");
    one.send_text(&to, "from one account to the other").await;
    two.wait_for_text("from one account to the other").await;
    assert_clean(&sim);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_companion_is_announced_to_the_first_and_to_others() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let first = Companion::linked(&sim, ACCOUNT).await;
    let other = Companion::linked(&sim, "+15550100009").await;
    let (account, elsewhere) = (
        "15550100001@s.whatsapp.net".parse().expect("a jid"),
        "15550100009@s.whatsapp.net".parse().expect("a jid"),
    );
    other.send_text(&account, "to one companion").await;
    first.wait_for_text("to one companion").await;
    first.send_text(&elsewhere, "from one companion").await;
    other.wait_for_text("from one companion").await;

    let second = Companion::linked(&sim, ACCOUNT).await;
    for number in [ACCOUNT, "+15550100009"] {
        let settled = || sim.queue(number).expect("queue").is_empty();
        sim.until(TEST_TIMEOUT, settled)
            .await
            .expect("both are notified");
    }
    other.send_text(&account, "to two companions").await;
    first.wait_for_text("to two companions").await;
    second.wait_for_text("to two companions").await;
    first.send_text(&elsewhere, "copied").await;
    second.wait_for_text("copied").await;
    assert_clean(&sim);

    let phone = sim.phone(ACCOUNT).expect("phone");
    phone.unlink(Some(2)).await.expect("unlink");
    other.send_text(&account, "to one again").await;
    first.wait_for_text("to one again").await;
    assert_clean(&sim);
    for companion in [first, second, other] {
        companion.stop().await;
    }
}
