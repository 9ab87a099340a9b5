//! The owner's part in `resume`: the credentials that are there are tried once more, because a person says so.

use openclaw_state::clock;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_types::LinkState;
use openclaw_whatsapp::session::OpenError;

use super::Owner;
use crate::link::Denied;
use crate::link::retry::Retry;

impl Owner {
    /// Connects now. What WhatsApp answers is for the retry rules: where it has ended the link again, it rests there.
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
                // Durable first: a process that is killed from here on connects at its next start.
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
