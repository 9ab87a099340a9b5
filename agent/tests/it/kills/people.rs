//! Eight people who exchange messages with the account, in direct chats and in a group.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_sim::{By, Peer, Sim};
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use crate::harness::{ACCOUNT, TEST_TIMEOUT, WORD, World, request};

/// The limit of messages on the server: more than an agent handles at once, and few enough to be handled soon.
const BACKLOG: usize = 24;
/// The delay before the client retries an unanswered send.
const AGAIN: Duration = Duration::from_millis(20);

/// The people and their messages.
pub(super) struct People {
    pub(super) peers: Vec<Peer>,
    /// The group's JID.
    pub(super) group: String,
    /// In the order of sending. The text contains the number of the message.
    pub(super) written: Vec<Written>,
    /// True if they write to the group too.
    pub(super) grouped: bool,
    random: Rng,
}

/// One message.
pub(super) struct Written {
    pub(super) id: String,
    /// The sender and chat, in the simulator's format.
    pub(super) origin: String,
    /// By LID, not by number.
    pub(super) by_lid: bool,
}

impl People {
    pub(super) async fn create(world: &World, random: Rng) -> Self {
        let numbers: Vec<String> = (2..10).map(|n| format!("+1555010000{n}")).collect();
        let peers = numbers.iter().map(|number| world.peer(number)).collect();
        let members: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let group = world.phone().create_group("Crowd", &members).await.unwrap();
        Self {
            peers,
            group,
            written: Vec::new(),
            grouped: true,
            random,
        }
    }

    /// Sends whenever the server has room.
    pub(super) async fn write_until(&mut self, sim: &Sim, done: &Cell<bool>) {
        while !done.get() {
            let room = || done.get() || sim.queue(ACCOUNT).unwrap().len() < BACKLOG;
            // On a busy machine, many agents in a row may be killed before they have handled anything.
            if sim.until(TEST_TIMEOUT, room).await.is_ok() {
                self.write(1).await;
            }
        }
    }

    /// Sends this many messages, with random senders and chats.
    pub(super) async fn write(&mut self, messages: usize) {
        for _ in 0..messages {
            self.write_one().await;
        }
    }

    async fn write_one(&mut self) {
        // Long messages fill files.
        let length = match self.random.u8(..4) {
            0 => self.random.usize(..12_000),
            _ => self.random.usize(..200),
        };
        let text = format!("{WORD} {} {}", self.written.len(), "~".repeat(length));
        let chosen = self.random.usize(..self.peers.len());
        let peer = &self.peers[chosen];
        let digits = peer.number().digits().to_owned();
        let (id, origin, by_lid) = if self.grouped && self.random.u8(..4) == 0 {
            let id = peer.send_to_group(&self.group, &text).await.unwrap();
            let group = self.group.split('@').next().unwrap();
            (id, format!("{group}/{digits}"), true)
        } else {
            let by = match chosen {
                0..3 => By::Lid,
                3..6 => By::Pn,
                _ if self.random.bool() => By::Lid,
                _ => By::Pn,
            };
            let id = peer.send_text(ACCOUNT, &text, by).await.unwrap();
            (id, digits, matches!(by, By::Lid))
        };
        self.written.push(Written { id, origin, by_lid });
    }
}

/// The account's messages, sent by a client that retries until it succeeds.
pub(super) struct SentMessages {
    client: AgentClient<Channel>,
    peers: Vec<Peer>,
    group: String,
    random: Rng,
    /// How many sends were acknowledged.
    sent: usize,
    /// How many retries were needed.
    again: usize,
}

impl SentMessages {
    pub(super) fn new(world: &World, people: &People, random: Rng) -> Self {
        Self {
            client: world.client(),
            peers: people.peers.clone(),
            group: people.group.clone(),
            random,
            sent: 0,
            again: 0,
        }
    }

    /// Sends one after the other, each with its own token until it succeeds.
    pub(super) async fn send_until(&mut self, done: &Cell<bool>) {
        while !done.get() {
            let peer = &self.peers[self.random.usize(..self.peers.len())];
            let to = match self.random.u8(..4) {
                0 => self.group.clone(),
                _ => peer.number().to_string(),
            };
            let n = self.sent;
            let request = pb::SendRequest {
                client_token: format!("letter-{n}"),
                ..request(&to, &format!("{WORD} letter {n}"))
            };
            while !self.is_sent(request.clone()).await {
                self.again += 1;
                tokio::time::sleep(AGAIN).await;
            }
            self.sent += 1;
        }
    }

    async fn is_sent(&mut self, request: pb::SendRequest) -> bool {
        let answer = tokio::time::timeout(TEST_TIMEOUT, self.client.send(request)).await;
        match answer.expect("Send answers, or its connection ends") {
            Ok(_) => true,
            // The connection of a killed agent has no reason.
            Err(refused) => {
                let details = refused.get_error_details();
                let is_final =
                    details.error_info().map(|it| it.reason.as_str()) == Some("NOT_SENT");
                assert!(!is_final, "the message is refused for good: {refused:?}");
                false
            }
        }
    }

    /// Checks that each message is at its recipient exactly once; those to the group at every member. A member who did not get
    /// the group's key, because the agent was killed while it sent the key, asks for it and receives the message later.
    pub(super) async fn check_delivered_once(&self, sim: &Sim) {
        let whole = [1, self.peers.len()];
        let is_complete = || {
            let received = self.received();
            let copies = |n| received.get(&n).map_or(0, HashMap::len);
            (0..self.sent).all(|n| whole.contains(&copies(n)))
        };
        let _ = sim.until(TEST_TIMEOUT, is_complete).await;
        let mut received = self.received();
        for n in 0..self.sent {
            let copies = received.remove(&n).unwrap_or_default();
            assert!(
                whole.contains(&copies.len()) && copies.values().all(|copies| *copies == 1),
                "letter {n}: {copies:?}"
            );
        }
    }

    /// How often each person has received each message.
    fn received(&self) -> HashMap<usize, HashMap<String, usize>> {
        let mut received: HashMap<usize, HashMap<String, usize>> = HashMap::new();
        for peer in &self.peers {
            for text in peer.inbox().into_iter().filter_map(|it| it.text) {
                let letter = text.strip_prefix(WORD);
                let letter = letter.and_then(|rest| rest.strip_prefix(" letter ")?.parse().ok());
                // The people's messages to the group are no letters.
                if let Some(letter) = letter {
                    let copies = received.entry(letter).or_default();
                    *copies.entry(peer.number().to_string()).or_default() += 1;
                }
            }
        }
        received
    }
}

impl fmt::Display for SentMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, again, .. } = self;
        write!(f, "{sent} sent, {again} retries")
    }
}
