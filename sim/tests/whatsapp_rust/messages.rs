//! Messages in both directions, by LID and by phone number, with their receipts.

use openclaw_sim::{By, Config, Sim};
use whatsapp_rust::Jid;

use crate::client::{Companion, TEST_TIMEOUT, assert_clean, settled};

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";

fn contact() -> Jid {
    "15550100002@s.whatsapp.net".parse().expect("a jid")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_contact_arrive_by_lid_and_by_number() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let peer = sim.peer(CONTACT).expect("peer");
    for (by, text) in [
        (By::Lid, "by lid"),
        (By::Pn, "by number"),
        (By::Lid, "by lid again"),
    ] {
        let id = peer.send_text(ACCOUNT, text, by).await.expect("sent");
        let (received, _) = companion.wait_for_text(text).await;
        assert_eq!(received, id);
        let receipt = peer
            .wait_for_receipt(&id, TEST_TIMEOUT)
            .await
            .expect("receipt");
        assert_eq!(receipt.from, ACCOUNT);
    }
    settled(&sim, ACCOUNT).await;
    let acks = sim.acks(ACCOUNT).expect("acks");
    assert!(acks.iter().any(|ack| ack.from == "15550100002"), "{acks:?}");
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contact_and_phone_decrypt_the_accounts_messages() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let peer = sim.peer(CONTACT).expect("peer");
    let phone = sim.phone(ACCOUNT).expect("phone");
    for text in ["first", "second", "third"] {
        let id = companion.send_text(&contact(), text).await;
        let received = peer
            .wait_for(|message| message.id == id, TEST_TIMEOUT)
            .await
            .expect("received");
        assert_eq!(received.text.as_deref(), Some(text));
        assert_eq!((received.from.as_str(), received.device), (ACCOUNT, 1));
        let copy = phone
            .wait_for(|message| message.id == id, TEST_TIMEOUT)
            .await
            .expect("copied");
        assert_eq!(copy.text.as_deref(), Some(text));
        assert!(
            copy.chat.contains("15550100002") || copy.chat.ends_with("@lid"),
            "{copy:?}"
        );
    }
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_uses_the_session_that_the_contact_started() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let peer = sim.peer(CONTACT).expect("peer");
    peer.send_text(ACCOUNT, "question", By::Lid)
        .await
        .expect("sent");
    let (_, chat) = companion.wait_for_text("question").await;
    let id = companion
        .send_text(&chat.parse().expect("a jid"), "answer")
        .await;
    let answer = peer
        .wait_for(|message| message.id == id, TEST_TIMEOUT)
        .await
        .expect("received");
    assert_eq!(answer.kind, "msg");
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phones_own_messages_reach_its_companion() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let phone = sim.phone(ACCOUNT).expect("phone");
    let id = phone
        .send_text(CONTACT, "typed on the phone")
        .await
        .expect("sent");
    let seen = companion
        .wait_for(|event| {
            let whatsapp_rust::types::events::Event::Messages(batch) = event else {
                return None;
            };
            let found = batch.messages.iter().find(|inbound| inbound.info.id == id);
            found.map(|inbound| inbound.info.source.is_from_me)
        })
        .await;
    assert!(seen, "the copy is from the account itself");
    let peer = sim.peer(CONTACT).expect("peer");
    assert_eq!(peer.inbox()[0].text.as_deref(), Some("typed on the phone"));
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_number_is_reported_as_unknown() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    sim.unknown("+15550100077").expect("a number");
    let numbers: Vec<Jid> = ["15550100002@s.whatsapp.net", "15550100077@s.whatsapp.net"]
        .iter()
        .map(|text| text.parse().expect("a jid"))
        .collect();
    let answers = companion
        .client()
        .contacts()
        .is_on_whatsapp(&numbers)
        .await
        .expect("answers");
    let known: Vec<(String, bool)> = answers
        .iter()
        .map(|answer| (answer.jid.user.to_string(), answer.is_registered))
        .collect();
    assert!(known.contains(&("15550100002".into(), true)), "{known:?}");
    assert!(known.contains(&("15550100077".into(), false)), "{known:?}");
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_arrives_in_both_directions() {
    const COUNT: usize = 300;
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let peer = sim.peer(CONTACT).expect("peer");
    for n in 0..COUNT {
        let by = if n % 2 == 0 { By::Lid } else { By::Pn };
        peer.send_text(ACCOUNT, &format!("in {n}"), by)
            .await
            .expect("sent");
        companion.send_text(&contact(), &format!("out {n}")).await;
    }
    companion.wait_for_text(&format!("in {}", COUNT - 1)).await;
    sim.until(TEST_TIMEOUT, || peer.inbox_len() == COUNT)
        .await
        .expect("all received");
    sim.until(TEST_TIMEOUT, || {
        sim.queue(ACCOUNT).expect("queue").is_empty()
    })
    .await
    .expect("all acked");
    assert_eq!(companion.messages().len(), COUNT);
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phone_knows_what_a_client_reports_about_itself() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let phone = sim.phone(ACCOUNT).expect("phone");
    let client = companion.client();
    client.presence().set_unavailable().await.expect("sent");
    let unavailable = || phone.companions()[0].presence.as_deref() == Some("unavailable");
    sim.until(TEST_TIMEOUT, unavailable)
        .await
        .expect("unavailable");
    // A setting is sent as a patch, whose MACs the simulator verifies.
    let checks = sim.checks();
    client
        .profile()
        .set_push_name("Renamed")
        .await
        .expect("patched");
    sim.until(TEST_TIMEOUT, || sim.checks() > checks)
        .await
        .expect("checked");
    assert_clean(&sim);
    companion.stop().await;
}
