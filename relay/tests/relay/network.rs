//! The relay on another machine: enrolled, over mutual TLS; `check`, and the pages for platforms.

use std::net::SocketAddr;
use std::path::PathBuf;

use openclaw_client::tls::connect_to_enroll;
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::clients_client::ClientsClient;
use openclaw_trust::{Code, Identity, certificate_pem, enroll};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::Endpoint;

use crate::harness::{AGENT, Process, World, until};

impl World {
    /// Enrolls a client, and writes its keys like `openclawctl context export`.
    async fn enroll(&self, role: pb::Role) -> PathBuf {
        let socket = self.dir.path().join("agent.sock");
        let channel = Endpoint::from_shared(format!("unix:{}", socket.display())).unwrap();
        let mut clients = ClientsClient::new(channel.connect().await.unwrap());
        let request = pb::InviteClientRequest {
            role: role.into(),
            ..Default::default()
        };
        let invited = clients.invite_client(request).await.unwrap().into_inner();
        let code = Code::parse(&invited.code).unwrap();
        let identity = Identity::generate().unwrap();
        let address = self.agent_address().parse().unwrap();
        let mut stream = connect_to_enroll(&address, &identity).await.unwrap();
        let name = format!("{role:?}");
        let asked = enroll::ask(&mut stream, &code, identity.fingerprint(), &name);
        let welcome = asked.await.unwrap();
        let dir = self.dir.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("agent.pem"), certificate_pem(&welcome.certificate)).unwrap();
        std::fs::write(dir.join("client.pem"), identity.certificate_pem()).unwrap();
        std::fs::write(dir.join("client-key.pem"), identity.key_pem().as_bytes()).unwrap();
        dir
    }

    fn network_config(&self, keys: &PathBuf) -> String {
        let agent = format!(
            "endpoint = \"{}\"\ncredentials = {keys:?}",
            self.agent_address()
        );
        self.write_config(&self.servers(), &agent)
    }

    async fn check(&self, config: &str) -> (Option<i32>, String) {
        let mut check = self.run_relay(&["check", config]);
        let code = check.ended().await.code();
        (code, check.output())
    }
}

/// The address in the log, once it is there.
pub(crate) async fn http(relay: &Process) -> SocketAddr {
    let mut found = None;
    until("the relay serves HTTP", async || {
        let output = relay.output();
        let started = output.lines().find(|line| line.contains("started"));
        let entry = started.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        found = entry.and_then(|entry| entry["http"].as_str()?.parse().ok());
        found.is_some()
    })
    .await;
    found.unwrap()
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: relay\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn an_enrolled_relay_is_checked_and_relays() {
    let mut world = World::new().await;
    let config = world.network_config(&world.enroll(pb::Role::Sender).await);
    let (code, output) = world.check(&config).await;
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(output, format!("broker: ok\nagent `{AGENT}`: ok\n"));
    let relay = world.run_relay(&["run", &config]);
    let http = http(&relay).await;
    world.text("over the network").await;
    world.until_received(1).await;
    let stored = world.all_stored().await.len();
    until("the relay is healthy", async || {
        get(http, "/health").await.starts_with("HTTP/1.1 200 ")
    })
    .await;
    let metrics = get(http, "/metrics").await;
    let written = format!("openclaw_relay_events_written_total{{agent=\"{AGENT}\"}} {stored}\n");
    assert!(metrics.contains(&written), "{metrics}");
    assert!(get(http, "/else").await.starts_with("HTTP/1.1 404 "));
    world.nats[0].kill().await;
    until("the outage is reported", async || {
        let health = get(http, "/health").await;
        health.starts_with("HTTP/1.1 503 ") && health.contains("\"broker_connected\":false")
    })
    .await;
}

#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn check_reports_what_cannot_be_used_with_the_next_step() {
    let mut world = World::new().await;
    let reader = world.network_config(&world.enroll(pb::Role::Reader).await);
    let (code, output) = world.check(&reader).await;
    assert_eq!(code, Some(3), "{output}");
    let line = format!("error: agent `{AGENT}`: the relay is only a reader there\nhint: ");
    assert!(output.contains(&line), "{output}");
    world.nats[0].kill().await;
    world.agent.kill().await;
    let missing = world.network_config(&world.dir.path().join("nowhere"));
    for (config, places) in [(&missing, 2), (&reader, 2)] {
        let (code, output) = world.check(config).await;
        assert_eq!(code, Some(3), "{output}");
        let starts = |word| output.lines().filter(|line| line.starts_with(word)).count();
        assert_eq!(
            (starts("error: "), starts("hint: ")),
            (places, places),
            "{output}"
        );
    }
    let (code, output) = world.check("/nowhere.toml").await;
    assert_eq!(code, Some(64), "{output}");
}
