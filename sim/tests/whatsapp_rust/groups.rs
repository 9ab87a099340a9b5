//! A group with sender keys, in both directions.

use openclaw_sim::{Config, Sim};
use whatsapp_rust::Jid;

use crate::client::{Companion, TEST_TIMEOUT, assert_clean, settled};

const ACCOUNT: &str = "+15550100001";
const ANNA: &str = "+15550100002";
const BERT: &str = "+15550100003";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn group_messages_arrive_in_both_directions() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    let phone = sim.phone(ACCOUNT).expect("phone");
    let group = phone
        .create_group("Harbour", &[ANNA, BERT])
        .await
        .expect("group");
    let (anna, bert) = (sim.peer(ANNA).expect("peer"), sim.peer(BERT).expect("peer"));

    for text in ["from anna", "from anna again"] {
        anna.send_to_group(&group, text).await.expect("sent");
        let (_, chat) = companion.wait_for_text(text).await;
        assert_eq!(chat, group);
    }
    bert.send_to_group(&group, "from bert").await.expect("sent");
    companion.wait_for_text("from bert").await;

    let jid: Jid = group.parse().expect("a jid");
    for text in ["to all", "to all again"] {
        let id = companion.send_text(&jid, text).await;
        for member in [&anna, &bert, &phone.as_peer()] {
            let received = member
                .wait_for(|message| message.id == id, TEST_TIMEOUT)
                .await
                .expect("received");
            assert_eq!(received.text.as_deref(), Some(text));
            assert_eq!(
                (received.kind, received.chat.as_str()),
                ("skmsg", group.as_str())
            );
        }
    }
    settled(&sim, ACCOUNT).await;
    assert_clean(&sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_linked_accounts_share_a_group() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let one = Companion::linked(&sim, ACCOUNT).await;
    let two = Companion::linked(&sim, ANNA).await;
    let phone = sim.phone(ACCOUNT).expect("phone");
    let group = phone.create_group("Quay", &[ANNA]).await.expect("group");
    let jid: Jid = group.parse().expect("a jid");
    one.send_text(&jid, "one to two").await;
    two.wait_for_text("one to two").await;
    two.send_text(&jid, "two to one").await;
    one.wait_for_text("two to one").await;
    assert_clean(&sim);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_added_by_number_gets_the_sender_key() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let one = Companion::linked(&sim, ACCOUNT).await;
    let two = Companion::linked(&sim, ANNA).await;
    let phone = sim.phone(ACCOUNT).expect("phone");
    let group = phone.create_group("Quay", &[BERT]).await.expect("group");
    let jid: Jid = group.parse().expect("a jid");
    one.send_text(&jid, "before").await;
    let number = two.client().pn().expect("a number").to_non_ad();
    let client = one.client();
    let added = client
        .groups()
        .add_participants(&jid, std::slice::from_ref(&number))
        .await
        .expect("added");
    // The client adds the addresses of the response to its metadata of the group.
    let lid = two.client().lid().expect("a LID").to_non_ad();
    assert_eq!(added[0].jid, lid);
    assert_eq!(added[0].phone_number, Some(number));
    one.send_text(&jid, "after").await;
    two.wait_for_text("after").await;
    assert_clean(&sim);
    one.stop().await;
    two.stop().await;
}
