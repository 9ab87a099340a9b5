//! Keeps the agent's time across restarts, and detects steps of the system's clock. See `docs/time.md`.

use std::fs;
use std::time::Duration;

use openclaw_state::clock::{self, Mark, Resumed, Steps};
use openclaw_state::vault::{Tables, Vault};
use openclaw_vault::{Batch, Key};

/// How often the system's clock is checked.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How many checks per stored mark. A killed process loses nothing by that, unless the machine also reboots with
/// another clock setting.
const LOOKS_PER_SAVE: u32 = 720;
/// Identifies the current boot of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The task that keeps the time.
#[derive(Debug)]
pub struct Timekeeper {
    vault: Vault,
    boot: String,
}

impl Timekeeper {
    /// Continues from the time that the last process stored. Call it before anything is timed.
    #[must_use]
    pub fn open(vault: Vault) -> (Self, Resumed) {
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default();
        let boot = boot.trim().to_owned();
        let mark = vault.load(key());
        let mark = mark.and_then(|bytes| ciborium::from_reader::<Mark, _>(bytes.as_slice()).ok());
        let resumed = mark.map_or_else(Resumed::default, |mark| clock::resume(&mark, &boot));
        if resumed.uncertain {
            tracing::warn!(
                uncounted_seconds = resumed.uncounted.as_secs(),
                "system clock disagrees with the saved time"
            );
        }
        (Self { vault, boot }, resumed)
    }

    /// Runs until it is dropped.
    pub async fn run(self) {
        let mut seen = Steps::default();
        let mut looks = 0_u32;
        loop {
            let steps = clock::steps();
            if looks.is_multiple_of(LOOKS_PER_SAVE) || steps != seen {
                self.keep();
                seen = steps;
            }
            looks = looks.wrapping_add(1);
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    fn keep(&self) {
        let mut bytes = Vec::new();
        let mark = clock::mark(&self.boot);
        ciborium::into_writer(&mark, &mut bytes).expect("numbers and strings can be encoded");
        let mut batch = Batch::new();
        batch.put(key(), &bytes);
        self.vault.write(&batch);
    }
}

fn key() -> Key<'static> {
    Key::new(Tables::CLOCK, "", "")
}
