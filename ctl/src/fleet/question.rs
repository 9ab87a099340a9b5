//! What is asked of each agent, and its answer as cells and as JSON.
//!
//! The clock is that of the agent that has answered last, so the time is taken right after an answer.

use std::time::Duration;

use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::alerts_client::AlertsClient;
use openclaw_proto::v1::{
    Alert, AlertState, DiagnoseRequest, Finding, FindingState, StatusRequest, StatusResponse,
};
use prost_types::Timestamp;
use serde::Serialize;

use super::table::NONE;
use crate::address::Address;
use crate::cli::{AlertsArgs, AlertsCommand, Command, StatusArgs};
use crate::context::Name;
use crate::failure::{Exit, Failure};
use crate::render::size::count;
use crate::render::status::{next_step, state};
use crate::render::time::ago;
use crate::render::word::word;
use crate::rollback::check::RollbackCheck;
use crate::text::one_line;
use crate::version::Version;
use crate::{alerts, client, clock, doctor};

/// Longer than a connection and the calls over it may take.
const TIME_LIMIT: Duration = Duration::from_secs(40);
/// The agent itself asks WhatsApp.
const DOCTOR_TIME_LIMIT: Duration = Duration::from_secs(90);

/// The commands that take `--all`.
pub(super) enum Question {
    Status,
    Alerts,
    Doctor(DiagnoseRequest),
    Version,
}

/// An agent's answer.
pub(super) struct Answer {
    /// The agent's own name; empty if it has none.
    agent: String,
    /// When it answered, by its clock.
    at: Timestamp,
    data: Data,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Status {
        #[serde(flatten)]
        status: Box<StatusResponse>,
        /// `null` if unknown.
        rolled_back: Option<bool>,
    },
    Alerts(Vec<Alert>),
    Doctor(Vec<Finding>),
    Version(Version),
}

impl Question {
    /// The question of a command.
    ///
    /// # Errors
    /// It is not one that is asked of all agents, or an argument is invalid.
    pub(super) fn of(command: &Command) -> Result<Self, Failure> {
        match command {
            Command::Status(StatusArgs {
                verbose: false,
                accept_rollback: false,
                ..
            }) => Ok(Self::Status),
            Command::Alerts(AlertsArgs {
                command: None | Some(AlertsCommand::List),
            }) => Ok(Self::Alerts),
            Command::Doctor(args) => Ok(Self::Doctor(doctor::request(args)?)),
            Command::Version => Ok(Self::Version),
            _ => Err(Failure::usage(
                "--all takes `status`, `alerts`, `doctor` and `version`; `status` without --verbose or --accept-rollback",
            )
            .with_hint("for anything else name one agent: --context NAME; `openclawctl context list` shows them")),
        }
    }

    /// The time that one agent gets.
    pub(super) const fn limit(&self) -> Duration {
        match self {
            Self::Doctor(_) => DOCTOR_TIME_LIMIT,
            Self::Status | Self::Alerts | Self::Version => TIME_LIMIT,
        }
    }

    /// The headings of the table.
    pub(super) const fn headings(&self) -> &'static [&'static str] {
        match self {
            Self::Status => &["CONTEXT", "AGENT", "STATE", "SINCE", "NEXT"],
            Self::Alerts => &[
                "CONTEXT", "AGENT", "WAITING", "NEWEST", "STATE", "RAISED", "ERROR",
            ],
            Self::Doctor(_) => &["CONTEXT", "AGENT", "STATE", "FINDING", "NEXT"],
            Self::Version => &["CONTEXT", "AGENT", "VERSION", "STARTED"],
        }
    }

    /// Asks one agent.
    pub(super) async fn ask(&self, address: &Address) -> Result<Answer, Failure> {
        let channel = client::connect(address).await?;
        let mut agent = AgentClient::new(channel.clone());
        let status = client::answer(address, agent.status(StatusRequest {})).await?;
        let at = clock::now();
        let name = status.agent.as_ref().map(|agent| one_line(&agent.name));
        let data = match self {
            Self::Status => Data::Status {
                rolled_back: RollbackCheck::quiet().judge(&status, &mut agent).await,
                status: Box::new(status),
            },
            Self::Alerts => {
                Data::Alerts(alerts::all(address, &mut AlertsClient::new(channel)).await?)
            }
            Self::Doctor(request) => {
                let request = request.clone();
                Data::Doctor(doctor::findings(&mut client::access_over(channel), request).await?)
            }
            Self::Version => Data::Version(Version::of(&status)),
        };
        Ok(Answer {
            agent: name.unwrap_or_default(),
            at,
            data,
        })
    }
}

impl Answer {
    /// The exit code of the command.
    pub(super) fn exit(&self) -> Exit {
        match &self.data {
            Data::Doctor(findings) => doctor::exit(findings),
            Data::Status { .. } | Data::Alerts(_) | Data::Version(_) => Exit::Done,
        }
    }

    /// The cells after the context's.
    pub(super) fn cells(&self, context: &Name) -> Vec<String> {
        let mut cells = vec![self.agent.clone()];
        cells.extend(match &self.data {
            Data::Status {
                status,
                rolled_back,
            } => status_cells(status, *rolled_back, self.at),
            Data::Alerts(alerts) => alerts_cells(alerts, self.at),
            Data::Doctor(findings) => findings_cells(findings),
            Data::Version(version) => vec![version.agent(), since(version.started_at, self.at)],
        });
        // The last cell is the next step, which names no context.
        if let Some(next) = cells.last_mut() {
            *next = next.replace(
                "`openclawctl ",
                &format!("`openclawctl --context {context} "),
            );
        }
        let empty = cells.iter_mut().filter(|cell| cell.is_empty());
        empty.for_each(|cell| NONE.clone_into(cell));
        cells
    }
}

impl Serialize for Answer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.data.serialize(serializer)
    }
}

fn status_cells(status: &StatusResponse, rolled_back: Option<bool>, at: Timestamp) -> Vec<String> {
    let link = status.link.clone().unwrap_or_default();
    let next = match (rolled_back, &status.hold) {
        (Some(true), _) | (_, Some(_)) => {
            "the store was rolled back, sends are held: `openclawctl status`".to_owned()
        }
        _ => next_step(&link),
    };
    vec![state(&link), since(link.since, at), next]
}

fn alerts_cells(alerts: &[Alert], at: Timestamp) -> Vec<String> {
    let waiting = alerts.iter().filter(|it| it.state() == AlertState::Waiting);
    let mut cells = vec![waiting.count().to_string()];
    match alerts.last() {
        Some(newest) => cells.extend([
            one_line(&newest.alert_type),
            word::<AlertState>(newest.state).to_owned(),
            since(newest.raised_at, at),
            one_line(&newest.last_error),
        ]),
        None => cells.extend(std::iter::repeat_n(String::new(), 4)),
    }
    cells
}

/// The number of problems, and the first one.
fn findings_cells(findings: &[Finding]) -> Vec<String> {
    let mut bad = findings.iter().filter(|it| it.state() == FindingState::Bad);
    let Some(first) = bad.next() else {
        return vec!["ok".to_owned(), String::new(), String::new()];
    };
    let problems = u64::try_from(bad.count())
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    vec![
        count(problems, "problem"),
        one_line(&first.text),
        one_line(&first.hint),
    ]
}

fn since(then: Option<Timestamp>, at: Timestamp) -> String {
    then.map_or_else(String::new, |then| ago(then, at))
}
