//! Floods by a malicious client, or by many unknown peers: memory stays bounded, and other clients are served.

mod wire;

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::{Client, Middle, Mode, TEST_TIMEOUT, TLS, World};
use wire::{
    CALM, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, Wire,
    call, frame, header,
};

const STATUS: &str = "/openclaw.agent.v1.Agent/Status";
const SEND: &str = "/openclaw.agent.v1.Agent/Send";
const WATCH: &str = "/openclaw.agent.v1.Agent/WatchEvents";
/// The additional memory at the peak of a flood, in a debug build.
const SPARE_KIB: u64 = 16 * 1024;

/// An agent, a client that needs it, and a malicious client.
struct Flood {
    world: World,
    victim: Client,
    attacker: Client,
    before: u64,
}

impl Flood {
    async fn begin() -> Self {
        let world = World::with(openclaw_sim::Config::default(), &TLS).await;
        let victim = Client::first(&world.agent).await;
        let attacker = Client::invited(&world.agent, pb::Role::Operator).await;
        // Memory of the first call is not attributed to the flood.
        for client in [&victim, &attacker] {
            client.status(&world.agent).await;
        }
        // Checks that the raw frames below are valid.
        let mut wire = Wire::open(attacker.shake(&world.agent).await.unwrap(), &[]).await;
        wire.send(&frame(HEADERS, END_HEADERS, 1, &call(STATUS)))
            .await;
        wire.send(&frame(DATA, END_STREAM, 1, &[0; 5])).await;
        wire.listen().answered(1).await;
        let before = world.agent.peak_kib();
        Self {
            world,
            victim,
            attacker,
            before,
        }
    }

    async fn wire(&self) -> Wire {
        self.wire_with(&[]).await
    }

    async fn wire_with(&self, settings: &[u8]) -> Wire {
        Wire::open(
            self.attacker.shake(&self.world.agent).await.unwrap(),
            settings,
        )
        .await
    }

    /// While `flood` runs, new connections and calls must succeed.
    async fn served_during<T>(&self, flood: impl Future<Output = T>) -> T {
        let mut flood = std::pin::pin!(flood);
        let mut open = self.victim.client(&self.world.agent).await;
        let mut served = 0;
        let serve = async {
            loop {
                let status = open.status(pb::StatusRequest {});
                tokio::time::timeout(TEST_TIMEOUT, status)
                    .await
                    .expect("in time")
                    .unwrap();
                self.connects().await;
                served += 1;
            }
        };
        let flooded = tokio::time::timeout(3 * TEST_TIMEOUT, async {
            tokio::select! {
                flooded = &mut flood => flooded,
                () = serve => unreachable!("it serves until the flood is over"),
            }
        });
        let flooded = flooded.await.expect("a flood has an end");
        self.connects().await;
        println!("{served} calls and connections meanwhile");
        flooded
    }

    /// Opens a connection. Among many peers it may be the one that is closed, and is retried as a client would.
    async fn connects(&self) {
        let trying = async { while !self.victim.is_known(&self.world.agent).await {} };
        let connected = tokio::time::timeout(TEST_TIMEOUT, trying).await;
        connected.expect("a client that is known gets in");
    }

    async fn end(self) {
        let peak = self.world.agent.peak_kib();
        let spent = peak.saturating_sub(self.before);
        println!("{spent} KiB more than {} KiB", self.before);
        assert!(
            spent < SPARE_KIB,
            "{spent} KiB more than {} KiB",
            self.before
        );
        self.world.finish().await;
    }
}

/// Sends `piece(n)` until the agent closes the connection; `true` if it did before `most` pieces were sent.
async fn send_until_closed(
    wire: &mut Wire,
    most: u32,
    mut piece: impl FnMut(u32) -> Vec<u8>,
) -> bool {
    for number in 0..most {
        if !wire.send(&piece(number)).await {
            return true;
        }
    }
    false
}

/// The client's stream ids.
const fn stream(number: u32) -> u32 {
    2 * number + 1
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_end_the_connection() {
    let flood = Flood::begin().await;
    let mut wire = flood.wire().await.listen();
    let block = call(STATUS);
    let rapid = |number| {
        let id = stream(number);
        let open = frame(HEADERS, END_HEADERS | END_STREAM, id, &block);
        [open, frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())].concat()
    };
    let ended = flood
        .served_during(send_until_closed(&mut wire, 100_000, rapid))
        .await;
    assert!(ended, "a hundred thousand streams were taken");
    assert_eq!(wire.ended().await, Some(CALM));
    flood.end().await;
}

