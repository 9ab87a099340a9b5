//! The environment of a test: a simulator, an agent that is linked to it, a NATS server, and relays.

pub(crate) mod hole;
mod process;
pub(crate) mod receiver;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream::{self, stream};
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_sim::content::Content;
use openclaw_sim::{By, Sim, spare_port};
use tempfile::TempDir;
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};

pub(crate) use process::Process;

/// Long enough for a loaded machine; a passing test never waits that long.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);

pub(crate) const ACCOUNT: &str = "+15550100001";
pub(crate) const ANNA: &str = "+15550100002";
/// The digits of all these numbers, and a word of every text: no log may show them.
const SECRETS: [&str; 2] = ["555010", WORD];
pub(crate) const WORD: &str = "cormorant";

/// The name of the agent in subjects.
pub(crate) const AGENT: &str = "support";
pub(crate) const EVENTS: &str = "OPENCLAW_EVENTS";

/// A message in the stream of events.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) subject: String,
    pub(crate) headers: async_nats::HeaderMap,
    pub(crate) json: serde_json::Value,
}

impl Event {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.as_str())
    }

    pub(crate) fn id(&self) -> &str {
        self.header("Nats-Msg-Id")
    }
}

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) dir: TempDir,
    pub(crate) agent: Process,
    /// One server, or those of a cluster.
    pub(crate) nats: Vec<Process>,
    ports: Vec<u16>,
    /// The port of the agent's network API.
    agent_port: u16,
}

impl World {
    /// With settings for the NATS server, in its own format.
    pub(crate) async fn with(settings: &str) -> Self {
        let port = spare_port();
        Self::of(vec![port], |_| settings.to_owned()).await
    }

    /// With three servers, which know each other.
    pub(crate) async fn cluster() -> Self {
        let routes: [u16; 3] = std::array::from_fn(|_| spare_port());
        let urls = routes
            .map(|port| format!("\"nats://127.0.0.1:{port}\""))
            .join(", ");
        let ports = (0..3).map(|_| spare_port()).collect();
        Self::of(ports, |at| {
            let port = routes[at];
            format!(
                "server_name: n{at}\n\
                 cluster {{ name: trial, listen: \"127.0.0.1:{port}\", routes: [{urls}] }}"
            )
        })
        .await
    }

    async fn of(ports: Vec<u16>, settings: impl Fn(usize) -> String) -> Self {
        let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let agent_port = spare_port();
        let agent = start_agent(dir.path(), &sim.url(), agent_port);
        for (at, port) in ports.iter().enumerate() {
            write_nats(dir.path(), at, *port, &settings(at));
        }
        let nats = (0..ports.len()).map(|at| start_nats(dir.path(), at));
        let world = Self {
            sim,
            agent,
            nats: nats.collect(),
            ports,
            agent_port,
            dir,
        };
        world.link().await;
        world
    }

    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// For webhooks only.
    pub(crate) async fn without_nats() -> Self {
        Self::of(Vec::new(), |_| String::new()).await
    }

    async fn link(&self) {
        let mut client = self.client().await;
        let request = pb::PairRequest::by_qr();
        let mut frames = client.pair(request).await.unwrap().into_inner();
        while let Some(frame) = frames.message().await.unwrap() {
            match frame.frame {
                Some(pb::pair_frame::Frame::Qr(qr)) => {
                    let phone = self.sim.phone(ACCOUNT).unwrap();
                    phone.scan(&qr.payload).await.unwrap();
                }
                Some(pb::pair_frame::Frame::Linked(_)) => break,
                _ => {}
            }
        }
        let phone = self.sim.phone(ACCOUNT).unwrap();
        phone.wait_until_active(TEST_TIMEOUT).await.unwrap();
    }

    /// A client of the agent, once it answers.
    pub(crate) async fn client(&self) -> AgentClient<Channel> {
        let socket = format!("unix:{}", self.socket().display());
        let endpoint = Endpoint::from_shared(socket).unwrap();
        let mut client = AgentClient::new(endpoint.connect_lazy());
        until("the agent answers", async || {
            client.status(pb::StatusRequest {}).await.is_ok()
        })
        .await;
        client
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("agent.sock")
    }

