//! The state of the relay, as `/health` and `/metrics` show it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::sink::Stored;

/// The state of all feeds, in the order of the configuration.
#[derive(Debug, Default, Clone)]
pub struct Board(Vec<Arc<FeedBoard>>);

/// The state of one agent's events on their way to the broker or to one webhook.
#[derive(Debug, Default)]
pub struct FeedBoard {
    agent: String,
    webhook: Option<String>,
    connected: AtomicBool,
    stuck: AtomicBool,
    gone: AtomicBool,
    seq: AtomicU64,
    written: AtomicU64,
    known: AtomicU64,
    omitted: AtomicU64,
    set_aside: AtomicU64,
    failed: AtomicU64,
    answered: AtomicU64,
    postponed: AtomicU64,
}

/// A copy of one feed's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// True while its events are streamed.
    pub connected: bool,
    /// True while the sink does not take an event.
    pub stuck: bool,
    /// True once a receiver is gone for good.
    pub gone: bool,
    /// The last stored event.
    pub seq: u64,
    /// Events written, since the relay started.
    pub written: u64,
    /// Events that the sink had already.
    pub known: u64,
    /// Events written without their content.
    pub omitted: u64,
    /// Events that became dead letters.
    pub set_aside: u64,
    /// Attempts at a receiver that failed.
    pub failed: u64,
    /// Commands answered.
    pub answered: u64,
    /// Commands put back, to be tried again.
    pub postponed: u64,
}

impl Board {
    /// Adds the events of an agent for the broker.
    pub fn add(&mut self, agent: &str) -> Arc<FeedBoard> {
        self.add_feed(agent, None)
    }

    /// Adds the events of an agent for a webhook.
    pub fn add_webhook(&mut self, agent: &str, webhook: &str) -> Arc<FeedBoard> {
        self.add_feed(agent, Some(webhook))
    }

    fn add_feed(&mut self, agent: &str, webhook: Option<&str>) -> Arc<FeedBoard> {
        let feed = Arc::new(FeedBoard {
            agent: agent.to_owned(),
            webhook: webhook.map(str::to_owned),
            ..Default::default()
        });
        self.0.push(Arc::clone(&feed));
        feed
    }

    /// The agents with their events' states, for the broker.
    pub fn read(&self) -> impl Iterator<Item = (&str, Reading)> {
        let feeds = self.0.iter().filter(|feed| feed.webhook.is_none());
        feeds.map(|feed| (feed.agent(), feed.read()))
    }

    /// The webhooks, each with an agent and its events' state.
    pub fn read_webhooks(&self) -> impl Iterator<Item = (&str, &str, Reading)> {
        let feeds = self.0.iter();
        feeds.filter_map(|feed| Some((feed.webhook()?, feed.agent(), feed.read())))
    }

    /// True while every agent's events are streamed and stored.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.0.iter().all(|feed| {
            let feed = feed.read();
            feed.connected && !feed.stuck && !feed.gone
        })
    }
}

impl FeedBoard {
    /// The agent's name.
    #[must_use]
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// The webhook's name; `None` if the events go to the broker.
    #[must_use]
    pub fn webhook(&self) -> Option<&str> {
        self.webhook.as_deref()
    }

    /// Whether its events are streamed.
    pub fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Relaxed);
    }

    /// Whether the sink does not take an event.
    pub fn set_stuck(&self, stuck: bool) {
        self.stuck.store(stuck, Relaxed);
    }

    /// The receiver is gone for good.
    pub fn set_gone(&self) {
        self.gone.store(true, Relaxed);
    }

    /// An attempt at the receiver failed.
    pub fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    /// An event is stored.
    pub fn stored(&self, seq: u64, stored: Stored) {
        self.seq.store(seq, Relaxed);
        let counter = match stored {
            Stored::Written => &self.written,
            Stored::Known => &self.known,
            Stored::Omitted => &self.omitted,
            Stored::SetAside => &self.set_aside,
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
            gone: self.gone.load(Relaxed),
            seq: self.seq.load(Relaxed),
            written: self.written.load(Relaxed),
            known: self.known.load(Relaxed),
            omitted: self.omitted.load(Relaxed),
            set_aside: self.set_aside.load(Relaxed),
            failed: self.failed.load(Relaxed),
            answered: self.answered.load(Relaxed),
            postponed: self.postponed.load(Relaxed),
        }
    }
}
