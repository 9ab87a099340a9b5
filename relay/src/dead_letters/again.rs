//! `openclaw-relay dead-letters`: lists them, delivers them again, drops them. The relay may run meanwhile: it never tries again what
//! was set aside.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::sync::Arc;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::watch_events_response::Item;
use openclaw_webhook::Receiver;

use super::{DeadLetters, Letter};
use crate::agent::{self, Agent, answer};
use crate::config::{Config, Webhook};
use crate::files::Files;
use crate::ledger::Mark;
use crate::record::Record;
use crate::sink::webhook::Post;

/// Which of them.
#[derive(Debug, Clone)]
pub struct Which {
    /// Only those of this webhook.
    pub webhook: Option<String>,
    /// Only those with these ids; empty: all.
    pub ids: Vec<String>,
}

/// What failed, for a person.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration has no directory for them.
    #[error("the configuration has no dead_letters directory")]
    None,
    /// The configuration has no such webhook.
    #[error("the configuration has no webhook `{0}`")]
    NoWebhook(String),
    /// An id that is not there.
    #[error("no dead letter `{0}`: `openclaw-relay dead-letters list` shows them")]
    NoLetter(String),
    /// The directory cannot be read or written.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Why an event is not delivered.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error("the configuration has no agent `{0}`")]
    NoAgent(String),
    #[error("{0}")]
    Setup(String),
    #[error(transparent)]
    Agent(#[from] agent::Error),
    #[error("the agent has another store now: drop it")]
    OtherStore,
    #[error("the agent no longer keeps the event: drop it")]
    Gone,
    #[error("{0}")]
    Refused(String),
}

/// Those of the configuration's webhooks, each with its webhook and its directory.
fn chosen<'a>(
    config: &'a Config,
    which: &Which,
) -> Result<Vec<(&'a Webhook, DeadLetters, Letter)>, Error> {
    let dir = config.dead_letters.as_deref().ok_or(Error::None)?;
    if let Some(name) = &which.webhook
        && !config.webhooks.iter().any(|webhook| webhook.name == *name)
    {
        return Err(Error::NoWebhook(name.clone()));
    }
    let mut found = Vec::new();
    for webhook in &config.webhooks {
        if which
            .webhook
            .as_ref()
            .is_some_and(|name| *name != webhook.name)
        {
            continue;
        }
        let letters = DeadLetters::open(dir, &webhook.name)?;
        let (listed, odd) = letters.list()?;
        for path in odd {
            eprintln!("warning: {} is not a dead letter", path.display());
        }
        let wanted = |letter: &Letter| which.ids.is_empty() || which.ids.contains(&letter.id);
        let listed = listed.into_iter().filter(wanted);
        found.extend(listed.map(|letter| (webhook, letters.clone(), letter)));
    }
    let is_found = |id: &&String| !found.iter().any(|(_, _, letter)| letter.id == **id);
    match which.ids.iter().find(is_found) {
        Some(id) => Err(Error::NoLetter(id.clone())),
        None => Ok(found),
    }
}

/// Prints them: a line each, or with `json` an object each.
///
/// # Errors
/// See [`Error`].
pub fn list(config: &Config, which: &Which, json: bool) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    for (_, _, letter) in chosen(config, which)? {
        if json {
            let json = serde_json::to_string(&letter).expect("writing to memory does not fail");
            writeln!(out, "{json}")?;
        } else {
            let Letter {
                id,
                webhook,
                agent,
                kind,
                error,
                attempts,
                at,
            } = letter;
            writeln!(
                out,
                "{id}  {webhook}  {agent}  {kind}  {at}  {attempts} attempts: {error}"
            )?;
        }
    }
    Ok(())
}

/// Removes them without delivering them.
///
/// # Errors
/// See [`Error`].
pub fn discard(config: &Config, which: &Which) -> Result<(), Error> {
    for (_, letters, letter) in chosen(config, which)? {
        letters.remove(&letter)?;
        println!("{}  dropped", letter.id);
    }
    Ok(())
}

/// Delivers them, the oldest first, and removes those that are delivered. Returns whether all were.
///
/// # Errors
/// See [`Error`].
pub async fn deliver(config: &Config, which: &Which) -> Result<bool, Error> {
    let mut all = true;
    let mut receivers = HashMap::new();
    for (webhook, letters, letter) in chosen(config, which)? {
        let receiver = receivers.entry(&webhook.name);
        let receiver = receiver.or_insert_with(|| webhook.receiver(&config.outgoing).map(Arc::new));
        let delivered = match receiver {
            Ok(receiver) => deliver_one(config, webhook, Arc::clone(receiver), &letter).await,
            Err(unusable) => Err(Undelivered::Setup(unusable.to_string())),
        };
        match delivered {
            Ok(()) => {
                letters.remove(&letter)?;
                println!("{}  delivered", letter.id);
            }
            Err(why) => {
                all = false;
                eprintln!("{}  not delivered: {why}", letter.id);
            }
        }
    }
    Ok(all)
}

async fn deliver_one(
    config: &Config,
    webhook: &Webhook,
    receiver: Arc<Receiver>,
    letter: &Letter,
) -> Result<(), Undelivered> {
    let one = config.agents.iter().find(|one| one.name == letter.agent);
    let one = one.ok_or_else(|| Undelivered::NoAgent(letter.agent.clone()))?;
    let agent = Agent::read(one).map_err(|error| Undelivered::Setup(error.to_string()))?;
    let mark: Mark = letter.id.parse().map_err(|_| Undelivered::Gone)?;
    let record = read(&agent, &mark).await?;
    let files = Files::new(agent, webhook.inline_file_bytes);
    let post = Post::new(receiver, one.name.clone(), files);
    let posted = post.once(&record, false).await;
    posted.map_err(|why| Undelivered::Refused(why.to_string()))
}

/// Reads an event from the agent's journal.
async fn read(agent: &Agent, mark: &Mark) -> Result<Record, Undelivered> {
    let mut client = agent.connect().await?;
    let store = agent::store_id(&mut client).await?;
    if Mark::new(&store, mark.seq) != *mark {
        return Err(Undelivered::OtherStore);
    }
    let request = pb::WatchEventsRequest {
        after: Some(mark.seq.saturating_sub(1)),
        filter: Some(pb::EventFilter::of_all_chats()),
        ..Default::default()
    };
    let mut items = answer(client.watch_events(request)).await?;
    loop {
        let response = items.message().await.map_err(agent::Error::from)?;
        match response.and_then(|response| response.item) {
            Some(Item::Event(event)) if event.seq == mark.seq => {
                return Record::of(Item::Event(event), &store).ok_or(Undelivered::Gone);
            }
            Some(Item::Heartbeat(_)) => {}
            // A gap, a later event, or the end.
            _ => return Err(Undelivered::Gone),
        }
    }
}
