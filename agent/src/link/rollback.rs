//! A rolled back store: reports from clients, and the admin's decision.

use openclaw_state::clock;
use openclaw_state::outbox::Hold;
use openclaw_vault::Epoch;
use openclaw_whatsapp::store::DroppedRecords;

use super::{Agent, Command, Denied};

/// The newest state of a store that a client has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSeen {
    /// The store's id.
    pub store: [u8; 16],
    /// The store's epoch at that time.
    pub epoch: Epoch,
}

/// The hold on sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The reported evidence.
    pub hold: Hold,
    /// The store's id.
    pub store: [u8; 16],
    /// Queued messages that are held.
    pub queued: usize,
}

/// The decision about a rolled back store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Continue with it unchanged.
    Accept,
    /// Drop sessions and own sender keys.
    Renew,
}

impl Agent {
    /// Handles a client's report. If the store is older than reported, sends are held, durably. Reports about another
    /// store are ignored. Returns the hold on sending, if there is one.
    pub async fn report_store(&self, seen: StoreSeen) -> Option<Held> {
        let summary = self.store.vault().summary()?;
        if summary.store.0 == seen.store {
            let before = self.outbox.hold();
            let hold = self
                .outbox
                .report_seen(seen.epoch, &summary.epochs, clock::now());
            if hold != before {
                self.outbox.durable().await;
            }
        }
        self.held()
    }

    /// Ends the hold on sending.
    ///
    /// # Errors
    /// Sends are not held, or a pairing is in progress.
    pub async fn resolve_rollback(&self, decision: Decision) -> Result<DroppedRecords, Denied> {
        if self.outbox.hold().is_none() {
            return Err(Denied::NotHeld);
        }
        let dropped = match decision {
            Decision::Accept => DroppedRecords::default(),
            // The hold stays until that is durable.
            Decision::Renew => self.ask(Command::Renew).await??,
        };
        self.outbox.end_hold();
        self.outbox.durable().await;
        Ok(dropped)
    }

    pub(super) fn held(&self) -> Option<Held> {
        let hold = self.outbox.hold()?;
        let summary = self.store.vault().summary()?;
        Some(Held {
            hold,
            store: summary.store.0,
            queued: self.outbox.queue_length(),
        })
    }
}
