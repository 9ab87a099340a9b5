//! The state of the relay, as `/health` and `/metrics` show it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::sink::Stored;

/// The state of all agents, in the order of the configuration.
#[derive(Debug, Default, Clone)]
pub struct Board(Vec<Arc<AgentBoard>>);

/// The state of one agent.
#[derive(Debug, Default)]
pub struct AgentBoard {
    name: String,
    connected: AtomicBool,
    stuck: AtomicBool,
    seq: AtomicU64,
    written: AtomicU64,
    known: AtomicU64,
    omitted: AtomicU64,
    answered: AtomicU64,
    postponed: AtomicU64,
}

/// A copy of one agent's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// True while its events are streamed.
    pub connected: bool,
    /// True while the sink does not take an event.
    pub stuck: bool,
    /// The last stored event.
    pub seq: u64,
    /// Events written, since the relay started.
    pub written: u64,
    /// Events that the sink had already.
    pub known: u64,
    /// Events written without their content.
    pub omitted: u64,
    /// Commands answered.
    pub answered: u64,
    /// Commands put back, to be tried again.
    pub postponed: u64,
}

impl Board {
    /// Adds an agent.
    pub fn add(&mut self, name: &str) -> Arc<AgentBoard> {
        let agent = Arc::new(AgentBoard {
            name: name.to_owned(),
            ..Default::default()
        });
        self.0.push(Arc::clone(&agent));
        agent
    }

    /// The agents' names and states.
    pub fn read(&self) -> impl Iterator<Item = (&str, Reading)> {
        self.0
            .iter()
            .map(|agent| (agent.name.as_str(), agent.read()))
    }

    /// True while every agent's events are streamed and stored.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.read()
            .all(|(_, agent)| agent.connected && !agent.stuck)
    }
}

impl AgentBoard {
    /// Whether its events are streamed.
    pub fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Relaxed);
    }

    /// Whether the sink does not take an event.
    pub fn set_stuck(&self, stuck: bool) {
        self.stuck.store(stuck, Relaxed);
    }

    /// An event is stored.
    pub fn stored(&self, seq: u64, stored: Stored) {
        self.seq.store(seq, Relaxed);
        let counter = match stored {
            Stored::Written => &self.written,
            Stored::Known => &self.known,
            Stored::Omitted => &self.omitted,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// A command was answered.
    pub fn answered(&self) {
        self.answered.fetch_add(1, Relaxed);
    }

    /// A command was put back.
    pub fn postponed(&self) {
        self.postponed.fetch_add(1, Relaxed);
    }

    fn read(&self) -> Reading {
        Reading {
            connected: self.connected.load(Relaxed),
            stuck: self.stuck.load(Relaxed),
            seq: self.seq.load(Relaxed),
            written: self.written.load(Relaxed),
            known: self.known.load(Relaxed),
            omitted: self.omitted.load(Relaxed),
            answered: self.answered.load(Relaxed),
            postponed: self.postponed.load(Relaxed),
        }
    }
}
