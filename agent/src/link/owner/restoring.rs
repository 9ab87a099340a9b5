//! The owner's part in a restore: it replaces the content of a store without an account, and connects.

use openclaw_state::failpoint::{self, Failpoint};
use openclaw_whatsapp::session::OpenError;
use openclaw_whatsapp::store::{self, DroppedRecords};

use super::Owner;
use crate::link::Denied;
use crate::link::archive::{Error, Restored, Staged};
use crate::link::retry::Retry;

impl Owner {
    pub(super) async fn restore(
        &mut self,
        staged: Staged,
    ) -> Result<Result<Restored, Error>, OpenError> {
        self.abandon_if_closed().await;
        if self.pairing.is_some() {
            return Ok(Err(Denied::AlreadyPairing.into()));
        }
        if self.link().account.is_some() {
            return Ok(Err(Denied::AlreadyLinked.into()));
        }
        self.discard_session().await;
        failpoint::pass(Failpoint::Restoring);
        let (kept, dropped, tokens) = match staged.put_in_place(&self.setup.outbox) {
            Ok(counts) => counts,
            Err(error) => return Ok(Err(error)),
        };
        failpoint::pass(Failpoint::Restored);
        self.setup.journal.restart();
        self.setup.admission.allowlist().recall();
        self.retry = Retry::default();
        self.account = self.store.live();
        self.start().await?;
        let account = self.link().account.ok_or(Error::NoAccount);
        Ok(account.map(|account| Restored {
            phone: account.phone,
            kept,
            dropped,
            tokens,
        }))
    }

    /// Drops sessions and own sender keys, and reconnects: new ones are created as needed.
    pub(super) async fn renew(&mut self) -> Result<Result<DroppedRecords, Denied>, OpenError> {
        if self.pairing.is_some() {
            return Ok(Err(Denied::AlreadyPairing));
        }
        self.discard_session().await;
        let dropped = store::renew(&self.vault);
        self.vault.flush().await;
        self.start().await?;
        Ok(Ok(dropped))
    }
}
