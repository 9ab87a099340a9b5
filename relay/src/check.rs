//! `openclaw-relay check`: the configuration, and whether the agents and the broker can be reached with it.

use openclaw_proto::v1 as pb;

use crate::agent::{self, Agent, answer};
use crate::broker::{self, Broker};
use crate::config::{self, Config, Faults, Webhook};
use crate::dead_letters::DeadLetters;

/// Reports what cannot be reached, and what is missing there. Prints a line for each that is in order.
///
/// # Errors
/// All faults.
pub async fn connections(config: &Config) -> Result<(), Faults> {
    let mut faults = Faults::default();
    if let Some(broker) = &config.broker
        && let Err(error) = streams(broker, config).await
    {
        faults.add("broker", error.to_string(), error.hint());
    }
    for webhook in &config.webhooks {
        let place = format!("webhook `{}`", webhook.name);
        match reached(config, webhook).await {
            Ok(host) => println!("{place}: {host} can be reached; nothing was posted"),
            Err(why) => {
                let hint = "check its url, the proxy, and that dead_letters can be written";
                faults.add(place, why, hint);
            }
        }
    }
    for one in &config.agents {
        let place = format!("agent `{}`", one.name);
        let agent = match Agent::read(one) {
            Ok(agent) => agent,
            Err(error) => {
                let hint = "write them again with `openclawctl context export`";
                faults.add(place, error.to_string(), hint);
                continue;
            }
        };
        match role(&agent).await {
            Ok(pb::Role::Reader) => {
                let hint = "enrol it as a sender: a reader cannot acknowledge events";
                faults.add(place, "the relay is only a reader there", hint);
            }
            Ok(_) => println!("{place}: ok"),
            Err(error) => {
                let hint =
                    "check that the agent runs, its endpoint, and that it knows the relay's key";
                faults.add(place, error.to_string(), hint);
            }
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Connects to the receiver of a webhook, whose host is returned.
async fn reached(config: &Config, webhook: &Webhook) -> Result<String, String> {
    let dir = config.dead_letters.as_deref();
    let dir = dir.expect("the configuration was checked");
    DeadLetters::open(dir, &webhook.name)
        .map_err(|error| format!("dead letters in {}: {error}", dir.display()))?;
    let receiver = webhook.receiver(&config.outgoing);
    let receiver = receiver.map_err(|error| error.to_string())?;
    receiver.connect().await?;
    Ok(receiver.host().to_owned())
}

async fn streams(settings: &config::Broker, config: &Config) -> Result<(), broker::Error> {
    let broker = Broker::connect(settings, false).await?;
    broker.events(settings).await?;
    if config.agents.iter().any(|agent| agent.commands) {
        broker.commands(settings).await?;
        broker.results(settings).await?;
    }
    println!("broker: ok");
    Ok(())
}

/// The relay's role at the agent. Over the unix socket it has none, and may do everything.
async fn role(agent: &Agent) -> Result<pb::Role, agent::Error> {
    let mut client = agent.connect().await?;
    let status = answer(client.status(pb::StatusRequest {})).await?;
    Ok(status
        .caller
        .map_or(pb::Role::Unspecified, |caller| caller.role()))
}
