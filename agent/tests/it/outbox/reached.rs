//! A wait that times out: the response has the state that was reached, and only a truly unknown outcome is reported as
//! unknown.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::SendState;
use tonic::Code;

use super::tokened;
use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, WORD, World, lid, refusal, seconds};

fn waiting(to: &str, token: &str, wait: SendState) -> pb::SendRequest {
    pb::SendRequest {
        wait: wait.into(),
        timeout: seconds(2),
        ..tokened(to, WORD, token)
    }
}

#[tokio::test]
async fn a_timed_out_wait_reports_the_state_that_was_reached() {
    let world = World::linked().await;
    world.peer(ANNA).set_online(false);
    world.peer(BERT).set_online(false);
    let phone = world.phone();
    let group = phone.create_group("Offline", &[ANNA, BERT]).await.unwrap();
    let anna_lid = format!("{}@lid", lid(ANNA));
    for (n, to) in [ANNA, &group, &anna_lid].into_iter().enumerate() {
        let token = format!("t{n}");
        let sent = world
            .send_with(waiting(to, &token, SendState::Delivered))
            .await;
        let sent = sent.unwrap_or_else(|error| panic!("{to}: {error:?}"));
        assert_eq!(
            (sent.state(), sent.wait_expired),
            (SendState::ServerAck, true)
        );
        assert!(sent.server_ack_at.is_some());
    }
    // A call with the same token continues to wait, and returns when the recipient is online.
    let on = world.send_with(pb::SendRequest {
        timeout: seconds(20),
        ..waiting(ANNA, "t0", SendState::Delivered)
    });
    let back = async { world.peer(ANNA).set_online(true) };
    let (delivered, ()) = tokio::join!(on, back);
    let delivered = delivered.unwrap();
    assert_eq!(
        (delivered.state(), delivered.wait_expired),
        (SendState::Delivered, false)
    );
    // Delivered, but not read.
    let unread = world.send_with(waiting(ANNA, "t4", SendState::Read)).await;
    let unread = unread.unwrap();
    assert_eq!(
        (unread.state(), unread.wait_expired),
        (SendState::Delivered, true)
    );
    assert_eq!(world.received_texts(ANNA).len(), 4);
    world.finish().await;
}

#[tokio::test]
async fn without_the_servers_ack_the_outcome_is_not_known() {
    let world = World::linked().await;
    world.send(ANNA, &format!("{WORD} before")).await.unwrap();
    let late = openclaw_sim::Fault::Delay(std::time::Duration::from_secs(4));
    world.fault(late).await;
    for wait in [SendState::ServerAck, SendState::Delivered, SendState::Read] {
        let token = format!("{wait:?}");
        let unknown = world.send_with(waiting(ANNA, &token, wait)).await;
        assert_eq!(
            refusal(&unknown.unwrap_err()),
            (Code::DeadlineExceeded, "NOT_CONFIRMED".to_owned())
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn a_message_to_the_account_itself_is_read_once_the_server_has_it() {
    let world = World::linked().await;
    let own_lid = format!("{}@lid", lid(ACCOUNT));
    for (n, (to, wait)) in [
        (ACCOUNT, SendState::Delivered),
        (ACCOUNT, SendState::Read),
        (&own_lid, SendState::Delivered),
        (&own_lid, SendState::Read),
    ]
    .into_iter()
    .enumerate()
    {
        let sent = world.send_with(waiting(to, &format!("t{n}"), wait)).await;
        let sent = sent.unwrap_or_else(|error| panic!("{n}: {error:?}"));
        assert_eq!((sent.state(), sent.wait_expired), (SendState::Read, false));
        assert!(sent.server_ack_at.is_some());
    }
    let there = || world.phone().inbox().len() == 4;
    world.sim.until(TEST_TIMEOUT, there).await.unwrap();
    world.finish().await;
}
