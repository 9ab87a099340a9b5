//! The environment of a test: a simulator, a phone, the agent's process, and checks at its end.

pub(crate) mod bare;
mod chance;
mod client;
mod http;
mod memory;
mod middle;
mod opened;
mod process;
mod reports;
mod sample;
mod streams;

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_sim::{Number, Pattern, Peer, Phone, Sim, Violation};
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

pub(crate) use bare::{Bare, Ended, new_key};
pub(crate) use chance::chance;
pub(crate) use client::{Client, TLS};
pub(crate) use memory::{Copies, MAX_PASSING_KIB, copies, occurrences, places, private_kib};
pub(crate) use middle::{Cut, Middle, Mode};
pub(crate) use opened::open;
pub(crate) use process::{
    Agent, LARGE_JOURNAL_MIB, POLL, STARTED, VOLUME, run_agent_to_the_end, run_to_the_end,
};
pub(crate) use reports::reason_word;
pub(crate) use sample::sample;
pub(crate) use streams::{Health, Pairing, Watcher, message};

/// Long enough for a loaded machine; a passing test never waits that long.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The account that tests link, and its contacts.
pub(crate) const ACCOUNT: &str = "+15550100001";
pub(crate) const ANNA: &str = "+15550100002";
pub(crate) const BERT: &str = "+15550100003";
pub(crate) const UNREGISTERED: &str = "+15550100099";
/// The digits that all these numbers contain, and that no log may show.
const NUMBERS: &str = "555010";
/// A word that every message text contains, and that no log may show.
pub(crate) const WORD: &str = "cormorant";

/// A simulator and an agent connected to it.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) agent: Agent,
    /// QR payloads and pairing codes that were shown.
    secrets: streams::Secrets,
    finished: bool,
}

impl World {
    /// An agent without a link.
    pub(crate) async fn new() -> Self {
        Self::with(openclaw_sim::Config::default(), &[]).await
    }

    /// An agent with additional arguments.
    pub(crate) async fn with(config: openclaw_sim::Config, args: &[&str]) -> Self {
        let sim = Sim::start(config).await.unwrap();
        let agent = Agent::start(&sim.url(), args).await;
        Self::of(sim, agent)
    }

    /// An agent with another server URL.
    pub(crate) async fn with_server(url: &str) -> Self {
        let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
        Self::of(sim, Agent::start(url, &[]).await)
    }

    /// An agent and its simulator.
    pub(crate) fn of(sim: Sim, agent: Agent) -> Self {
        Self {
            sim,
            agent,
            secrets: streams::Secrets::default(),
            finished: false,
        }
    }

    /// A linked and connected agent.
    pub(crate) async fn linked() -> Self {
        Self::linked_with(&[]).await
    }

    /// [`World::linked`], with more arguments.
    pub(crate) async fn linked_with(args: &[&str]) -> Self {
        let world = Self::with(openclaw_sim::Config::default(), args).await;
        world.link().await;
        world
    }

    /// Waits for the event of this message.
    pub(crate) async fn seq_of(&self, id: &str) -> u64 {
        let mut events = self.watch().await;
        events
            .event(|event| match &event.kind {
                Some(pb::event::Kind::Message(message)) if message.origin().id == id => {
                    Some(event.seq)
                }
                _ => None,
            })
            .await
    }

    /// Links the agent to the account's phone by QR code, and waits until its initial stanzas are processed.
    pub(crate) async fn link(&self) {
        let mut pairing = self.pair(pb::PairRequest::by_qr()).await.unwrap();
        let qr = pairing.qr().await;
        self.phone().scan(&qr.payload).await.unwrap();
        pairing.linked().await;
        self.phone().wait_until_active(TEST_TIMEOUT).await.unwrap();
    }

    pub(crate) async fn pair(&self, request: pb::PairRequest) -> Result<Pairing, Status> {
        let frames = self.client().pair(request).await?.into_inner();
        Ok(self.pairing(frames))
    }

    /// A Pair call of a separate client.
    pub(crate) fn pairing(&self, frames: Streaming<pb::PairFrame>) -> Pairing {
        Pairing::new(frames, self.secrets.clone())
    }

    pub(crate) fn client(&self) -> AgentClient<Channel> {
        self.agent.client()
    }

    pub(crate) fn phone(&self) -> Phone {
        self.sim.phone(ACCOUNT).unwrap()
    }

    pub(crate) fn peer(&self, number: &str) -> Peer {
        self.sim.peer(number).unwrap()
    }

    /// Injects a fault for the account.
    pub(crate) async fn fault(&self, fault: openclaw_sim::Fault) {
        self.sim.fault_for(ACCOUNT, fault).await.unwrap();
    }

    /// Sends a text and waits for the server's ack.
    pub(crate) async fn send(&self, to: &str, text: &str) -> Result<pb::SendResponse, Status> {
        self.send_with(request(to, text)).await
    }

    pub(crate) async fn send_with(
        &self,
        request: pb::SendRequest,
    ) -> Result<pb::SendResponse, Status> {
        Ok(self.client().send(request).await?.into_inner())
    }

