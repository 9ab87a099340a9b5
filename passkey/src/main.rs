//! `openclaw-passkey`: uses a passkey of WhatsApp for `openclawctl pair --experimental-passkey`.
//!
//! Reads the request options from stdin until its end, and prints the assertion to stdout, both as JSON. Everything for the
//! person is on stderr and on the terminal. Exit codes: 0 for an assertion, 2 for an invalid request, 1 for the rest.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use libwebauthn::ops::webauthn::GetAssertionRequest;
use openclaw_passkey::terminal::note;
use openclaw_passkey::{Error, key, phone, request};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// WhatsApp's limit of a ceremony.
const TIMEOUT: Duration = Duration::from_secs(600);
const MAX_REQUEST_BYTES: u64 = 64 << 10;

fn main() -> ExitCode {
    if std::env::args_os().len() > 1 {
        note("usage: openclaw-passkey <OPTIONS.json >ASSERTION.json");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            note(&format!("error: cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let made = runtime.block_on(run());
    // A read of a key may still block.
    runtime.shutdown_background();
    match made {
        Ok(json) => match writeln!(std::io::stdout().lock(), "{json}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            note(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run() -> Result<String, Error> {
    let mut options = Zeroizing::new(String::new());
    let read = std::io::stdin()
        .take(MAX_REQUEST_BYTES)
        .read_to_string(&mut options);
    read.map_err(|_| Error::Request)?;
    let request = request::read(&options).await?;
    tokio::select! {
        made = timeout(TIMEOUT, any(&request)) => made.unwrap_or(Err(Error::Timeout)),
        () = stopped() => Err(Error::Stopped),
    }
}

/// The first of a phone and the keys. What fails on one side leaves the other one.
async fn any(request: &GetAssertionRequest) -> Result<String, Error> {
    let waits = Cell::new(phone::is_available().await);
    let mut keys = std::pin::pin!(key::any(request, &waits));
    if !waits.get() {
        note("There is no Bluetooth adapter, so only a security key can be asked.");
        return keys.await;
    }
    note("A USB security key that has the passkey can be used as well: plug it in.");
    tokio::select! {
        made = &mut keys => made,
        made = phone::any(request) => match made {
            Ok(json) => Ok(json),
            Err(error) => {
                note(&error.to_string());
                waits.set(false);
                keys.await
            }
        },
    }
}

/// Ends in order, so that the terminal is restored.
async fn stopped() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate)] = kinds else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
