//! Notifications to systemd over a real socket: ready, the link's state, the watchdog, stopping.

use std::collections::VecDeque;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram as Datagram};
use std::path::Path;
use std::sync::Arc;

use openclaw_proto::v1 as pb;
use openclaw_sim::Sim;
use tokio::net::UnixDatagram;

use crate::harness::{Agent, Bare, STARTED, TEST_TIMEOUT, World, bare};

/// The service manager's side.
struct Manager {
    socket: UnixDatagram,
    received: VecDeque<String>,
}

impl Manager {
    fn of(socket: Datagram) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self {
            socket: UnixDatagram::from_std(socket).unwrap(),
            received: VecDeque::new(),
        }
    }

    fn at(path: &Path) -> Self {
        Self::of(Datagram::bind(path).unwrap())
    }

    async fn next(&mut self) -> String {
        let mut bytes = [0; 1024];
        let received = tokio::time::timeout(TEST_TIMEOUT, self.socket.recv(&mut bytes)).await;
        let length = received.expect("another notification").unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Waits for this notification; earlier ones are kept.
    async fn wait_for(&mut self, words: &str) {
        loop {
            let next = self.next().await;
            let found = next == words;
            self.received.push_back(next);
            if found {
                return;
            }
        }
    }

    fn count_received(&self, words: &str) -> usize {
        self.received
            .iter()
            .filter(|received| *received == words)
            .count()
    }
}

const UNLINKED: &str = "STATUS=whatsapp unlinked: run `openclawctl pair` and scan the code";

#[tokio::test]
async fn the_service_manager_is_notified_of_every_state() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let path = folder.path().join("notify");
    let mut manager = Manager::at(&path);
    let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
    let url = sim.url();
    let environment = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "200000"),
    ];
    let agent = Agent::start_within(Arc::clone(&folder), &url, &environment).await;
    let mut world = World::of(sim, agent);
    assert_eq!(manager.next().await, "READY=1");
    manager.wait_for(UNLINKED).await;
    manager.wait_for("WATCHDOG=1").await;
    world.link().await;
    manager.wait_for("STATUS=whatsapp connected").await;
    // The runtime keeps running without events.
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1").await;
    }
    // The next image reports ready again, from inside the sandbox; the replacement is not reported as stopping.
    world.unpair().await.unwrap();
    manager.wait_for("READY=1").await;
    manager.wait_for(UNLINKED).await;
    manager.wait_for("WATCHDOG=1").await;
    assert_eq!(manager.count_received("STOPPING=1"), 0);
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    manager.wait_for("STOPPING=1").await;
    world.finish().await;
}

#[tokio::test]
async fn an_abstract_socket_is_reached_from_inside_the_sandbox() {
    let name = format!("openclaw-notify-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let mut manager = Manager::of(Datagram::bind_addr(&address).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut command = bare::binary(folder.path());
    command
        .arg("--create-key-file")
        .env("NOTIFY_SOCKET", format!("@{name}"));
    let mut agent = Bare::start(&mut command);
    agent.logged(STARTED).await;
    assert_eq!(manager.next().await, "READY=1");
    assert_eq!(agent.terminate().await.code(), Some(0));
    manager.wait_for("STOPPING=1").await;
    assert_eq!(
        manager.count_received("WATCHDOG=1"),
        0,
        "no one asked for it"
    );
}

#[tokio::test]
async fn an_agent_that_does_not_start_never_reports_ready() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let mut manager = Manager::at(&path);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let http = taken.local_addr().unwrap().to_string();
    let mut command = bare::binary(folder.path());
    command
        .args(["--create-key-file", "--socket", "a.sock", "--http", &http])
        .args(["--whatsapp-url", "ws://127.0.0.1:1/ws/chat"])
        .env("NOTIFY_SOCKET", &path);
    let ended = bare::run(&mut command, "").await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    Datagram::unbound().unwrap().send_to(b"end", &path).unwrap();
    assert_eq!(manager.next().await, "end");
}

#[tokio::test]
async fn a_missing_manager_has_no_effect() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
    let url = sim.url();
    let environment = [("NOTIFY_SOCKET", "/no/such/socket")];
    let agent = Agent::start_within(folder, &url, &environment).await;
    let world = World::of(sim, agent);
    world
        .agent
        .logged("cannot reach the service manager in NOTIFY_SOCKET")
        .await;
    let status = world.client().status(pb::StatusRequest {}).await;
    assert!(status.is_ok());
    world.finish().await;
}
