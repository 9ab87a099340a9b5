//! The owner's part in `resume`: one more attempt with the existing credentials, at a person's request.

use openclaw_state::clock;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_types::LinkState;
use openclaw_whatsapp::session::OpenError;

use super::Owner;
use crate::link::Denied;
use crate::link::retry::Retry;

impl Owner {
    /// Connects now. The retry rules handle the result: if WhatsApp ends the link again, it stays down.
    pub(super) async fn resume(&mut self) -> Result<Result<(), Denied>, OpenError> {
        self.abandon_if_closed().await;
        let link = self.link();
        if link.account.is_none() {
            return Ok(Err(self.view.borrow().not_linked()));
        }
        if self.pairing.is_some() {
            return Ok(Err(Denied::AlreadyPairing));
        }
        if link.is_dead() {
            return Ok(Err(Denied::CredentialsDead));
        }
        match link.state {
            LinkState::BackingOff { .. } => {
                self.retry.resumed();
                self.connect_at = Some(clock::now());
            }
            state if state.needs_person() => {
                failpoint::pass(Failpoint::Resuming);
                self.retry = Retry::default();
                if self.running.is_none() {
                    self.open_session().await?;
                }
                // Durable first: a process that is killed after this connects at its next start.
                self.enter(LinkState::Connecting, None);
                self.vault.flush().await;
                failpoint::pass(Failpoint::Resumed);
                self.connect();
            }
            _ => {}
        }
        Ok(Ok(()))
    }
}
