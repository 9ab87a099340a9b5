//! HTTP: requests of platforms, and invalid or hostile ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_sim::{Fault, Sim};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::harness::{ANNA, Agent, Health, TEST_TIMEOUT, WORD, World};

#[tokio::test]
async fn a_new_deployment_is_alive_and_not_ready() {
    let world = World::new().await;
    let health = world.agent.get("/health").await;
    assert_eq!(health.code, 200, "a probe must pass before anyone can pair");
    let body = health.json();
    assert_eq!(body["status"], "unlinked");
    assert_eq!(body["whatsapp"]["connected"], false);
    assert_eq!(body["whatsapp"]["phone"], serde_json::Value::Null);
    assert!(
        body["whatsapp"]["hint"]
            .as_str()
            .unwrap()
            .contains("openclawctl pair")
    );
    assert_eq!(body["simulator"], true);
    let ready = world.agent.get("/health/ready").await;
    assert_eq!(
        (ready.code, &ready.json()["status"]),
        (503, &body["status"])
    );
    assert_eq!(world.agent.get("/health/live").await.code, 200);
    world.finish().await;
}

/// An agent that is ready once it has been connected for two seconds.
async fn ready_after_two_seconds() -> World {
    let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let settings = [("OPENCLAW_READY_AFTER", "2")];
    let agent = Agent::start_within(folder, &sim.url(), &settings).await;
    World::of(sim, agent)
}

