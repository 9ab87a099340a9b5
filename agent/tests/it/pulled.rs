//! Offline backlogs, which WhatsApp's server sends in requested batches, cut at every point; and streams that it ends
//! without a code.

use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, Fault};

use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, WORD, World};

/// More than the server sends without a request, and less than one request returns.
const FEW: usize = 30;
/// More than one request returns.
const MANY: usize = 230;

impl World {
    /// Two people write alternately while the agent is offline.
    async fn missed(&self, messages: std::ops::Range<usize>) {
        let people = [self.peer(ANNA), self.peer(BERT)];
        for n in messages {
            let text = format!("{WORD} {n}");
            let person = &people[n % people.len()];
            person.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
        }
    }

    /// Checks that everything is recorded once, in order per person, and acked; and that later messages arrive too.
    async fn has_it_all(&self, messages: usize) {
        self.all_acked().await;
        self.agent.until_state(LinkState::Connected).await;
        self.missed(messages..messages + 2).await;
        self.all_acked().await;
        let mut numbers: [Vec<usize>; 2] = Default::default();
        for event in self.events().await {
            assert!(!matches!(event.kind, Some(Kind::Lost(_))), "{event:?}");
            if let Some(Kind::Message(message)) = event.kind {
                let text = message.text();
                let number: usize = text.rsplit(' ').next().unwrap().parse().unwrap();
                numbers[number % 2].push(number);
            }
        }
        for (person, numbers) in numbers.iter().enumerate() {
            let expected: Vec<usize> = (person..messages + 2).step_by(2).collect();
            assert_eq!(numbers, &expected);
        }
    }

    async fn cut_behind(&self, stanzas: u32) {
        let fault = Fault::DropAfter(stanzas);
        self.sim.fault_for(ACCOUNT, fault).await.unwrap();
    }
}

#[tokio::test]
async fn a_backlog_cut_at_any_point_is_recorded_once_and_in_order() {
    // Within and after the unrequested part, within and after the requested part; and again at the next login.
    for cuts in [&[1][..], &[4, 1], &[5, 5], &[6, 6, 6], &[29], &[30], &[31]] {
        let mut world = World::linked().await;
        world.all_acked().await;
        world.agent.terminate().await;
        world.missed(0..FEW).await;
        for stanzas in cuts {
            world.cut_behind(*stanzas).await;
        }
        world.agent.start_again(&world.sim.url()).await;
        world.has_it_all(FEW).await;
        world.finish().await;
    }
}

#[tokio::test]
async fn a_backlog_of_several_requests_survives_cuts_and_kills() {
    for cut in [3, 7, 120, 204, 206, 229] {
        let mut world = World::linked().await;
        world.all_acked().await;
        world.agent.terminate().await;
        world.missed(0..MANY).await;
        world.cut_behind(cut).await;
        let before = world.handshakes();
        world.agent.start_again(&world.sim.url()).await;
        // This connection is cut, and then the next one.
        let again = || world.handshakes() > before + 1;
        world.sim.until(TEST_TIMEOUT, again).await.unwrap();
        world.agent.kill().await;
        world.agent.start_again(&world.sim.url()).await;
        world.has_it_all(MANY).await;
        world.finish().await;
    }
}

#[tokio::test]
async fn an_unannounced_backlog_is_requested() {
    let mut world = World::linked().await;
    world.all_acked().await;
    world.agent.terminate().await;
    world.missed(0..MANY).await;
    world.cut_behind(5).await;
    let before = world.handshakes();
    world.agent.start_again(&world.sim.url()).await;
    let cut = || world.handshakes() > before;
    world.sim.until(TEST_TIMEOUT, cut).await.unwrap();
    world.fault(Fault::Unannounced).await;
    world.fault(Fault::Drop).await;
    world.has_it_all(MANY).await;
    world.finish().await;
}

#[tokio::test]
async fn a_stream_that_the_server_ends_is_opened_again() {
    let world = World::linked().await;
    let mut sent = 0;
    for end in [
        Fault::BadXml,
        Fault::OwedAck,
        Fault::StreamEnd,
        Fault::StreamError(500),
        Fault::StreamError(429),
    ] {
        let before = world.handshakes();
        world.fault(end.clone()).await;
        world.missed(sent..sent + 2).await;
        sent += 2;
        let again = || world.handshakes() > before;
        let back = world.sim.until(TEST_TIMEOUT, again).await;
        assert!(back.is_ok(), "{end:?}");
        world.all_acked().await;
    }
    world.has_it_all(sent).await;
    world.finish().await;
}
