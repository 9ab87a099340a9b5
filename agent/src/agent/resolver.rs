//! Asks WhatsApp for the LIDs of those who are admitted, on each connection and when the rules change, and judges what
//! was held until that was known.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::View;
use crate::admission::Admission;
use crate::clock;
use crate::model::LinkState;
use crate::session::Session;

/// Answers are asked for again well before they are too old.
const IDLE: Duration = Duration::from_secs(3600);
/// Between attempts that fail, doubling.
const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(60);

/// The task.
pub struct Resolver {
    pub(super) admission: Arc<Admission>,
    pub(super) view: watch::Receiver<View>,
}

impl Resolver {
    /// Ends with the owner.
    pub async fn run(mut self) {
        let mut changes = self.admission.gate().changes();
        let mut pause = FIRST;
        loop {
            changes.mark_unchanged();
            let session = connected(&self.view.borrow_and_update());
            let answered = match session {
                Some(session) => self.ask(&session).await,
                None => true,
            };
            let wait = if answered { IDLE } else { pause };
            pause = if answered { FIRST } else { LAST.min(pause * 2) };
            let woken = async {
                if !answered {
                    // Somebody who waits asks no sooner for it.
                    return std::future::pending().await;
                }
                tokio::select! {
                    changed = changes.changed() => changed.is_ok(),
                    changed = self.view.changed() => changed.is_ok(),
                }
            };
            tokio::select! {
                alive = woken => if !alive { return },
                () = tokio::time::sleep(wait) => {}
            }
            if self.view.has_changed().is_err() {
                return;
            }
        }
    }

    /// False when WhatsApp did not answer.
    async fn ask(&self, session: &Session) -> bool {
        let gate = self.admission.gate();
        let phones = gate.unresolved(clock::now());
        let mut answered = true;
        if !phones.is_empty() {
            match session.lids_of(&phones).await {
                Ok(told) => gate.learn(told, clock::now()),
                Err(error) => {
                    tracing::warn!(%error, "WhatsApp did not tell who is behind the numbers that are admitted");
                    answered = false;
                }
            }
        }
        self.admission.settle(clock::now(), !answered);
        answered
    }
}

/// The session, while it is connected.
pub(super) fn connected(view: &View) -> Option<Session> {
    let session = view.session.as_ref()?;
    (view.link.state == LinkState::Connected).then(|| session.clone())
}