#[tokio::test]
async fn headers_without_an_end_end_the_connection() {
    let flood = Flood::begin().await;
    for piece in [0, 1, 16_000] {
        let mut wire = flood.wire().await.listen();
        wire.send(&frame(HEADERS, END_STREAM, 1, &call(STATUS)))
            .await;
        let mut filler = Vec::new();
        header(&mut filler, "x", &"a".repeat(piece));
        let filler = if piece == 0 { Vec::new() } else { filler };
        let more = |_| frame(CONTINUATION, 0, 1, &filler);
        let ended = flood
            .served_during(send_until_closed(&mut wire, 100_000, more))
            .await;
        assert!(
            ended,
            "a hundred thousand frames of {piece} bytes were taken"
        );
        wire.ended().await;
    }
    flood.end().await;
}

#[tokio::test]
async fn empty_frames_delay_no_one() {
    let flood = Flood::begin().await;
    let mut wire = flood.wire().await.listen();
    wire.send(&frame(HEADERS, END_HEADERS, 1, &call(SEND)))
        .await;
    let empty = frame(DATA, 0, 1, &[]).repeat(64);
    flood
        .served_during(send_until_closed(&mut wire, 3_000, |_| empty.clone()))
        .await;
    let mut wire = flood.wire().await.listen();
    let settings = frame(SETTINGS, 0, 0, &[]).repeat(64);
    flood
        .served_during(send_until_closed(&mut wire, 1_000, |_| settings.clone()))
        .await;
    flood.end().await;
}

/// Each frame requests a response, and none is read: the buffer for such a client is bounded.
#[tokio::test]
async fn unread_responses_are_bounded() {
    let flood = Flood::begin().await;
    let ping = frame(PING, 0, 0, &[7; 8]).repeat(64);
    let settings = frame(SETTINGS, 0, 0, &[]).repeat(64);
    let unknown = call("/no.Such/Method");
    for frames in [ping, settings] {
        let mut wire = flood.wire().await;
        // Stops when the network accepts no more; the agent decides what to do.
        let pouring = send_until_closed(&mut wire, 20_000, |_| frames.clone());
        let pouring = tokio::time::timeout(Duration::from_secs(3), pouring);
        let _ = flood.served_during(pouring).await;
    }
    let mut wire = flood.wire().await;
    let calls = |number| frame(HEADERS, END_HEADERS | END_STREAM, stream(number), &unknown);
    let pouring = tokio::time::timeout(
        Duration::from_secs(3),
        send_until_closed(&mut wire, 100_000, calls),
    );
    let _ = flood.served_during(pouring).await;
    flood.end().await;
}

#[tokio::test]
async fn a_header_list_of_a_megabyte_is_not_buffered() {
    let flood = Flood::begin().await;
    for _ in 0..20 {
        let mut wire = flood.wire().await.listen();
        let mut block = call(STATUS);
        for number in 0..70 {
            header(&mut block, &format!("x-{number}"), &"a".repeat(15_000));
        }
        let pieces: Vec<&[u8]> = block.chunks(16_000).collect();
        let last = u32::try_from(pieces.len()).unwrap() - 1;
        let block = |number: u32| {
            let (kind, flags) = if number == 0 {
                (HEADERS, END_STREAM)
            } else {
                (CONTINUATION, 0)
            };
            let flags = flags | if number == last { END_HEADERS } else { 0 };
            frame(kind, flags, 1, pieces[number as usize])
        };
        flood
            .served_during(send_until_closed(&mut wire, last + 1, block))
            .await;
    }
    flood.end().await;
}

/// As many connections and calls as one client may have, each with as much of a large message as flow control allows.
#[tokio::test]
async fn endless_messages_are_buffered_only_up_to_the_windows() {
    let flood = Flood::begin().await;
    let mut wires = Vec::new();
    for _ in 0..16 {
        let mut wire = flood.wire().await;
        for number in 0..16 {
            let id = stream(number);
            wire.send(&frame(HEADERS, END_HEADERS, id, &call(SEND)))
                .await;
            // The start of a message of one megabyte.
            let begin = [&[0, 0, 16, 0, 0][..], &[b'a'; 7_000]].concat();
            wire.send(&frame(DATA, 0, id, &begin)).await;
        }
        wires.push(wire);
    }
    flood.served_during(std::future::ready(())).await;
    // A length that no message may have.
    let mut wire = flood.wire().await.listen();
    wire.send(&frame(HEADERS, END_HEADERS, 1, &call(SEND)))
        .await;
    wire.send(&frame(DATA, 0, 1, &[0, 0xff, 0xff, 0xff, 0xff, 1]))
        .await;
    flood.served_during(std::future::ready(())).await;
    drop(wires);
    flood.end().await;
}

