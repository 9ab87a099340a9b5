//! `import baileys`: imports the account of a Baileys gateway into an agent that has none.
//!
//! The gateway's directory is read into memory and sent to the agent like a backup, encrypted with a key that is
//! generated for this call. Nothing is written to this machine, and the agent changes nothing before all data has
//! arrived.

use std::error::Error as _;
use std::path::{Path, PathBuf};

use openclaw_proto::v1::{RestoreResponse, StatusRequest};
use openclaw_vault::{Key32, Secret};
use openclaw_whatsapp::store::Store;
use openclaw_whatsapp::store::baileys::{self, Error, Report};
use serde::Serialize;

use crate::address::Address;
use crate::cli::BaileysArgs;
use crate::failure::{Exit, Failure};
use crate::render::size::count;
use crate::restore::{deliver, has_none};
use crate::rollback::check::RollbackCheck;
use crate::stop::Stops;
use crate::{blocking, client, clock, console};

const NEXT: &str = "next: the phone need not scan again, `openclawctl status` shows the connection; delete the directory once it is connected";

#[derive(Serialize)]
struct Json<'a> {
    imported: bool,
    #[serde(flatten)]
    report: &'a Report,
}

/// The data to send, and the secret that opens it.
struct Upload {
    report: Report,
    secret: Secret,
    bytes: Vec<u8>,
}

/// Runs the import. Exit code 0 means that the agent has stored the account durably.
pub(crate) async fn run(
    address: &Address,
    args: &BaileysArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let mut stops = Stops::listen()?;
    let stopped = || {
        Failure::new("stopped before the agent confirmed the import")
            .with_reason("STOPPED")
            .with_hint("`openclawctl status` shows whether it was completed")
    };
    // Problems of the directory are reported without contacting an agent.
    let Upload {
        report,
        secret,
        bytes,
    } = stops.or(stopped, packed(&args.dir)).await?;
    let (mut admin, mut agent) = client::admin(address).await?;
    let send = async {
        let status = client::answer(address, agent.status(StatusRequest {})).await?;
        has_none(&status.link.unwrap_or_default(), "import")?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        deliver(&mut admin, &secret, bytes.as_slice(), size, json).await
    };
    let restored = stops.or(stopped, send).await?;
    taken_for_a_backup(&restored)?;
    if json {
        let imported = true;
        console::report_json(&Json {
            imported,
            report: &report,
        });
    } else {
        console::report(report.to_string().trim_end());
        console::note(NEXT);
    }
    RollbackCheck::new(json).look(&mut agent).await;
    Ok(Exit::Done)
}

/// A handover is restored completely. An agent that is too old for handovers treats it as a backup, and drops keys that
/// must not be used twice.
fn taken_for_a_backup(restored: &RestoreResponse) -> Result<(), Failure> {
    let sessions = restored.sessions_dropped;
    let sender_keys = restored.sender_keys_dropped;
    if (sessions, sender_keys) == (0, 0) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the agent has the account, but handled the import as a backup: it did not restore {} and {}",
        count(sessions, "session"),
        count(sender_keys, "sender key"),
    ))
    .with_reason("AGENT_TOO_OLD")
    .with_hint("the agent is older than this openclawctl: update it; do not import again and do not start the gateway again, it makes new sessions as messages are exchanged")
    .with_exit(Exit::Refused))
}

/// Reads the directory, and reports what an import would transfer. Contacts no agent.
pub(crate) async fn check(args: &BaileysArgs, json: bool) -> Result<Exit, Failure> {
    let mut stops = Stops::listen()?;
    let dir = args.dir.clone();
    let read = blocking::run(move || Ok(read(&dir)?.0));
    let stopped = || Failure::new("stopped before it was complete").with_reason("STOPPED");
    let report = stops.or(stopped, read).await?;
    if json {
        let imported = false;
        console::json(&Json {
            imported,
            report: &report,
        })?;
    } else {
        console::write(&report.checked().to_string())?;
    }
    Ok(Exit::Done)
}

/// The content of the directory, read on its own thread.
async fn packed(dir: &Path) -> Result<Upload, Failure> {
    let dir = PathBuf::from(dir);
    let now = u64::try_from(clock::now().seconds).unwrap_or_default();
    blocking::run(move || {
        let (report, store) = read(&dir)?;
        let random = Key32::random();
        let secret = Secret::Raw(random.map_err(|error| Failure::new(error.to_string()))?);
        let bytes = store.hand_over(&secret, now);
        Ok(Upload {
            report,
            secret,
            bytes: bytes
                .map_err(|error| Failure::new(format!("cannot encrypt the account: {error}")))?,
        })
    })
    .await
}

/// Reads the directory. Blocks.
fn read(dir: &Path) -> Result<(Report, Store), Failure> {
    let store = Store::in_memory();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))?;
    let report = runtime.block_on(baileys::import(dir, &store));
    Ok((report.map_err(|error| failure(&error))?, store))
}

/// The failure for the directory, with the next step.
fn failure(error: &Error) -> Failure {
    let (exit, reason) = match error {
        Error::Open { .. }
        | Error::NotAFolder { .. }
        | Error::Empty { .. }
        | Error::Below { .. }
        | Error::Foreign { .. }
        | Error::NotFound { .. }
        | Error::SeveralAccounts(_)
        | Error::TooManyFiles => (Exit::Usage, "NOT_A_BAILEYS_DIRECTORY"),
        Error::InUse => (Exit::Refused, "DIRECTORY_IN_USE"),
        Error::Unlinked | Error::Unfinished => (Exit::Refused, "NOT_LINKED"),
        Error::Occupied(_) => (Exit::Refused, "ALREADY_LINKED"),
        Error::Damaged { .. } => (Exit::Failed, "CREDENTIALS_DAMAGED"),
        Error::NotAFile { .. } | Error::Unreadable { .. } | Error::Store(_) => (Exit::Failed, ""),
    };
    let cause = error.source();
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::new(format!("{error}{cause}"))
        .with_exit(exit)
        .with_reason(reason)
        .with_hint(error.hint())
}
