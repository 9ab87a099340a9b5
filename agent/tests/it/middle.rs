//! An unreliable network: a message is delivered exactly once, or not sent.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::watch_events_response::Item;
use openclaw_sim::By;
use openclaw_trust::Fingerprint;
use tonic::transport::{Channel, Endpoint};

use crate::harness::{
    ACCOUNT, ANNA, Client, Cut, Middle, Mode, Pairing, TEST_TIMEOUT, TLS, WORD, Watcher, World,
    chance, kinds, reason, request,
};

const CUTS: [Cut; 4] = [Cut::Close, Cut::Reset, Cut::ClientSide, Cut::AgentSide];

const MODES: [Mode; 3] = [
    Mode::Delay(Duration::from_millis(5)),
    Mode::Stall,
    Mode::Forward,
];

/// The clients' connection to the agent, through a proxy.
struct Line {
    middle: Middle,
    /// The client's key and the agent's fingerprint, over TLS.
    keys: Option<(Client, Fingerprint)>,
}

impl std::ops::Deref for Line {
    type Target = Middle;

    fn deref(&self) -> &Middle {
        &self.middle
    }
}

impl Line {
    /// A client as openclawctl builds it: with keepalive pings.
    fn client(&self) -> AgentClient<Channel> {
        let address = self.middle.address;
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let endpoint = endpoint
            .http2_keep_alive_interval(Duration::from_millis(300))
            .keep_alive_timeout(Duration::from_millis(700))
            .keep_alive_while_idle(true);
        AgentClient::new(match &self.keys {
            None => endpoint.connect_lazy(),
            Some((client, agent)) => client.connect_lazily(&endpoint, address, *agent),
        })
    }

    /// Cuts a call at a random point, which may be in the handshake.
    fn cuts_somewhere_in_a_call(&self, random: &mut Rng) {
        let most = if self.keys.is_some() { 2_500 } else { 400 };
        self.middle.cut_after(random.u64(1..most));
    }
}

/// A plain-text agent behind a proxy.
async fn with_a_middle() -> (World, Line) {
    let config = openclaw_sim::Config::default();
    let world = World::with(config, &["--listen-plaintext", "127.0.0.1:0"]).await;
    let middle = Middle::before(world.agent.plaintext.unwrap()).await;
    (world, Line { middle, keys: None })
}

/// A TLS agent behind a proxy.
async fn with_a_middle_over_tls() -> (World, Line) {
    let world = World::with(openclaw_sim::Config::default(), &TLS).await;
    let client = Client::first(&world.agent).await;
    let middle = Middle::before(world.agent.tls()).await;
    let keys = Some((client, world.agent.fingerprint()));
    (world, Line { middle, keys })
}

/// Follows events from `after` until the stream breaks, and records them.
async fn follow(middle: &Line, seen: &mut Vec<u64>, enough: usize) {
    let request = pb::WatchEventsRequest {
        after: Some(seen.last().copied().unwrap_or(0)),
        follow: true,
        filter: kinds([pb::EventKind::Message]),
        ..Default::default()
    };
    let Ok(stream) = middle.client().watch_events(request).await else {
        return;
    };
    let mut stream = Watcher::new(stream.into_inner());
    while seen.len() < enough {
        match stream.item().await {
            Ok(Some(Item::Event(event))) => seen.push(event.seq),
            Ok(Some(Item::Gap(gap))) => panic!("nothing is lost: {gap:?}"),
            Ok(Some(Item::Heartbeat(_))) => {}
            Ok(Some(Item::Presence(_) | Item::Typing(_))) => panic!("not asked for"),
            Ok(None) | Err(_) => return,
        }
    }
}

#[tokio::test]
async fn a_watch_over_a_broken_network_gets_every_event_once() {
    every_event_once(with_a_middle().await, chance(1)).await;
}

#[tokio::test]
async fn a_watch_over_tls_and_a_broken_network_gets_every_event_once() {
    every_event_once(with_a_middle_over_tls().await, chance(2)).await;
}

async fn every_event_once((world, middle): (World, Line), mut random: Rng) {
    const MESSAGES: usize = 150;
    world.link().await;
    let peer = world.peer(ANNA);
    let writing = async {
        for number in 0..MESSAGES {
            let text = format!("{WORD} {number}");
            peer.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
        }
    };
    let mut seen = Vec::new();
    let mut places = random.fork();
    let watching = async {
        while seen.len() < MESSAGES {
            // Sometimes within the first frame, sometimes after many events. Data that is cut in one piece with a
            // response is lost with it.
            middle.cut_after(places.u64(50..100) << places.u32(..12));
            follow(&middle, &mut seen, MESSAGES).await;
        }
    };
    let trouble = async {
        let mut moods = MODES.iter().cycle();
        loop {
            tokio::time::sleep(Duration::from_millis(random.u64(5..120))).await;
            match random.u8(..3) {
                0 => middle.set_mode(*moods.next().unwrap()),
                _ => middle.cut(CUTS[random.usize(..CUTS.len())]),
            }
        }
    };
    let all = async {
        tokio::select! {
            ((), ()) = async { tokio::join!(writing, watching) } => {}
            () = trouble => {}
        }
    };
    tokio::time::timeout(4 * TEST_TIMEOUT, all)
        .await
        .expect("all events come");
    let kept = world.events().await;
    let kept: Vec<u64> = kept
        .iter()
        .filter(|event| crate::harness::message(event).is_some())
        .map(|event| event.seq)
        .collect();
    assert_eq!(kept.len(), MESSAGES);
    assert_eq!(seen, kept, "each once, in order");
    assert!(
        middle.connections() > 1,
        "{} connections prove nothing",
        middle.connections()
    );
    world.finish().await;
}

