//! The check for a rolled back volume: an older copy of the store replaced the current one, as a platform's one-click
//! restore does.
//!
//! The volume itself does not show that. So the client stores the latest state it has seen, warns if the store is
//! behind it, and reports it to the agent, which then holds sends until an admin decides. Until then, the client keeps
//! its record.

use std::time::Duration;

use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::{ReportStoreRequest, StatusRequest, StatusResponse, StoreSeen};
use serde::Serialize;
use tonic::transport::Channel;

use super::judge::{self, Back, Reported, Verdict, judge};
use super::memory::{self, Memory};
use crate::failure::{Exit, Failure};
use crate::{client, console};

/// The timeout of this query, which delays another command.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
const MEANING: &str = "its volume is an older copy: messages encrypted since it was made cannot be read, and keys would be used twice";
const HINT: &str = "an admin decides: `openclawctl rollback renew` makes new sessions, so that no key is used twice; \
`openclawctl rollback accept` continues as it is, when nothing was sent since that copy was made";
const HOLDS: &str = "the agent holds every send until an admin has decided";

/// Compares the reported state of the store with the one that this client has recorded.
pub(crate) struct RollbackCheck {
    memory: Memory,
    json: bool,
    /// Reports nothing to the user.
    quiet: bool,
    /// The last warning, so that a long run does not repeat it.
    noted: Option<Back>,
    warned: bool,
    /// The latest state seen, in this response or before.
    seen: Option<StoreSeen>,
}

#[derive(Serialize)]
struct Note {
    note: &'static str,
    why: String,
    hint: Option<&'static str>,
    /// True if the agent holds its sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<bool>,
}

impl RollbackCheck {
    /// With the records of this user.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            memory: Memory::of_user(),
            json,
            quiet: false,
            noted: None,
            warned: false,
            seen: None,
        }
    }

    /// The same, without output: the caller shows the result.
    pub(crate) fn quiet() -> Self {
        Self {
            quiet: true,
            ..Self::new(false)
        }
    }

    /// Queries the agent and checks the result. Errors are ignored: the following calls report them. Returns the
    /// agent's response, if any.
    pub(crate) async fn look(
        &mut self,
        agent: &mut AgentClient<Channel>,
    ) -> Option<StatusResponse> {
        let status = ask(agent).await?;
        self.judge(&status, agent).await;
        Some(status)
    }

    /// Checks a response. `true` if the store was rolled back, `false` if not, `None` if that is unknown.
    pub(crate) async fn judge(
        &mut self,
        status: &StatusResponse,
        agent: &mut AgentClient<Channel>,
    ) -> Option<bool> {
        let first = Reported::of(status.vault.as_ref()?)?;
        let seen = self.load(&first);
        let (reported, verdict) = match judge(seen.as_ref(), &first) {
            // Another client may have recorded a later state than this response has. A second response, which is newer
            // than the record, settles that.
            Verdict::Back(_) => {
                let again = ask(agent).await?;
                let again = Reported::of(again.vault.as_ref()?)?;
                let verdict = judge(seen.as_ref(), &again);
                (again, verdict)
            }
            verdict => (first, verdict),
        };
        match verdict {
            Verdict::Back(back) => {
                self.seen = seen.map(|seen| wire(&reported, seen));
                let holds = self.report(agent, back).await;
                self.note(back, holds);
                Some(true)
            }
            Verdict::Continued(now) => {
                self.seen = Some(wire(&reported, now));
                if seen.as_ref() != Some(&now) {
                    self.store(&reported, now);
                }
                Some(false)
            }
        }
    }

    /// The latest state seen, for the agent to compare.
    pub(crate) fn seen(&self) -> Option<StoreSeen> {
        self.seen.clone()
    }

    /// True if a warning with the next step was printed.
    pub(crate) fn has_warned(&self) -> bool {
        self.noted.is_some()
    }

    /// Asks the agent to hold its sends. `false` if the agent is too old, or does not accept the report from this
    /// client.
    async fn report(&self, agent: &mut AgentClient<Channel>, back: Back) -> bool {
        if self.quiet || self.noted == Some(back) {
            return true;
        }
        let seen = self.seen.clone();
        let reporting = agent.report_store(ReportStoreRequest { seen });
        match tokio::time::timeout(QUERY_TIMEOUT, reporting).await {
            Ok(Ok(answer)) => answer.into_inner().hold.is_some(),
            _ => false,
        }
    }

    /// Records the state in `status` as the current one.
    pub(crate) fn accept(&self, status: &StatusResponse) -> Result<(), Failure> {
        let Some(reported) = status.vault.as_ref().and_then(Reported::of) else {
            return Err(
                Failure::new("the agent does not report how old its store is")
                    .with_reason("NO_VAULT")
                    .with_hint("nothing to accept: leave --accept-rollback out")
                    .with_exit(Exit::Refused),
            );
        };
        self.memory
            .store(&reported.store, reported.now())
            .map_err(|error| Failure::new(format!("cannot save the state of the store: {error}")))
    }

    fn load(&mut self, reported: &Reported) -> Option<judge::Seen> {
        match self.memory.load(&reported.store) {
            Ok(seen) => seen,
            Err(error) => {
                self.warn(&error);
                None
            }
        }
    }

    fn store(&mut self, reported: &Reported, now: judge::Seen) {
        if let Err(error) = self.memory.store(&reported.store, now) {
            self.warn(&error);
        }
    }

    fn note(&mut self, back: Back, holds: bool) {
        if self.noted == Some(back) {
            return;
        }
        self.noted = Some(back);
        if self.json {
            console::json_note(&Note {
                note: "rolled_back",
                why: back.to_string(),
                hint: Some(HINT),
                held: Some(holds),
            });
            return;
        }
        console::note(&format!(
            "warning: the agent's store was rolled back: {back}"
        ));
        console::note(&format!("warning: {MEANING}"));
        if holds {
            console::note(&format!("note: {HOLDS}"));
        }
        console::note(&format!("hint: {HINT}"));
    }

    /// Warns once: a broken record must neither stop the command nor repeat the warning.
    fn warn(&mut self, error: &memory::Error) {
        if self.quiet || std::mem::replace(&mut self.warned, true) {
            return;
        }
        let why = format!(
            "rollback detection is disabled: cannot read or write the local record: {error}"
        );
        if self.json {
            console::json_note(&Note {
                note: "local_record_failed",
                why,
                hint: None,
                held: None,
            });
        } else {
            console::note(&format!("warning: {why}"));
        }
    }
}

fn wire(reported: &Reported, seen: judge::Seen) -> StoreSeen {
    let judge::Seen {
        generation,
        id,
        commits,
    } = seen;
    StoreSeen {
        store_id: reported.store.to_vec(),
        generation,
        id,
        commits,
    }
}

async fn ask(agent: &mut AgentClient<Channel>) -> Option<StatusResponse> {
    let answer = tokio::time::timeout(QUERY_TIMEOUT, agent.status(StatusRequest {}));
    Some(client::taken(answer.await.ok()?.ok()?))
}
