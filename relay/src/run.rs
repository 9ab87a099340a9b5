//! `openclaw-relay run`: starts a task for each agent, and stops them on SIGTERM or SIGINT.
//!
//! A stop needs no preparation: what is in flight is read back at the next start.

use std::io;
use std::sync::Arc;

use openclaw_proto::v1 as pb;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tracing::info;

use crate::agent::{Agent, BadKeys};
use crate::board::{Board, FeedBoard};
use crate::broker::{self, Broker};
use crate::commands::Commands;
use crate::config::{self, Config};
use crate::dead_letters::DeadLetters;
use crate::feed::{Feed, Position};
use crate::files::Files;
use crate::http;
use crate::sink::jetstream::JetStream;
use crate::sink::webhook::{Post, Webhook};

/// The relay cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An agent's keys.
    #[error("agent `{agent}`: {source}")]
    Keys {
        /// The agent's name.
        agent: String,
        /// What is wrong.
        source: BadKeys,
    },
    /// A webhook.
    #[error("webhook `{webhook}`: {why}")]
    Webhook {
        /// Its name.
        webhook: String,
        /// What is wrong.
        why: String,
    },
    /// The broker's credentials.
    #[error("broker: {0}")]
    Broker(#[from] broker::Error),
    /// The system refuses what the relay needs.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// Relays until a signal stops it.
///
/// # Errors
/// It cannot start. What fails later is tried again.
pub async fn relay(config: Config) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let agents = read_keys(&config)?;
    let mut board = Board::default();
    let mut tasks = JoinSet::new();
    let mut broker = None;
    if let Some(settings) = &config.broker {
        let connected = Broker::connect(settings, true).await?;
        for (one, agent) in &agents {
            let shown = board.add(&one.name);
            to_broker(&mut tasks, settings, &connected, one, agent, shown);
        }
        broker = Some(connected);
    }
    for webhook in &config.webhooks {
        to_webhook(&mut tasks, &config, webhook, &agents, &mut board)?;
    }
    let listener = match config.http {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let http = listener
        .as_ref()
        .and_then(|listener| listener.local_addr().ok());
    let http = http.map(|address| address.to_string());
    let (agents, webhooks) = (config.agents.len(), config.webhooks.len());
    info!(agents, webhooks, http, "openclaw-relay started");
    if let Some(listener) = listener {
        tasks.spawn_local(http::serve(listener, board, broker));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tasks.shutdown().await;
    info!("openclaw-relay stopped");
    Ok(())
}

/// Starts what an agent and the broker have with each other.
fn to_broker(
    tasks: &mut JoinSet<()>,
    settings: &config::Broker,
    broker: &Broker,
    one: &config::Agent,
    agent: &Agent,
    shown: Arc<FeedBoard>,
) {
    if one.commands {
        let (broker, shown) = (broker.clone(), Arc::clone(&shown));
        let commands = Commands::new(one.clone(), settings.clone(), agent.clone(), broker, shown);
        tasks.spawn_local(commands.run());
    }
    let position = Position {
        consumer: one.consumer.clone(),
        start: one.start,
        filter: pb::EventFilter::of_all_chats(),
    };
    let sink = JetStream::new(broker.clone(), settings.clone(), one.name.clone());
    tasks.spawn_local(Feed::new(position, agent.clone(), sink, shown).run());
}

/// Starts the feeds of a webhook, one for each agent that it wants.
fn to_webhook(
    tasks: &mut JoinSet<()>,
    config: &Config,
    webhook: &config::Webhook,
    agents: &[(&config::Agent, Agent)],
    board: &mut Board,
) -> Result<(), Error> {
    let unusable = |why: String| Error::Webhook {
        webhook: webhook.name.clone(),
        why,
    };
    let receiver = webhook.receiver(&config.outgoing);
    let receiver = Arc::new(receiver.map_err(|error| unusable(error.to_string()))?);
    let dir = config.dead_letters.as_deref();
    let dir = dir.expect("the configuration was checked");
    let letters = DeadLetters::open(dir, &webhook.name);
    let letters = letters.map_err(|error| unusable(format!("{}: {error}", dir.display())))?;
    for (one, agent) in agents {
        if !webhook.wants(&one.name) {
            continue;
        }
        let shown = board.add_webhook(&one.name, &webhook.name);
        let position = Position {
            consumer: webhook.consumer(&one.consumer),
            start: webhook.start,
            filter: webhook.filter(),
        };
        let files = Files::new(agent.clone(), webhook.inline_file_bytes);
        let post = Post::new(Arc::clone(&receiver), one.name.clone(), files);
        let (letters, name) = (letters.clone(), webhook.name.clone());
        let sink = Webhook::new(post, name, letters, webhook.attempts, Arc::clone(&shown));
        tasks.spawn_local(Feed::new(position, agent.clone(), sink, shown).run());
    }
    Ok(())
}

fn read_keys(config: &Config) -> Result<Vec<(&config::Agent, Agent)>, Error> {
    let read = |one| match Agent::read(one) {
        Ok(agent) => Ok((one, agent)),
        Err(source) => Err(Error::Keys {
            agent: one.name.clone(),
            source,
        }),
    };
    config.agents.iter().map(read).collect()
}
