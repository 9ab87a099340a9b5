//! Resolves the LIDs of numbers in the rules, on each connection and after each change of the rules, and of the senders
//! of held messages; then decides on those messages.

use std::sync::Arc;
use std::time::Duration;

use openclaw_state::admission::Admission;
use openclaw_state::clock;
use openclaw_types::{Backoff, LinkState};
use openclaw_whatsapp::session::{MAX_NUMBERS_PER_QUERY, Session};
use tokio::sync::watch;

use super::View;

/// Answers are renewed well before they expire.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(3600);
/// The delays between failed attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// This many numbers are looked up as fast as WhatsApp answers; after that, each request is delayed, so that a long
/// list does not look like an attack.
const MAX_UNPACED_NUMBERS: usize = 1_000;
const QUERY_INTERVAL: Duration = Duration::from_millis(200);

/// The task.
pub struct Resolver {
    pub(super) admission: Arc<Admission>,
    pub(super) view: watch::Receiver<View>,
}

impl Resolver {
    /// Runs until the owner ends.
    pub async fn run(mut self) {
        let mut changes = self.admission.allowlist().changes();
        let mut failures = 0;
        loop {
            changes.mark_unchanged();
            let session = connected(&self.view.borrow_and_update());
            let answered = match session {
                Some(session) => self.ask(&session).await,
                None => true,
            };
            let wait = if answered {
                failures = 0;
                RENEWAL_INTERVAL
            } else {
                failures += 1;
                BACKOFF.after(failures)
            };
            let woken = async {
                if !answered {
                    // A waiting caller does not shorten the delay.
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

    /// `false` if WhatsApp did not answer. Answers received before that are kept.
    async fn ask(&self, session: &Session) -> bool {
        let allowlist = self.admission.allowlist();
        // First, since it adds the senders of held messages to the numbers to look up.
        self.admission.settle(clock::now(), false);
        let mut asked = 0;
        loop {
            let phones = allowlist.unresolved(clock::now());
            if phones.is_empty() {
                return true;
            }
            for phones in phones.chunks(MAX_NUMBERS_PER_QUERY) {
                if asked >= MAX_UNPACED_NUMBERS {
                    tokio::time::sleep(QUERY_INTERVAL).await;
                }
                asked += phones.len();
                match session.lids_of(phones).await {
                    Ok(answers) => allowlist.learn(answers, clock::now()),
                    Err(error) => {
                        tracing::warn!(%error, "LID lookup failed, trying again");
                        self.admission.settle(clock::now(), true);
                        return false;
                    }
                }
            }
            self.admission.settle(clock::now(), false);
        }
    }
}

/// The session, while it is connected.
pub(super) fn connected(view: &View) -> Option<Session> {
    let session = view.session.as_ref()?;
    (view.link.state == LinkState::Connected).then(|| session.clone())
}
