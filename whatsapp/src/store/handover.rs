//! Moves an imported account into an agent: it is written to a store in memory, and from there into a sealed stream,
//! which the agent reads like a backup. It is never written to this machine's disk.

use openclaw_state::vault::Vault;
use openclaw_vault::{Error, Handover, Secret};

use super::Store;

impl Store {
    /// An empty store in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Vault::in_memory())
    }

    /// Seals the whole contents of a store in memory with `secret`. Yields nothing for a store on a disk, whose
    /// contents are moved by a backup.
    ///
    /// # Errors
    /// The operating system returns no random bytes, or the contents exceed the format's limit.
    pub fn hand_over(&self, secret: &Secret, now: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut handover = Handover::begin(secret, now, &mut bytes)?;
        self.vault()
            .rows_aside(|op| handover.push(op, &mut bytes))?;
        handover.finish(&mut bytes)?;
        Ok(bytes)
    }
}
