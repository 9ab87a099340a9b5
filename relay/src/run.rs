//! `openclaw-relay run`: starts a task for each agent, and stops them on SIGTERM or SIGINT.
//!
//! A stop needs no preparation: what is in flight is read back at the next start.

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tracing::info;

use crate::agent::{Agent, BadKeys};
use crate::board::Board;
use crate::broker::{self, Broker};
use crate::commands::Commands;
use crate::config::{self, Config};
use crate::feed::Feed;
use crate::http;
use crate::sink::jetstream::JetStream;

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
    let broker = Broker::connect(&config.broker, true).await?;
    let mut board = Board::default();
    let mut tasks = JoinSet::new();
    for (one, agent) in agents {
        let shown = board.add(&one.name);
        if one.commands {
            let (broker, shown) = (broker.clone(), Arc::clone(&shown));
            let settings = config.broker.clone();
            let commands = Commands::new(one.clone(), settings, agent.clone(), broker, shown);
            tasks.spawn_local(commands.run());
        }
        let sink = JetStream::new(broker.clone(), config.broker.clone(), one.name.clone());
        tasks.spawn_local(Feed::new(one.clone(), agent, sink, shown).run());
    }
    let listener = match config.http {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let http = listener
        .as_ref()
        .and_then(|listener| listener.local_addr().ok());
    let http = http.map(|address| address.to_string());
    info!(agents = config.agents.len(), http, "openclaw-relay started");
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