    /// Unpairs, and waits until the agent has replaced its process.
    pub(crate) async fn unpair(&self) -> Result<bool, Status> {
        let begun = self.agent.count_logged(STARTED);
        let answer = self.client().unpair(pb::UnpairRequest {}).await?;
        self.agent.started_times(begun + 1).await;
        Ok(answer.into_inner().confirmed)
    }

    /// All events so far.
    pub(crate) async fn events(&self) -> Vec<pb::Event> {
        let request = pb::WatchEventsRequest {
            after: Some(0),
            ..Default::default()
        };
        let stream = self.client().watch_events(request).await.unwrap();
        Watcher::new(stream.into_inner()).all().await
    }

    /// Follows all events from the oldest.
    pub(crate) async fn watch(&self) -> Watcher {
        self.watch_with(pb::WatchEventsRequest {
            after: Some(0),
            follow: true,
            ..Default::default()
        })
        .await
    }

    pub(crate) async fn watch_with(&self, request: pb::WatchEventsRequest) -> Watcher {
        let stream = self.client().watch_events(request).await.unwrap();
        Watcher::new(stream.into_inner())
    }

    /// How often a client has reached the Noise handshake.
    pub(crate) fn handshakes(&self) -> u64 {
        [Pattern::Xx, Pattern::Ik, Pattern::XxFallback]
            .into_iter()
            .map(|pattern| self.sim.handshakes(pattern))
            .sum()
    }

    /// Waits until the account's companions owe no ack.
    pub(crate) async fn all_acked(&self) {
        let settled = || self.sim.queue(ACCOUNT).unwrap().is_empty();
        self.sim.until(TEST_TIMEOUT, settled).await.unwrap();
    }

    /// Stops the agent gracefully, and checks the invariants of every test.
    pub(crate) async fn finish(self) {
        let violations = self.finish_with_violations().await;
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// [`World::finish`] for a test that makes the agent violate a rule.
    pub(crate) async fn finish_with_violations(mut self) -> Vec<Violation> {
        let exit = self.agent.terminate().await;
        assert_eq!(exit.code(), Some(0), "a stop on SIGTERM is a success");
        self.check_output();
        self.finished = true;
        self.sim.violations()
    }

    /// For a test whose agent has ended by itself.
    pub(crate) fn abandon(mut self) {
        self.check_output();
        self.finished = true;
    }

    /// Checks that the output has no secret, and that stdout is one JSON object per line.
    pub(crate) fn check_output(&self) {
        let (stdout, stderr) = self.agent.output();
        for line in &stdout {
            let entry: serde_json::Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("not JSON: {line:?}: {error}"));
            assert!(
                entry["level"].is_string() && entry["message"].is_string(),
                "{line}"
            );
        }
        let lids = self.sim.numbers().into_iter().map(|number| lid(&number));
        let mut secrets: Vec<String> = lids.collect();
        secrets.extend([NUMBERS.to_owned(), WORD.to_owned()]);
        secrets.extend(self.secrets.all());
        for line in stdout.iter().chain(&stderr) {
            for secret in &secrets {
                assert!(
                    !line.contains(secret.as_str()),
                    "{secret:?} was printed: {line}"
                );
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (stdout, stderr) = self.agent.output();
            eprintln!(
                "the agent printed:\n{}\n{}",
                stdout.join("\n"),
                stderr.join("\n")
            );
            eprintln!("violations: {:#?}", self.sim.violations());
        } else {
            assert!(self.finished, "every test ends with World::finish");
        }
    }
}

/// The user part of a number's LID.
pub(crate) fn lid(number: &str) -> String {
    number.parse::<Number>().unwrap().lid_user()
}

/// A send request with the defaults.
pub(crate) fn request(to: &str, text: &str) -> pb::SendRequest {
    pb::SendRequest::of_text(to, text)
}

/// A filter for events of these kinds.
pub(crate) fn kinds(kinds: impl IntoIterator<Item = pb::EventKind>) -> Option<pb::EventFilter> {
    Some(pb::EventFilter {
        kinds: kinds.into_iter().map(i32::from).collect(),
        ..Default::default()
    })
}

/// A filter for events in these chats.
pub(crate) fn chats<'a>(chats: impl IntoIterator<Item = &'a str>) -> Option<pb::EventFilter> {
    Some(pb::EventFilter {
        chats: chats.into_iter().map(str::to_owned).collect(),
        ..Default::default()
    })
}

/// Seconds as a protobuf duration.
pub(crate) fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// The reason of an error; checks that the error has a domain, a reason and a hint.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, openclaw_proto::ERROR_DOMAIN);
    assert!(!info.reason.is_empty());
    let hint = info.metadata.get(openclaw_proto::ERROR_HINT);
    assert!(hint.is_some_and(|hint| !hint.is_empty()), "{info:?}");
    info.reason.clone()
}

/// The code and the reason of an error.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    (status.code(), reason(status))
}

/// An additional fact in an error.
pub(crate) fn fact(status: &Status, key: &str) -> Option<String> {
    let details = status.get_error_details();
    details.error_info()?.metadata.get(key).cloned()
}