#[tokio::test]
async fn a_link_is_ready_after_its_delay_and_shows_how_long() {
    let world = ready_after_two_seconds().await;
    world.link().await;
    for round in 0..3 {
        world.agent.until_state(LinkState::Connected).await;
        let began = Instant::now();
        let ready = world.agent.get("/health/ready").await;
        let body = ready.json();
        assert_eq!((ready.code, &body["status"]), (503, &"settling".into()));
        assert_eq!(body["whatsapp"]["connected"], true, "{body}");
        assert_eq!(
            (&body["ready"], &body["connected_seconds"]),
            (&false.into(), &0.into())
        );
        assert!(
            (1..=2).contains(&body["ready_in_seconds"].as_u64().unwrap()),
            "{body}"
        );
        let mut health = Health::new(world.agent.channel());
        let checked = health.check("whatsapp").await.unwrap();
        assert_eq!(checked, ServingStatus::NotServing);
        let link = world.agent.link().await;
        assert!(!link.ready && link.ready_at.is_some() && link.disconnected_at.is_none());
        if round < 2 {
            // Up only briefly: it must not report ready in between.
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(world.agent.get("/health/ready").await.code, 503);
            world.fault(Fault::Drop).await;
            world
                .agent
                .logged_times("WhatsApp disconnected: connection_lost", round + 1)
                .await;
            continue;
        }
        health.until("whatsapp", ServingStatus::Serving).await;
        assert!(began.elapsed() >= Duration::from_millis(1_500));
        let ready = world.agent.get("/health/ready").await;
        let body = ready.json();
        assert_eq!((ready.code, &body["status"]), (200, &"healthy".into()));
        assert_eq!(body["ready"], true);
        assert!(body["connected_seconds"].as_u64().unwrap() >= 2, "{body}");
        assert!(world.agent.link().await.ready);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_link_that_is_down_shows_its_age_and_the_earliest_ready_time() {
    let world = ready_after_two_seconds().await;
    world.link().await;
    world.cut_off().await;
    let down = Instant::now();
    // Over several attempts.
    let waits = |link: &pb::LinkStatus| link.state() == LinkState::BackingOff && link.attempt >= 4;
    let link = world.agent.until(waits).await;
    let elapsed = down.elapsed().as_secs();
    let ready = world.agent.get("/health/ready").await;
    let body = ready.json();
    assert_eq!(ready.code, 503);
    assert!(
        body["disconnected_seconds"].as_u64().unwrap() >= elapsed,
        "{body}"
    );
    // The rest of a delay of 3 s, and the two seconds.
    assert!(
        (3..=6).contains(&body["ready_in_seconds"].as_u64().unwrap()),
        "{body}"
    );
    assert_eq!(body["connected_seconds"], serde_json::Value::Null);
    assert!(link.disconnected_at.unwrap().seconds < link.since.unwrap().seconds);
    world.finish().await;
}

#[tokio::test]
async fn metrics_are_numbers_that_agree_with_status() {
    let world = World::linked().await;
    world.send(ANNA, WORD).await.unwrap();
    world.all_acked().await;
    let answer = world.agent.get("/metrics").await;
    assert_eq!(answer.code, 200);
    let value = |name: &str| {
        let line = answer
            .body
            .lines()
            .find(|line| line.split(' ').next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {}", answer.body));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(value("openclaw_whatsapp_connected"), 1.0);
    assert_eq!(value("openclaw_messages_sent_total"), 1.0);
    assert_eq!(value("openclaw_messages_received_total"), 0.0);
    assert_eq!(
        value("openclaw_whatsapp_link_state{state=\"connected\"}"),
        1.0
    );
    assert_eq!(
        value("openclaw_whatsapp_link_state{state=\"unlinked\"}"),
        0.0
    );
    assert!(value("openclaw_whatsapp_last_frame_age_seconds") < 60.0);
    for line in answer.body.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    world.finish().await;
}

#[tokio::test]
async fn metrics_follow_the_exposition_format() {
    let world = World::linked().await;
    world.fault(Fault::Drop).await;
    let logged = "WhatsApp disconnected: connection_lost";
    world.agent.logged(logged).await;
    world.agent.until_state(LinkState::Connected).await;
    let text = world.agent.get("/metrics").await.body;
    let mut family = String::new();
    let mut seen = Vec::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split(' ').next().unwrap().to_owned();
            assert!(!seen.contains(&family), "{family} is listed twice");
            seen.push(family.clone());
            continue;
        }
        let counts = line == format!("# TYPE {family} counter");
        if counts || line == format!("# TYPE {family} gauge") {
            assert_eq!(counts, family.ends_with("_total"), "{family}");
            continue;
        }
        let name = line.split(['{', ' ']).next().unwrap();
        assert_eq!(name, family, "{line}");
        assert!(name.starts_with("openclaw_") || name.starts_with("process_"));
    }
    let lost = "openclaw_whatsapp_disconnects_total{reason=\"connection_lost\"} 1";
    assert!(text.lines().any(|line| line == lost), "{text}");
    let documented = include_str!("../../../docs/metrics.md");
    for family in seen {
        assert!(
            documented.contains(&format!("`{family}")),
            "{family} is not in docs/metrics.md"
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn metrics_can_have_their_own_address_or_be_off() {
    let off = World::with(openclaw_sim::Config::default(), &["--metrics", "off"]).await;
    let answer = off.agent.get("/metrics").await;
    assert_eq!(answer.code, 404);
    assert!(answer.body.contains("--metrics on"), "{}", answer.body);
    off.finish().await;
    let args = ["--metrics", "127.0.0.1:0"];
    let own = World::with(openclaw_sim::Config::default(), &args).await;
    assert_eq!(own.agent.get("/metrics").await.code, 404);
    let served = own.agent.logged("metrics enabled").await;
    let address = served["metrics"].as_str().unwrap().parse().unwrap();
    let answer = own.agent.get_at(address, "/metrics").await;
    assert_eq!(answer.code, 200);
    assert!(answer.body.contains("openclaw_build_info{"));
    assert_eq!(own.agent.get_at(address, "/health").await.code, 404);
    own.finish().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let world = World::new().await;
    for (line, code) in [
        ("GET / HTTP/1.1", 404),
        ("GET /health/ HTTP/1.1", 404),
        ("GET /../../etc/passwd HTTP/1.1", 404),
        ("GET /%00 HTTP/1.1", 404),
        ("POST /health HTTP/1.1", 405),
        ("DELETE /metrics HTTP/1.1", 405),
        ("PUT /health/live HTTP/1.1", 405),
    ] {
        let request =
            format!("{line}\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let answer = world.agent.raw_http(request.as_bytes()).await;
        assert_eq!(answer.map(|answer| answer.code), Some(code), "{line}");
    }
    world.finish().await;
}

#[tokio::test]
async fn garbage_is_answered_with_an_error_or_a_closed_connection() {
    let world = World::linked().await;
    let long = "x".repeat(1 << 20);
    let requests: [Vec<u8>; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"GET /health HTTP/9.9\r\n\r\n".to_vec(),
        format!("GET /health HTTP/1.1\r\nx: {long}\r\n\r\n").into_bytes(),
        format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes(),
        (0..=u8::MAX).cycle().take(100_000).collect(),
    ];
    for request in &requests {
        if let Some(answer) = world.agent.raw_http(request).await {
            assert!((400..600).contains(&answer.code), "{answer:?}");
        }
    }
    world.everything_reports_connected().await;
    world.agent.is_lean();
    world.finish().await;
}

#[tokio::test]
async fn slow_and_idle_connections_lock_no_one_out() {
    let world = World::linked().await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let Ok(mut stream) = TcpStream::connect(world.agent.http()).await else {
            break;
        };
        let _ = stream.write_all(b"GET /health HT").await;
        slow.push(stream);
    }
    world.everything_reports_connected().await;
    // They are closed after a while.
    for mut stream in slow {
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(TEST_TIMEOUT, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "an incomplete request times out");
    }
    world.agent.is_lean();
    world.finish().await;
}

#[tokio::test]
async fn two_hundred_requests_at_once_are_all_answered() {
    let world = World::linked().await;
    let requests = (0..200).map(|_| world.agent.get("/health"));
    for answer in futures::future::join_all(requests).await {
        assert_eq!(
            (answer.code, &answer.json()["status"]),
            (200, &"healthy".into())
        );
    }
    world.agent.is_lean();
    world.finish().await;
}

/// Sends requests without reading the responses, until the agent accepts no more.
async fn never_reads(address: SocketAddr, request: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // A small buffer, so that the responses fill it soon.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let requests = request.repeat(2_000);
    let pouring = tokio::time::timeout(Duration::from_millis(300), stream.write_all(&requests));
    let _ = pouring.await;
    stream
}

#[tokio::test]
async fn requests_on_a_connection_are_limited() {
    let world = World::with(openclaw_sim::Config::default(), &["--metrics", "on"]).await;
    for path in ["/health", "/metrics"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: agent\r\n\r\n");
        let http = SocketAddr::from(([127, 0, 0, 1], world.agent.http().port()));
        let mut stream = TcpStream::connect(http).await.unwrap();
        let _ = stream.write_all(request.repeat(40).as_bytes()).await;
        let mut answers = Vec::new();
        // Requests beyond the limit are not read, which may reset the connection.
        let _ = stream.read_to_end(&mut answers).await;
        let answers = String::from_utf8_lossy(&answers);
        assert_eq!(answers.matches("HTTP/1.1 200").count(), 16, "{path}");
        assert_eq!(answers.matches("connection: close").count(), 1, "{path}");
    }
    world.finish().await;
}

#[tokio::test]
async fn callers_that_never_read_lock_no_probe_out() {
    let args = ["--metrics", "127.0.0.1:0"];
    let world = World::with(openclaw_sim::Config::default(), &args).await;
    let served = world.agent.logged("metrics enabled").await;
    let metrics = served["metrics"].as_str().unwrap().parse().unwrap();
    let http = SocketAddr::from(([127, 0, 0, 1], world.agent.http().port()));
    let asks = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: agent\r\n\r\n").into_bytes();
    for (address, path) in [(http, "/health"), (metrics, "/metrics")] {
        let request = asks(path);
        let callers = (0..200).map(|_| never_reads(address, &request));
        let callers = futures::future::join_all(callers).await;
        for _ in 0..3 {
            let asked = Instant::now();
            assert_eq!(world.agent.get_at(address, path).await.code, 200, "{path}");
            println!(
                "{path} among callers that never read: {:?}",
                asked.elapsed()
            );
        }
        drop(callers);
    }
    // Their connections are closed after a while.
    let request = asks("/health");
    let mut stream = never_reads(http, &request).await;
    let cut = async {
        // The buffered responses arrive, then EOF and no further response.
        let mut buffer = vec![0; 1 << 16];
        tokio::time::sleep(Duration::from_secs(6)).await;
        while let Ok(1..) = stream.read(&mut buffer).await {}
    };
    let cut = tokio::time::timeout(TEST_TIMEOUT, cut).await;
    assert!(cut.is_ok(), "a connection that is not read is closed");
    world.agent.is_lean();
    world.finish().await;
}