#[tokio::test]
async fn a_send_that_is_cut_and_repeated_is_one_message() {
    one_message(with_a_middle().await, chance(3)).await;
}

#[tokio::test]
async fn a_send_over_tls_that_is_cut_and_repeated_is_one_message() {
    one_message(with_a_middle_over_tls().await, chance(4)).await;
}

async fn one_message((world, middle): (World, Line), mut random: Rng) {
    const MESSAGES: usize = 40;
    world.link().await;
    let mut ids = HashMap::new();
    let mut repeated = 0;
    for number in 0..MESSAGES {
        let request = pb::SendRequest {
            client_token: format!("cut-{number}"),
            ..request(ANNA, &format!("{WORD} {number}"))
        };
        loop {
            // Before the call arrives, while it is in progress, or while its response is in transit.
            middle.cuts_somewhere_in_a_call(&mut random);
            let mut client = middle.client();
            let sent = tokio::time::timeout(TEST_TIMEOUT, client.send(request.clone()));
            match sent.await.expect("a call ends") {
                Ok(sent) => {
                    ids.insert(sent.into_inner().message_id, number);
                    break;
                }
                Err(_) => repeated += 1,
            }
        }
    }
    assert!(repeated > 5, "{repeated} repeated calls prove nothing");
    assert_eq!(ids.len(), MESSAGES);
    let all = || world.peer(ANNA).inbox_len() >= MESSAGES;
    world.sim.until(TEST_TIMEOUT, all).await.unwrap();
    let inbox = world.peer(ANNA).inbox();
    let mut texts: Vec<_> = inbox
        .into_iter()
        .filter_map(|received| received.text)
        .collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(
        (texts.len(), world.peer(ANNA).inbox_len()),
        (MESSAGES, MESSAGES),
        "each arrives once"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_pairing_over_a_slow_line_links() {
    let (world, middle) = with_a_middle().await;
    middle.set_mode(Mode::Delay(Duration::from_millis(150)));
    let mut pairing = pair(&world, &middle, false).await.unwrap();
    let qr = pairing.qr().await;
    world.phone().scan(&qr.payload).await.unwrap();
    let linked = pairing.linked().await;
    assert_eq!(linked.phone, ACCOUNT);
    world.finish().await;
}

/// The contract: closing the stream stops the pairing. A lost connection has the same effect, without a delay.
#[tokio::test]
async fn a_cut_pairing_does_not_block_the_next() {
    let (world, middle) = with_a_middle().await;
    for cut in [Cut::Close, Cut::Reset] {
        let mut lost = pair(&world, &middle, false).await.unwrap();
        lost.qr().await;
        middle.cut(cut);
        world.agent.until_state(LinkState::Unlinked).await;
        assert!(!world.agent.status().await.pairing, "{cut:?}");
    }
    let mut pairing = pair(&world, &middle, false).await.unwrap();
    let qr = pairing.qr().await;
    world.phone().scan(&qr.payload).await.unwrap();
    pairing.linked().await;
    world.finish().await;
}

/// The phone had accepted when the connection broke: Status reports the result that the operator did not see.
#[tokio::test]
async fn a_connection_lost_after_the_scan_leaves_a_reported_state() {
    for cut in [Cut::Close, Cut::Reset] {
        let (world, middle) = with_a_middle().await;
        let mut lost = pair(&world, &middle, false).await.unwrap();
        let qr = lost.qr().await;
        middle.set_mode(Mode::Stall);
        let scanned = world.phone().scan(&qr.payload).await;
        middle.cut(cut);
        middle.set_mode(Mode::Forward);
        let settled = |link: &pb::LinkStatus| {
            matches!(link.state(), LinkState::Connected | LinkState::Unlinked)
        };
        let link = world.agent.until(settled).await;
        if scanned.is_ok() {
            assert_eq!(
                link.state(),
                LinkState::Connected,
                "{cut:?}: the phone shows a device"
            );
        }
        // In both cases the next call is answered, and links.
        if link.state() == LinkState::Connected {
            let refused = pair(&world, &middle, false).await.err().unwrap();
            assert_eq!(reason(&refused), "ALREADY_LINKED");
        }
        let mut again = pair(&world, &middle, true).await.unwrap();
        let qr = again.qr().await;
        world.phone().scan(&qr.payload).await.unwrap();
        again.linked().await;
        world.finish().await;
    }
}

async fn pair(world: &World, middle: &Line, replace: bool) -> Result<Pairing, tonic::Status> {
    let request = pb::PairRequest {
        replace,
        ..pb::PairRequest::by_qr()
    };
    let frames = middle.client().pair(request).await?.into_inner();
    Ok(world.pairing(frames))
}
