//! An account from elsewhere on its way into an agent: written to a store in memory, and from there into a sealed stream, which
//! the agent takes as it takes a backup. Nothing of it is ever on a disk of this machine.

use openclaw_state::vault::Vault;
use openclaw_vault::{Error, Handover, Secret};

use super::Store;

impl Store {
    /// An empty store that is never on a disk.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Vault::in_memory())
    }

    /// All of a store in memory, sealed to `secret`. Of another store nothing: what is on a disk is handed over by a backup.
    ///
    /// # Errors
    /// The system gives no random numbers, or there is more than a stream takes.
    pub fn hand_over(&self, secret: &Secret, now: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut handover = Handover::begin(secret, now, &mut bytes)?;
        self.vault()
            .rows_aside(|op| handover.push(op, &mut bytes))?;
        handover.finish(&mut bytes)?;
        Ok(bytes)
    }
}
