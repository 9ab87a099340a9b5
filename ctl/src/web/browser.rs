//! The person's own browser.

use std::io::{self, IsTerminal as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use crate::blocking;
use crate::failure::Failure;

/// The program that opens an address in the default browser.
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

/// True if a person at this terminal has a display.
pub(crate) fn is_available() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let has_display = match cfg!(target_os = "macos") {
        true => !is_set("SSH_CONNECTION"),
        false => is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"),
    };
    has_display && io::stdout().is_terminal()
}

/// Opens `address`, which other users of this computer may see in the list of processes: it must work only once.
pub(crate) async fn open(address: &str) -> Result<(), Failure> {
    let mut command = Command::new(OPENER);
    // A browser that is started by it gets neither this terminal nor its Ctrl-C.
    command
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let failed = |why: String| Failure::new(format!("cannot open a browser: {why}"));
    blocking::run(move || {
        let status = command
            .status()
            .map_err(|error| failed(format!("{OPENER}: {error}")))?;
        match status.success() {
            true => Ok(()),
            false => Err(failed(format!("{OPENER} failed"))),
        }
    })
    .await
}
