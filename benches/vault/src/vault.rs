//! The vault.

use std::path::Path;
use std::time::{Duration, Instant};

use openclaw_vault::{
    Batch, Compaction, DiskFile as _, Folder, Key, Key32, Secret, Table, Vault, on_heap, presence,
};

use crate::{Failure, micros, noise, print};

const TABLE: Table = Table(1);

pub const STORES: bool = true;

pub struct Engine(Vault<Folder>);

impl Engine {
    pub fn open(dir: &Path) -> Result<Self, Failure> {
        let secret = Secret::Raw(Key32::take(&mut { *b"thirty-two bytes, which are them" }));
        let folder = Folder::new(dir);
        if presence(&folder)?.is_none() {
            return Ok(Self(Vault::create(folder, &secret, "default", 0, on_heap)?));
        }
        Ok(Self(Vault::open(folder, &secret, on_heap)?.0))
    }

    pub fn commit(
        &mut self,
        puts: &[(String, Vec<u8>)],
        deleted: Option<&str>,
    ) -> Result<(), Failure> {
        let mut batch = Batch::new();
        for (name, value) in puts {
            batch.put(Key::new(TABLE, "", name), value);
        }
        if let Some(name) = deleted {
            batch.delete(Key::new(TABLE, "", name));
        }
        self.0.append(&batch)?;
        Ok(self.0.sync()?)
    }

    pub fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let value = self.0.load(Key::new(TABLE, "", name))?;
        Ok(value.map(|value| value.to_vec()))
    }

    pub fn close(self) -> Result<(), Failure> {
        Ok(self.0.close()?)
    }
}

/// Measures how long the store is blocked while a log, a third of which is live, is compacted in steps.
pub fn compact(dir: &Path) -> Result<(), Failure> {
    let Engine(mut vault) = Engine::open(dir)?;
    for kib in [64, 128, 256] {
        while !vault.wants_compaction()
            || vault.summary().log_bytes < 3 * vault.summary().live_bytes
        {
            let mut batch = Batch::new();
            for number in 0..100_u32 {
                batch.put(
                    Key::new(TABLE, "turns", &number.to_le_bytes()),
                    &noise(number, 1_500),
                );
            }
            vault.append(&batch)?;
        }
        vault.sync()?;
        let before = vault.summary().log_bytes;
        let (mut longest, mut steps) = (Duration::ZERO, 0);
        let begun = Instant::now();
        loop {
            let start = Instant::now();
            let step = vault.compact(kib << 10)?;
            let took = start.elapsed();
            if step == Compaction::Done {
                print(&format!("compact_{kib}_switch_us"), micros(took));
                break;
            }
            longest = longest.max(took);
            steps += 1;
            // The agent does this without holding the lock.
            if let Some(file) = vault.compaction_job() {
                file.sync()?;
            }
        }
        print(&format!("compact_{kib}_step_us"), micros(longest));
        print(&format!("compact_{kib}_steps"), steps);
        print(&format!("compact_{kib}_ms"), begun.elapsed().as_millis());
        print(&format!("compact_{kib}_from_bytes"), before);
        print(
            &format!("compact_{kib}_to_bytes"),
            vault.summary().log_bytes,
        );
    }
    Ok(())
}
