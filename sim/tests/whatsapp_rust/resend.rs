//! Contacts with several devices, and messages that one of these cannot decrypt: the client encrypts such a message
//! again, for that device only.

use openclaw_sim::{By, Config, Peer, Received, Sim};
use whatsapp_rust::Jid;

use crate::client::{Companion, TEST_TIMEOUT, assert_clean};

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";
const BERT: &str = "+15550100003";

fn contact() -> Jid {
    "15550100002@s.whatsapp.net".parse().expect("a jid")
}

/// Waits until these devices have decrypted a message.
async fn opened(peer: &Peer, id: &str, devices: &[u16]) -> Received {
    let all = |it: &Received| it.id == id && it.opened_at.iter().eq(devices);
    let received = peer.wait_for(all, TEST_TIMEOUT).await;
    received.unwrap_or_else(|_| {
        let inbox = peer.inbox();
        let got: Vec<_> = inbox.iter().map(|it| (&it.id, &it.opened_at)).collect();
        panic!("{id} at {devices:?}: {got:?}")
    })
}

fn count(peer: &Peer, id: &str) -> usize {
    peer.inbox().iter().filter(|it| it.id == id).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_device_of_a_contact_gets_its_own_copy_and_can_send() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let peer = sim.peer(CONTACT).expect("peer");
    assert_eq!(peer.add_devices(2), [1, 2]);
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let id = companion.send_text(&contact(), "to all").await;
    let received = opened(&peer, &id, &[0, 1, 2]).await;
    assert_eq!(received.text.as_deref(), Some("to all"));
    assert_eq!(count(&peer, &id), 1);
    // A newly linked device is announced, and so is an unlinked one.
    assert_eq!(peer.add_devices(1), [3]);
    peer.on_device(3)
        .send_text(ACCOUNT, "from the new one", By::Lid)
        .await
        .expect("sent");
    companion.wait_for_text("from the new one").await;
    let id = companion.send_text(&contact(), "to the new one too").await;
    opened(&peer, &id, &[0, 1, 2, 3]).await;
    peer.remove_device(2).expect("removed");
    // The notification of the unlinking is on the socket before this message.
    peer.send_text(ACCOUNT, "from the phone", By::Lid)
        .await
        .expect("sent");
    companion.wait_for_text("from the phone").await;
    let id = companion.send_text(&contact(), "to those left").await;
    opened(&peer, &id, &[0, 1, 3]).await;
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_a_device_cannot_decrypt_is_encrypted_again_for_it() {
    for keys in [None, Some(true), Some(false)] {
        for times in 1..=4 {
            let sim = Sim::start(Config::default()).await.expect("sim");
            let peer = sim.peer(CONTACT).expect("peer");
            peer.add_devices(1);
            let companion = Companion::linked(&sim, ACCOUNT).await;
            companion.send_text(&contact(), "the first").await;
            for device in [0, 1] {
                peer.on_device(device).cannot_open(1, times, keys);
                let id = companion.send_text(&contact(), "not at once").await;
                opened(&peer, &id, &[0, 1]).await;
                assert_eq!(count(&peer, &id), 1);
            }
            let id = companion.send_text(&contact(), "at once").await;
            opened(&peer, &id, &[0, 1]).await;
            assert_clean(&sim);
            companion.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifth_request_is_refused_and_no_other_message_is_lost() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let peer = sim.peer(CONTACT).expect("peer");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    peer.cannot_open(1, 5, None);
    let lost = companion.send_text(&contact(), "never").await;
    let id = companion.send_text(&contact(), "the next").await;
    opened(&peer, &id, &[0]).await;
    assert_eq!(count(&peer, &lost), 0);
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_message_is_encrypted_again_for_the_requesting_device() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let (peer, bert) = (
        sim.peer(CONTACT).expect("peer"),
        sim.peer(BERT).expect("peer"),
    );
    peer.add_devices(1);
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let phone = sim.phone(ACCOUNT).expect("phone");
    let group = phone
        .create_group("Slipway", &[CONTACT, BERT])
        .await
        .expect("group");
    let jid: Jid = group.parse().expect("a jid");
    for device in [0, 1] {
        for times in 1..=3 {
            peer.on_device(device).cannot_open(1, times, None);
            let id = companion.send_text(&jid, "not at once").await;
            let received = opened(&peer, &id, &[0, 1]).await;
            assert_eq!(received.chat, group);
            opened(&bert, &id, &[0]).await;
            assert_eq!((count(&peer, &id), count(&bert, &id)), (1, 1));
        }
    }
    let id = companion.send_text(&jid, "at once").await;
    assert_eq!(opened(&peer, &id, &[0, 1]).await.kind, "skmsg");
    assert_clean(&sim);
    companion.stop().await;
}

/// The copy for another device of the account. If the phone itself requests it, the library (0.7.0) mistakes the chat's
/// other side for the requesting device, and stores the phone's keys in that contact's session
/// (`resolve_retry_chat_info`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_device_of_the_account_may_request_a_message() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let own = sim.phone(ACCOUNT).expect("phone").as_peer();
    let peer = sim.peer(CONTACT).expect("peer");
    assert_eq!(own.add_devices(1), [1]);
    let companion = Companion::linked(&sim, ACCOUNT).await;
    // By LID: the library knows the account's devices by LID only, and ignores requests without keys from unknown
    // devices.
    let chat = peer.number().lid();
    for times in 1..=3 {
        own.on_device(1).cannot_open(1, times, None);
        let id = companion.send_text(&chat, "not at once").await;
        let copy = opened(&own, &id, &[0, 1]).await;
        assert_eq!(copy.text.as_deref(), Some("not at once"));
        opened(&peer, &id, &[0]).await;
    }
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_work_both_ways_after_a_contact_reinstalled() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let peer = sim.peer(CONTACT).expect("peer");
    peer.add_devices(1);
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let id = companion.send_text(&contact(), "to both").await;
    opened(&peer, &id, &[0, 1]).await;
    peer.send_text(ACCOUNT, "from the old one", By::Lid)
        .await
        .expect("sent");
    companion.wait_for_text("from the old one").await;

    peer.reinstall();
    peer.send_text(ACCOUNT, "from the new one", By::Lid)
        .await
        .expect("sent");
    companion.wait_for_text("from the new one").await;
    let id = companion.send_text(&contact(), "to the new one").await;
    opened(&peer, &id, &[0]).await;

    // And without a message from it.
    peer.reinstall();
    let id = companion.send_text(&contact(), "to the newest").await;
    opened(&peer, &id, &[0]).await;
    assert_eq!(count(&peer, &id), 1);
    assert_clean(&sim);
    companion.stop().await;
}

/// Two clients: one cannot decrypt the message and requests it, and the server forwards the request to the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_cannot_decrypt_another_clients_message_gets_it_again() {
    use openclaw_sim::Fault;
    let sim = Sim::start(Config::default()).await.expect("sim");
    let one = Companion::linked(&sim, ACCOUNT).await;
    let two = Companion::linked(&sim, CONTACT).await;
    let phone = sim.phone(ACCOUNT).expect("phone");
    let group = phone.create_group("Quay", &[CONTACT]).await.expect("group");
    let group: Jid = group.parse().expect("a jid");
    one.send_text(&contact(), "the first").await;
    two.wait_for_text("the first").await;
    for (to, text) in [(contact(), "to you"), (group, "to all")] {
        sim.fault_for(CONTACT, Fault::Corrupt(1))
            .await
            .expect("fault");
        one.send_text(&to, text).await;
        two.wait_for_text(text).await;
    }
    assert_clean(&sim);
    one.stop().await;
    two.stop().await;
}