    pub(crate) fn nats_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[0]))
    }

    pub(crate) fn servers(&self) -> Vec<String> {
        let url = |port: &u16| format!("nats://127.0.0.1:{port}");
        self.ports.iter().map(url).collect()
    }

    /// Starts a relay of this agent, to these servers or to a proxy before them.
    pub(crate) fn start_relay(&self, servers: &[String], settings: &str) -> Process {
        let socket = self.socket();
        let agent = format!("endpoint = \"unix:{}\"\n{settings}", socket.display());
        let path = self.write_config(servers, &agent);
        self.run_relay(&["run", &path])
    }

    /// Writes a configuration with an agent. Returns its path.
    pub(crate) fn write_config(&self, servers: &[String], agent: &str) -> String {
        let path = self.dir.path().join("relay.toml");
        let replicas = self.ports.len();
        let text = format!(
            "http = \"127.0.0.1:0\"\n\
             [broker]\nservers = {servers:?}\nreplicas = {replicas}\nduplicate_window_seconds = 1\n\
             [[agent]]\nname = \"{AGENT}\"\n{agent}\n"
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Writes a configuration with a webhook and no broker. Returns its path.
    pub(crate) fn write_hooks(&self, url: &str, settings: &str) -> String {
        let path = self.dir.path().join("hooks.toml");
        let secret = receiver::Receiver::secret_file(self.dir.path());
        let dead = self.dir.path().join("dead");
        let (socket, dead) = (self.socket(), dead.display().to_string());
        let text = format!(
            "http = \"127.0.0.1:0\"\ndead_letters = \"{dead}\"\n\
             [[agent]]\nname = \"{AGENT}\"\nendpoint = \"unix:{}\"\n\
             [[webhook]]\nname = \"crm\"\nurl = \"{url}\"\nsecret_file = \"{secret}\"\n{settings}\n",
            socket.display()
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Starts the relay's program.
    pub(crate) fn run_relay(&self, args: &[&str]) -> Process {
        let relay = env!("CARGO_BIN_EXE_openclaw-relay");
        Process::start(relay, self.dir.path(), args)
    }

    /// With settings for the agent.
    pub(crate) fn relay_with(&self, settings: &str) -> Process {
        self.start_relay(&self.servers(), settings)
    }

    pub(crate) fn relay(&self) -> Process {
        self.relay_with("")
    }

    pub(crate) fn restart_agent(&mut self) {
        self.agent = start_agent(self.dir.path(), &self.sim.url(), self.agent_port);
    }

    /// Ends the agent, and starts one with a new store, linked to the same account.
    pub(crate) async fn set_agent_up_again(&mut self) {
        let phone = self.sim.phone(ACCOUNT).unwrap();
        phone.unlink(None).await.unwrap();
        self.agent.kill().await;
        std::fs::remove_dir_all(self.dir.path().join("auth")).unwrap();
        self.restart_agent();
        self.link().await;
    }

    /// The agent's address on the network.
    pub(crate) fn agent_address(&self) -> String {
        format!("127.0.0.1:{}", self.agent_port)
    }

    pub(crate) fn restart_nats(&mut self, at: usize) {
        self.nats[at] = start_nats(self.dir.path(), at);
    }

    /// Sends a text to the account.
    pub(crate) async fn text(&self, text: &str) {
        let anna = self.sim.peer(ANNA).unwrap();
        let text = format!("{WORD} {text}");
        anna.send_text(ACCOUNT, &text, By::Pn).await.unwrap();
    }

    /// Sends a picture of this size to the account.
    pub(crate) async fn picture(&self, bytes: usize) {
        let content = serde_json::json!({ "image": { "fill": bytes } });
        let content: Content = serde_json::from_value(content).unwrap();
        let anna = self.sim.peer(ANNA).unwrap();
        let message = anna.compose(&content, By::Pn).unwrap();
        anna.send(ACCOUNT, message, By::Pn, None).await.unwrap();
    }

    pub(crate) async fn jetstream(&self) -> jetstream::Context {
        let servers = self.servers();
        let mut connected = None;
        until("NATS accepts connections", async || {
            connected = async_nats::connect(&servers).await.ok();
            connected.is_some()
        })
        .await;
        jetstream::new(connected.unwrap())
    }

    /// The stream of events, once the relay has created it.
    pub(crate) async fn stream(&self) -> stream::Stream {
        let jetstream = self.jetstream().await;
        let mut found = None;
        until("the stream exists", async || {
            found = jetstream.get_stream(EVENTS).await.ok();
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// Everything in the stream of events.
    pub(crate) async fn stored(&self) -> Vec<Event> {
        let stream = self.stream().await;
        let mut stored = None;
        // While the servers elect a leader, none answers.
        until("the stream can be read", async || {
            stored = read(stream.clone()).await;
            stored.is_some()
        })
        .await;
        stored.unwrap()
    }

    /// The ids of all events that the agent has.
    pub(crate) async fn recorded(&self) -> Vec<String> {
        let request = pb::WatchEventsRequest {
            after: Some(0),
            ..Default::default()
        };
        let mut client = self.client().await;
        let mut items = client.watch_events(request).await.unwrap().into_inner();
        let mut ids = Vec::new();
        while let Some(item) = items.message().await.unwrap() {
            if let Some(pb::watch_events_response::Item::Event(event)) = item.item {
                let store = event.agent.unwrap_or_default().store_id;
                let store: String = store.iter().map(|byte| format!("{byte:02x}")).collect();
                ids.push(format!("{store}-{}", event.seq));
            }
        }
        ids
    }

    /// Waits until the agent has recorded this many messages.
    pub(crate) async fn until_received(&self, texts: usize) {
        until("the agent has all messages", async || {
            let request = pb::WatchEventsRequest {
                after: Some(0),
                filter: Some(pb::EventFilter {
                    kinds: vec![pb::EventKind::Message.into()],
                    ..Default::default()
                }),
                ..Default::default()
            };
            let mut client = self.client().await;
            let mut items = client.watch_events(request).await.unwrap().into_inner();
            let mut received = 0;
            while let Ok(Some(item)) = items.message().await {
                let is_event = matches!(item.item, Some(pb::watch_events_response::Item::Event(_)));
                received += usize::from(is_event);
            }
            received >= texts
        })
        .await;
    }

    /// Waits until the stream has every event of the agent, and checks that it has each once and in order.
    pub(crate) async fn all_stored(&self) -> Vec<Event> {
        let mut last = (Vec::new(), Vec::new());
        let deadline = Instant::now() + TEST_TIMEOUT;
        while Instant::now() < deadline {
            let recorded = self.recorded().await;
            let stored = self.stored().await;
            let ids: Vec<String> = stored.iter().map(|event| event.id().to_owned()).collect();
            if ids == recorded {
                return stored;
            }
            assert!(
                ids.len() <= recorded.len(),
                "stored {ids:#?}\nrecorded {recorded:#?}"
            );
            last = (ids, recorded);
            tokio::time::sleep(POLL).await;
        }
        panic!("stored {:#?}\nrecorded {:#?}", last.0, last.1);
    }
}

async fn read(mut stream: stream::Stream) -> Option<Vec<Event>> {
    let state = stream.info().await.ok()?.state.clone();
    let mut stored = Vec::new();
    for seq in state.first_sequence.max(1)..=state.last_sequence {
        let message = stream.get_raw_message(seq).await.ok()?;
        stored.push(Event {
            subject: message.subject.to_string(),
            json: serde_json::from_slice(&message.payload).unwrap(),
            headers: message.headers,
        });
    }
    Some(stored)
}

/// Waits until this holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(POLL).await;
        }
    };
    let done = tokio::time::timeout(TEST_TIMEOUT, waiting).await;
    assert!(done.is_ok(), "waited in vain: {what}");
}

fn start_agent(dir: &Path, whatsapp: &str, port: u16) -> Process {
    let relay = Path::new(env!("CARGO_BIN_EXE_openclaw-relay"));
    let agent = relay.with_file_name("openclaw-agent");
    let socket = dir.join("agent.sock");
    let args = [
        "--socket",
        socket.to_str().unwrap(),
        "--http",
        "127.0.0.1:0",
    ];
    let volume = ["--auth-dir", "auth", "--create-key-file"];
    let url = ["--whatsapp-url", whatsapp];
    let rate = ["--send-rate", "0"];
    let network = format!("127.0.0.1:{port}");
    let network = ["--listen", &network];
    let all: Vec<&str> = [&args[..], &volume, &url, &rate, &network].concat();
    Process::start(agent.to_str().unwrap(), dir, &all)
}

fn write_nats(dir: &Path, at: usize, port: u16, settings: &str) {
    let store = dir.join(format!("nats-{at}"));
    let store = store.display();
    let text = format!(
        "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{store}\" }}\n{settings}\n"
    );
    std::fs::write(dir.join(format!("nats-{at}.conf")), text).unwrap();
}

fn start_nats(dir: &Path, at: usize) -> Process {
    let config = dir.join(format!("nats-{at}.conf"));
    Process::start("nats-server", dir, &["--config", config.to_str().unwrap()])
}
