//! A rolled back store, as clients report it, and what an admin decides about it.

use openclaw_state::clock;
use openclaw_state::outbox::Hold;
use openclaw_vault::Epoch;
use openclaw_whatsapp::store::DroppedRecords;

use super::{Agent, Command, Denied};

/// How far a client has seen a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSeen {
    /// The store's name.
    pub store: [u8; 16],
    /// Its latest opening then.
    pub epoch: Epoch,
}

/// Why nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What was reported.
    pub hold: Hold,
    /// The store's name.
    pub store: [u8; 16],
    /// Messages that are kept and held.
    pub queued: usize,
}

/// What follows from a rolled back store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Continue with it as it is.
    Accept,
    /// Leave sessions and own sender keys behind.
    Renew,
}

impl Agent {
    /// A client has seen the store so far. Holds sends when the store is behind that, durably. What is said of another
    /// store is ignored. Returns why nothing is sent, while that is so.
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

    /// Ends a hold of sends.
    ///
    /// # Errors
    /// Sends are not held, or a pairing is in progress.
    pub async fn resolve_rollback(&self, decision: Decision) -> Result<DroppedRecords, Denied> {
        if self.outbox.hold().is_none() {
            return Err(Denied::NotHeld);
        }
        let dropped = match decision {
            Decision::Accept => DroppedRecords::default(),
            // Held until that is durable.
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