/// Sixteen connections of a client that sends nothing, or reads nothing: the other seats stay free for others.
#[tokio::test]
async fn idle_connections_of_one_client_lock_no_one_out() {
    let flood = Flood::begin().await;
    let mut held = Vec::new();
    for _ in 0..40 {
        // The seventeenth and later ones are refused.
        if let Ok(stream) = flood.attacker.shake(&flood.world.agent).await {
            held.push(stream);
        }
    }
    flood.served_during(std::future::ready(())).await;
    drop(held);
    let mut wires = Vec::new();
    // INITIAL_WINDOW_SIZE 0: the agent may send no data.
    let no_window = [0, 4, 0, 0, 0, 0];
    for _ in 0..12 {
        let Ok(stream_of) = flood.attacker.shake(&flood.world.agent).await else {
            continue;
        };
        let mut wire = Wire::open(stream_of, &no_window).await;
        for number in 0..16 {
            let id = stream(number);
            wire.send(&frame(HEADERS, END_HEADERS, id, &call(WATCH)))
                .await;
            // From the first event on, following.
            wire.send(&frame(DATA, END_STREAM, id, &[0, 0, 0, 0, 4, 8, 0, 16, 1]))
                .await;
        }
        wires.push(wire);
    }
    flood.served_during(std::future::ready(())).await;
    drop(wires);
    flood.end().await;
}

/// Peers that complete the handshake as if to enroll, and then send nothing; others send their first bytes slowly.
#[tokio::test]
async fn slow_peers_lock_no_one_out() {
    let flood = Flood::begin().await;
    let code = flood.world.agent.invite(pb::Role::Reader, "").await;
    let stranger = Client::new();
    let dawdle = async {
        let mut strangers = Vec::new();
        for _ in 0..200 {
            if let Ok(stream) = stranger.greet(flood.world.agent.tls()).await {
                strangers.push(stream);
            }
        }
        let mut drips = JoinSet::new();
        for _ in 0..100 {
            let address = flood.world.agent.tls();
            drips.spawn(async move {
                let Ok(mut stream) = TcpStream::connect(address).await else {
                    return;
                };
                for byte in [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3] {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                }
            });
        }
        while drips.join_next().await.is_some() {}
        strangers.len()
    };
    let strangers = flood.served_during(dawdle).await;
    assert!(strangers > 100, "{strangers} prove nothing");
    // A client that has waited for its turn connects now.
    let late = Client::new();
    late.enroll(&flood.world.agent, &code, "late")
        .await
        .unwrap();
    assert!(late.is_known(&flood.world.agent).await);
    flood.end().await;
}

/// A client with slow packets, among peers that connect faster than that.
#[tokio::test]
async fn a_client_on_a_slow_line_gets_in_during_a_storm() {
    let flood = Flood::begin().await;
    let middle = Middle::before(flood.world.agent.tls()).await;
    middle.set_mode(Mode::Delay(Duration::from_millis(40)));
    let address = flood.world.agent.tls();
    let storm = async {
        // They stay connected and send nothing.
        let mut strangers = Vec::new();
        loop {
            for _ in 0..10 {
                strangers.extend(TcpStream::connect(address).await.ok());
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    };
    let getting_in = async {
        for attempt in 1.. {
            let connected = flood.victim.connect_at(middle.address, &flood.world.agent);
            let Ok(channel) = connected.await else {
                continue;
            };
            // With TLS 1.3, the client's handshake completes before the agent's.
            let mut client = AgentClient::new(channel);
            if client.status(pb::StatusRequest {}).await.is_ok() {
                return attempt;
            }
        }
        unreachable!("there is always another attempt")
    };
    let attempts = tokio::time::timeout(TEST_TIMEOUT, async {
        tokio::select! {
            attempts = getting_in => attempts,
            () = storm => unreachable!("it does not end"),
        }
    });
    let attempts = attempts.await.expect("it gets in");
    println!("it got in at attempt {attempts}");
    flood.end().await;
}
