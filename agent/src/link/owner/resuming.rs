//! The owner's part in `resume`: one more attempt with the existing credentials, at a person's request, or when a newer
//! version of WhatsApp's client is known.

use openclaw_state::clock;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_types::{LinkState, Reason};
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
                self.setup.versions.forgive();
                self.reconnect(None).await?;
            }
            _ => {}
        }
        Ok(Ok(()))
    }

    /// Ends `outdated`: WhatsApp may accept the version that is known now. If it does not, the link is outdated again.
    pub(super) async fn update_version(&mut self) -> Result<(), OpenError> {
        tracing::info!("another client version is known, connecting with it");
        self.reconnect(Some(Reason::Outdated)).await
    }

    async fn reconnect(&mut self, reason: Option<Reason>) -> Result<(), OpenError> {
        self.retry = Retry::default();
        if self.running.is_none() {
            self.open_session().await?;
        }
        // Durable first: a process that is killed after this connects at its next start.
        self.enter(LinkState::Connecting, reason);
        self.vault.flush().await;
        failpoint::pass(Failpoint::Resumed);
        self.connect();
        Ok(())
    }
}
