//! The owner's part for the account: loads it at the start, stores it, and unlinks it.

use openclaw_state::clock;
use openclaw_state::vault::Tables;
use openclaw_types::{Account, DeviceName, Lid, LinkState, Phone, Reason};
use openclaw_whatsapp::session::{OpenError, Session};

use super::Owner;
use crate::host::volume;
use crate::link::Denied;
use crate::link::record::{self, Verdict};
use crate::link::running::Running;
use crate::link::{Frame, PairFailure};

impl Owner {
    /// Connects if the store has an account with valid credentials.
    pub(super) async fn start(&mut self) -> Result<(), OpenError> {
        // An unreadable row does not count as absent: opening the session reports what is wrong with it.
        if matches!(self.store.is_linked(), Ok(false)) {
            // Left by a pairing that was killed: the next one starts with new keys.
            self.vault.clear(&Tables::ACCOUNT);
            self.enter(LinkState::Unlinked, None);
            return Ok(());
        }
        self.open_session().await?;
        let session = self.running.as_ref().map(Running::session);
        let Some((phone, lid)) = session.and_then(Session::account) else {
            self.discard_session().await;
            self.enter(LinkState::Unlinked, None);
            return Ok(());
        };
        let kept = record::load(&self.vault);
        let known = kept.as_ref().map(|kept| kept.account.clone());
        self.remember(phone, lid, known);
        let mut verdict = None;
        if let Some(kept) = kept {
            verdict = kept.verdict;
            self.update(|link| {
                link.expires_at = kept.expires_at;
                link.restriction = kept.restriction;
            });
        }
        match verdict {
            Some(Verdict {
                state,
                reason,
                since,
                code,
            }) => {
                self.discard_session().await;
                self.enter_with(state, Some(reason), code, since);
            }
            None => {
                self.enter(LinkState::Connecting, None);
                self.connect();
            }
        }
        Ok(())
    }

    /// Publishes the account; `known` has what the session does not know.
    pub(super) fn remember(&mut self, phone: Phone, lid: Option<Lid>, known: Option<Account>) {
        let (linked_at, device) = known.map_or_else(
            || (clock::wall(), DeviceName::default()),
            |account| (account.linked_at, account.device),
        );
        self.update(|link| {
            link.account = Some(Account {
                phone,
                lid,
                linked_at,
                device,
            });
        });
    }

    pub(super) async fn unpair(&mut self) -> Result<bool, Denied> {
        if self.link().account.is_none() {
            return Err(self.view.borrow().not_linked());
        }
        if let Some(active) = self.pairing.take() {
            let _ = active.frames.try_send(Frame::Failed(PairFailure::Refused));
            if let Some(candidate) = active.candidate {
                candidate.close().await;
            }
        }
        let confirmed = self.deregister().await;
        self.vault.erase(volume::seconds(clock::wall()));
        self.update(|link| link.account = None);
        self.enter(LinkState::Unlinked, Some(Reason::Unpaired));
        Ok(confirmed)
    }

    /// Asks WhatsApp to remove this device, and closes the session. `true` if WhatsApp confirmed.
    async fn deregister(&mut self) -> bool {
        let confirmed = match &self.running {
            Some(running) => running.session().deregister().await,
            None => false,
        };
        self.discard_session().await;
        confirmed
    }
}
