//! The lookout for a volume that went back: an older copy of the store, put in the place of the
//! present one, as a platform's one-click restore does.
//!
//! Nothing on the volume itself can tell. So the client remembers how far the store was, and says
//! loudly when it is not that far any more. It does not stop anybody, and it forgets nothing until
//! it is told to.

mod judge;
mod memory;

use std::time::Duration;

use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::{StatusRequest, StatusResponse};
use serde::Serialize;
use tonic::transport::Channel;

use crate::console;
use crate::failure::{Exit, Failure};
use judge::{Back, Reported, Verdict, judge};
use memory::Memory;

/// How long a question on the way to something else may take.
const PATIENCE: Duration = Duration::from_secs(2);
const MEANING: &str = "its volume is an older copy: messages that contacts encrypted after that copy was made cannot be read, \
and keys that were used since would be used twice";
const HINT: &str = "do not send with it: run `openclawctl unpair`, then `openclawctl pair`, or restore a backup into an empty volume, \
which leaves such keys behind; to call this state normal: `openclawctl status --accept-rollback`";

/// Compares what the agent says of its store with what this client remembers.
pub(crate) struct Lookout {
    memory: Memory,
    json: bool,
    /// What was said already, so that a long run does not repeat itself.
    said: Option<Back>,
    warned: bool,
}

#[derive(Serialize)]
struct Note {
    note: &'static str,
    why: String,
    hint: Option<&'static str>,
}

impl Lookout {
    /// With the memory of this user.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            memory: Memory::of_user(),
            json,
            said: None,
            warned: false,
        }
    }

    /// Asks the agent and judges. It fails nothing: what goes on with the agent will show. Returns
    /// what the agent said of itself, if it did.
    pub(crate) async fn look(
        &mut self,
        agent: &mut AgentClient<Channel>,
    ) -> Option<StatusResponse> {
        let status = ask(agent).await?;
        self.judge(&status, agent).await;
        Some(status)
    }

    /// Judges an answer that is there already. True when the store went back, false when it did not,
    /// `None` when that cannot be known.
    pub(crate) async fn judge(
        &mut self,
        status: &StatusResponse,
        agent: &mut AgentClient<Channel>,
    ) -> Option<bool> {
        let first = Reported::of(status.vault.as_ref()?)?;
        let seen = self.load(&first);
        let (reported, verdict) = match judge(seen.as_ref(), &first) {
            // Another client may have been told, and have written down, more than this answer knows.
            // An answer that is younger than the memory cannot know less.
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
                self.say(back);
                Some(true)
            }
            Verdict::Onward(now) => {
                if seen.as_ref() != Some(&now) {
                    self.store(&reported, now);
                }
                Some(false)
            }
        }
    }

    /// Calls the state of `status` normal from now on.
    pub(crate) fn accept(&self, status: &StatusResponse) -> Result<(), Failure> {
        let Some(reported) = status.vault.as_ref().and_then(Reported::of) else {
            return Err(Failure::new("the agent does not say how old its store is")
                .with_reason("NO_VAULT")
                .with_hint("there is nothing to accept: leave --accept-rollback out")
                .with_exit(Exit::Refused));
        };
        self.memory
            .store(&reported.store, reported.now())
            .map_err(|error| Failure::new(format!("remember the state of the store: {error}")))
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

    fn say(&mut self, back: Back) {
        if self.said == Some(back) {
            return;
        }
        self.said = Some(back);
        if self.json {
            console::json_note(&Note {
                note: "rolled_back",
                why: back.to_string(),
                hint: Some(HINT),
            });
            return;
        }
        console::note(&format!("warning: the agent's store went back: {back}"));
        console::note(&format!("warning: {MEANING}"));
        console::note(&format!("hint: {HINT}"));
    }

    /// Once: a memory that does not work is no reason to stop, nor to nag.
    fn warn(&mut self, error: &memory::Error) {
        if std::mem::replace(&mut self.warned, true) {
            return;
        }
        let why = format!("a store that goes back will not be noticed: {error}");
        if self.json {
            console::json_note(&Note {
                note: "no_memory",
                why,
                hint: None,
            });
        } else {
            console::note(&format!("warning: {why}"));
        }
    }
}

async fn ask(agent: &mut AgentClient<Channel>) -> Option<StatusResponse> {
    let answer = tokio::time::timeout(PATIENCE, agent.status(StatusRequest {}));
    Some(answer.await.ok()?.ok()?.into_inner())
}
