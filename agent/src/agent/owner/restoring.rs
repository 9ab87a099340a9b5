//! The owner's part in a restore: it puts a backup in the place of a store without an account, and connects.

use super::Owner;
use crate::agent::archive::{Error, Restored, Staged};
use crate::agent::retry::Retry;
use crate::agent::{Denied, record};
use crate::clock;
use crate::model::{Link, LinkState};
use crate::session::OpenError;
use crate::store::{self, Dropped};

impl Owner {
    pub(super) async fn restore(
        &mut self,
        staged: Staged,
    ) -> Result<Result<Restored, Error>, OpenError> {
        // Closing a stream and calling again is one motion for an operator.
        if self
            .pairing
            .as_ref()
            .is_some_and(|active| active.frames.is_closed())
        {
            self.abandon().await;
        }
        if self.pairing.is_some() {
            return Ok(Err(Denied::AlreadyPairing.into()));
        }
        if self.link().account.is_some() {
            return Ok(Err(Denied::AlreadyLinked.into()));
        }
        self.discard_session().await;
        let (kept, dropped, tokens) = match staged.put_in_place(&self.setup.outbox) {
            Ok(counts) => counts,
            Err(error) => return Ok(Err(error)),
        };
        self.setup.journal.restart();
        self.setup.admission.gate().recall();
        self.retry = Retry::default();
        self.revive();
        self.start().await?;
        let account = self.link().account.ok_or(Error::NoAccount);
        Ok(account.map(|account| Restored {
            phone: account.phone,
            kept,
            dropped,
            tokens,
        }))
    }

    /// Leaves sessions and own sender keys behind, and connects again: new ones are made as they are needed.
    pub(super) async fn renew(&mut self) -> Result<Result<Dropped, Denied>, OpenError> {
        if self.pairing.is_some() {
            return Ok(Err(Denied::AlreadyPairing));
        }
        self.discard_session().await;
        let dropped = store::renew(&self.vault);
        self.vault.flush().await;
        self.start().await?;
        Ok(Ok(dropped))
    }

    /// Who had replaced this device when the backup was made is to be replaced by it now: that is what a restore is for.
    fn revive(&self) {
        let Some(record::Kept { account, verdict }) = record::load(&self.vault) else {
            return;
        };
        if verdict.is_some_and(|verdict| verdict.state == LinkState::Replaced) {
            let link = Link {
                state: LinkState::Connecting,
                since: clock::now(),
                account: Some(account),
                reason: None,
            };
            record::keep(&self.vault, &link);
        }
    }
}
