//! `openclaw-agent import-baileys`: takes an account over from a Baileys folder, onto a volume without one.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::SystemTime;

use openclaw_state::vault::Vault;
use openclaw_whatsapp::store::{Store, baileys};

use crate::host::volume::{self, KeySource, Open, Place};

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The volume does not open.
    #[error(transparent)]
    Volume(#[from] volume::Error),
    /// The folder gives no account, or the volume has one.
    #[error(transparent)]
    Import(#[from] baileys::Error),
    /// The system gives no runtime.
    #[error("start the runtime")]
    Runtime(#[source] io::Error),
    /// The output is gone; the account was taken over.
    #[error("print the report; the account was taken over")]
    Print(#[source] io::Error),
}

/// The exit codes of both binaries.
const FAILED: u8 = 1;
const REFUSED: u8 = 4;
const BAD_CONFIGURATION: u8 = 64;

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Volume(error @ volume::Error::Locked { .. }) => {
                format!("stop the agent first: {}", error.hint())
            }
            Self::Volume(error) => error.hint(),
            Self::Import(error) => error.hint().to_owned(),
            Self::Runtime(_) => "free some memory, then import again".to_owned(),
            Self::Print(_) => "start the agent: it connects without a new code".to_owned(),
        }
    }

    /// The process' exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        use baileys::Error as Baileys;
        match self {
            Self::Volume(error) if error.is_configuration() => BAD_CONFIGURATION,
            Self::Import(
                Baileys::Occupied(_) | Baileys::InUse | Baileys::Unlinked | Baileys::Unfinished,
            ) => REFUSED,
            _ => FAILED,
        }
    }
}

/// Does it, and prints the report.
pub fn run(
    from: &Path,
    json: bool,
    place: &Place,
    source: &KeySource,
    now: SystemTime,
) -> Result<(), Error> {
    // What is wrong with the folder is said before a store is made.
    baileys::read(from)?;
    let volume = place.claim(now, |holder| eprintln!("waiting for {holder}"))?;
    let Open {
        volume,
        sealed,
        made_key,
        ..
    } = volume.open_or_create(source, now)?;
    if let Some(path) = made_key {
        eprintln!(
            "wrote a new key to {}: keep a copy elsewhere",
            path.display()
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(Error::Runtime)?;
    let (vault, keeper) = Vault::start(sealed, 0);
    let report = runtime.block_on(async {
        let report = baileys::import(from, &Store::new(vault.clone())).await;
        vault.flush().await;
        report
    });
    keeper.stop();
    volume.release();
    let report = report?;
    let text = if json {
        // The report is plain data.
        serde_json::to_string(&report).unwrap_or_default() + "\n"
    } else {
        report.to_string()
    };
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(Error::Print)
}
