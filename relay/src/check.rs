//! `openclaw-relay check`: the configuration, and whether the agents and the broker can be reached with it.

use openclaw_proto::v1 as pb;

use crate::agent::{self, Agent, answer};
use crate::broker::{self, Broker};
use crate::config::{Config, Faults};

/// Reports what cannot be reached, and what is missing there. Prints a line for each that is in order.
///
/// # Errors
/// All faults.
pub async fn connections(config: &Config) -> Result<(), Faults> {
    let mut faults = Faults::default();
    if let Err(error) = broker(config).await {
        faults.add("broker", error.to_string(), error.hint());
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

async fn broker(config: &Config) -> Result<(), broker::Error> {
    let broker = Broker::connect(&config.broker, false).await?;
    broker.events(&config.broker).await?;
    if config.agents.iter().any(|agent| agent.commands) {
        broker.commands(&config.broker).await?;
        broker.results(&config.broker).await?;
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
