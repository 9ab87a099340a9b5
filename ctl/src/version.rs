//! `version`: the versions of this program and of the agent.

use openclaw_proto::v1::{StatusRequest, StatusResponse};
use prost_types::Timestamp;
use serde::Serialize;

use crate::address::Address;
use crate::failure::{Exit, Failure};
use crate::text::one_line;
use crate::{client, console};

const OWN: &str = env!("CARGO_PKG_VERSION");

/// The JSON form.
#[derive(Serialize)]
pub(crate) struct Version {
    client: &'static str,
    agent: String,
    /// True for a build that talks to the simulator only.
    simulator: bool,
    /// When the agent's process started.
    #[serde(skip)]
    pub(crate) started_at: Option<Timestamp>,
}

impl Version {
    /// What the agent's status says of it.
    pub(crate) fn of(status: &StatusResponse) -> Self {
        let build = status.build.clone().unwrap_or_default();
        Self {
            client: OWN,
            agent: build.version,
            simulator: build.simulator,
            started_at: status.started_at,
        }
    }

    /// `0.1.0`, or `0.1.0, simulator build`
    pub(crate) fn agent(&self) -> String {
        let version = one_line(&self.agent);
        match self.simulator {
            true => format!("{version}, simulator build"),
            false => version,
        }
    }
}

/// Asks the agent for its version, and prints both.
pub(crate) async fn run(address: &Address, json: bool) -> Result<Exit, Failure> {
    let mut agent = client::agent(address).await?;
    let status = client::answer(address, agent.status(StatusRequest {})).await?;
    let version = Version::of(&status);
    if json {
        console::json(&version)?;
    } else {
        console::write(&format!(
            "openclawctl  {OWN}\nagent        {}\n",
            version.agent()
        ))?;
    }
    Ok(Exit::Done)
}
