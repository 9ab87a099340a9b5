//! The process: settings, socket and exit.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::time::{Duration, Instant};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_sim::Fault;
use tonic::transport::Endpoint;

use crate::harness::{ANNA, WORD, World, run_agent_to_the_end, run_to_the_end};

fn text(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[tokio::test]
async fn all_invalid_settings_are_reported_at_once() {
    let output = run_agent_to_the_end(&[
        "--listen-plaintext",
        "0.0.0.0:1",
        "--http",
        "nowhere",
        "--keepalive-limit",
        "1",
        "--log",
        "loud",
        "--whatsapp-url",
        "wss://web.whatsapp.com/ws/chat",
    ])
    .await;
    let (code, stdout, stderr) = text(&output);
    assert_eq!((code, stdout.as_str()), (Some(64), ""));
    for named in [
        "--listen-plaintext: 0.0.0.0:1 is not loopback",
        "--http: \"nowhere\"",
        "--keepalive-limit: \"1\"",
        "--log: \"loud\"",
        "--whatsapp-url: a simulator build connects to loopback only",
    ] {
        assert_eq!(stderr.matches(named).count(), 1, "{named}: {stderr}");
    }
    assert_eq!(
        stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count(),
        5
    );
    assert!(
        stderr.lines().last().unwrap().starts_with("hint: "),
        "{stderr}"
    );
}

#[tokio::test]
async fn a_simulator_build_only_connects_to_loopback() {
    for url in [
        "",
        "ws://web.whatsapp.com/ws/chat",
        "ws://localhost:1/ws/chat",
        "ws://10.0.0.1:1/",
        "ws://127.0.0.1.example.com/",
        "ws://127.0.0.1@10.0.0.1/",
        "http://127.0.0.1:1/",
    ] {
        let (code, _, stderr) = text(&run_agent_to_the_end(&["--whatsapp-url", url]).await);
        assert_eq!(code, Some(64), "{url}: {stderr}");
        assert!(stderr.contains("--whatsapp-url: "), "{url}: {stderr}");
    }
}

#[tokio::test]
async fn the_version_shows_the_kind_of_build() {
    let (code, stdout, stderr) = text(&run_to_the_end(&["--version"]).await);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("simulator build"), "{stdout}");
}

#[tokio::test]
async fn unknown_flags_are_a_usage_error() {
    let (code, stdout, stderr) = text(&run_to_the_end(&["--no-such-flag"]).await);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("--no-such-flag"), "{stderr}");
}

#[tokio::test]
async fn plain_text_is_served_on_loopback_if_configured() {
    let config = openclaw_sim::Config::default();
    let world = World::with(config, &["--listen-plaintext", "127.0.0.1:0"]).await;
    let address = world.agent.plaintext.expect("an address for gRPC");
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = AgentClient::new(endpoint.connect().await.unwrap());
    let status = client.status(pb::StatusRequest {}).await.unwrap();
    let link = status.into_inner().link.unwrap();
    assert_eq!(link.state(), LinkState::Unlinked);
    world.finish().await;
}

#[tokio::test]
async fn the_socket_is_only_for_its_user() {
    let world = World::new().await;
    let mode = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&world.agent.socket), 0o600);
    world.finish().await;
}

#[tokio::test]
async fn a_killed_agent_starts_again_linked() {
    let mut world = World::linked().await;
    let exit = world.agent.kill().await;
    assert_eq!(exit.code(), None);
    assert!(world.agent.socket.exists(), "no one could remove it");
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    assert_eq!(world.agent.count_logged("openclaw-agent started"), 2);
    world.send(ANNA, WORD).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn a_second_agent_on_the_socket_fails_without_effect_on_the_first() {
    let world = World::linked().await;
    let socket = world.agent.socket.to_str().unwrap();
    let url = world.sim.url();
    let args = [
        "--socket",
        socket,
        "--http",
        "127.0.0.1:0",
        "--whatsapp-url",
        &url,
    ];
    let (code, _, stderr) = text(&run_agent_to_the_end(&args).await);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("is another agent running?"), "{stderr}");
    assert!(world.agent.socket.exists());
    world.everything_reports_connected().await;
    world.send(ANNA, WORD).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn an_address_in_use_is_reported() {
    let world = World::new().await;
    let other = world.agent.folder().join("other.sock");
    let http = world.agent.http().to_string();
    let url = world.sim.url();
    let args = [
        "--socket",
        other.to_str().unwrap(),
        "--http",
        &http,
        "--whatsapp-url",
        &url,
    ];
    let (code, _, stderr) = text(&run_agent_to_the_end(&args).await);
    assert_eq!(code, Some(1));
    assert!(stderr.contains(&http), "{stderr}");
    assert!(
        !other.exists(),
        "the socket is removed by the agent that created it"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_file_that_is_not_a_socket_is_not_replaced() {
    let world = World::new().await;
    let file = world.agent.folder().join("notes.txt");
    std::fs::write(&file, "mine").unwrap();
    let url = world.sim.url();
    let args = [
        "--socket",
        file.to_str().unwrap(),
        "--http",
        "127.0.0.1:0",
        "--whatsapp-url",
        &url,
    ];
    let (code, _, stderr) = text(&run_agent_to_the_end(&args).await);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("is not a socket"), "{stderr}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    world.finish().await;
}

#[tokio::test]
async fn a_stop_ends_a_pairing_with_the_reason() {
    let mut world = World::new().await;
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    pairing.qr().await;
    let (exit, failed) = tokio::join!(world.agent.terminate(), pairing.failed());
    assert_eq!(exit.code(), Some(0));
    assert_eq!(failed.reason(), pb::PairFailureReason::AgentStopping);
    world.finish().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_silent_clients() {
    let mut world = World::linked().await;
    // WhatsApp, the client and the probe send nothing more.
    let _stalled = world.watch().await;
    let _half = tokio::net::TcpStream::connect(world.agent.http())
        .await
        .unwrap();
    let _idle = tokio::net::UnixStream::connect(&world.agent.socket)
        .await
        .unwrap();
    world.fault(Fault::HalfOpen).await;
    let started = Instant::now();
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_stop_while_backing_off_is_a_success() {
    let mut world = World::linked().await;
    world.sim.fault(Fault::Refuse(1_000)).await;
    world.fault(Fault::Drop).await;
    world.agent.until_state(LinkState::BackingOff).await;
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    assert!(!world.agent.socket.exists());
    world.finish().await;
}
