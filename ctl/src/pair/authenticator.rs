//! The program of `--experimental-passkey`, which uses the passkey instead of a browser.
//!
//! It is not part of this client, because the WebAuthn clients that exist need C libraries and have other licences
//! (docs/linking.md). It reads the request options from stdin and prints the assertion to stdout, both as JSON; it asks
//! the person on the terminal, or on stderr; an exit code other than 0 is a failure. Both texts are credentials: they
//! are in no error.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep_until};

use super::keyboard::Quiet;
use crate::cli::PairArgs;
use crate::failure::Failure;
use crate::text;

/// More than any assertion has; the agent accepts 64 KiB.
const MAX_OUTPUT_BYTES: usize = 128 * 1024;
/// How long it may take to end after it has closed stdout, and to close stdout after it has ended.
const END_TIMEOUT: Duration = Duration::from_secs(3);
/// The start of the names of this client's own variables.
const OWN_VARIABLES: &[u8] = b"OPENCLAW_";

/// The program, found and executable.
pub(crate) struct Authenticator {
    path: PathBuf,
}

impl Authenticator {
    /// The program that the arguments choose.
    ///
    /// # Errors
    /// It is not there. Reported before a pairing begins.
    pub(crate) fn chosen(args: &PairArgs, json: bool) -> Result<Option<Self>, Failure> {
        let Some(given) = &args.experimental_passkey else {
            return Ok(None);
        };
        if json {
            return Err(Failure::usage(
                "--experimental-passkey asks a person, which --json does not",
            )
            .with_hint("run the program with the options of the frame `passkey`, and give its answer with --assertion FILE"));
        }
        let beside = std::env::current_exe().ok();
        let path = std::env::var_os("PATH").unwrap_or_default();
        match find(given, beside.as_deref().and_then(Path::parent), &path) {
            Some(path) => Ok(Some(Self { path })),
            None => Err(Failure::usage(format!(
                "the program {} was not found",
                text::one_line(&given.to_string_lossy())
            ))
            .with_reason("NO_PASSKEY_PROGRAM")
            .with_hint("build it in the project's source with `cargo install --locked --path passkey` (docs/linking.md), or leave out --experimental-passkey to use a browser")),
        }
    }

    /// The name of its file.
    pub(crate) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        text::one_line(&name.to_string_lossy())
    }

    /// Starts it with these request options. It stays in this process group, which has the terminal.
    pub(crate) fn start(&self, options: String) -> Result<Running, Failure> {
        let name = self.name();
        let failed =
            |error: std::io::Error| Failure::new(format!("{name} cannot be started: {error}"));
        let terminal = Quiet::lent();
        let mut command = Command::new(&self.path);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        for (variable, _) in std::env::vars_os() {
            if variable.as_bytes().starts_with(OWN_VARIABLES) {
                command.env_remove(variable);
            }
        }
        let mut child = command.spawn().map_err(failed)?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new(format!("{name} has no pipes")));
        };
        tokio::spawn(async move {
            // It may end without reading: its exit code decides.
            let _ = stdin.write_all(options.as_bytes()).await;
        });
        Ok(Running {
            name,
            child,
            stdout: Some(stdout),
            status: None,
            limit: None,
            printed: Vec::new(),
            _terminal: terminal,
        })
    }
}

/// The first program of this name: as it is if it has a slash, else next to this one, else in `path`.
fn find(given: &Path, beside: Option<&Path>, path: &OsStr) -> Option<PathBuf> {
    if given.as_os_str().as_bytes().contains(&b'/') {
        return is_program(given).then(|| given.to_owned());
    }
    // A relative entry of PATH depends on the current directory, which others may write to.
    let listed = std::env::split_paths(path).filter(|dir| dir.is_absolute());
    let mut found = beside.map(Path::to_owned).into_iter().chain(listed);
    found.find_map(|dir| Some(dir.join(given)).filter(|path| is_program(path)))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// The program at work. The drop kills it, and then restores the terminal.
pub(crate) struct Running {
    name: String,
    child: Child,
    /// `None` once it is closed.
    stdout: Option<ChildStdout>,
    status: Option<ExitStatus>,
    /// Set when the first of both has happened.
    limit: Option<Instant>,
    printed: Vec<u8>,
    _terminal: Option<Quiet>,
}

impl Running {
    /// Waits for its end, and returns what it printed. Losing the future loses nothing.
    pub(crate) async fn output(&mut self) -> Result<String, Failure> {
        while self.stdout.is_some() || self.status.is_none() {
            let limit = self.limit.unwrap_or_else(Instant::now);
            tokio::select! {
                read = read(self.stdout.as_mut(), &mut self.printed), if self.stdout.is_some() => {
                    if read.map_err(|error| self.failed(&error.to_string()))? == 0 {
                        self.stdout = None;
                    }
                    if self.printed.len() > MAX_OUTPUT_BYTES {
                        return Err(self.failed("printed too much for an answer"));
                    }
                }
                status = self.child.wait(), if self.status.is_none() => {
                    let status = status.map_err(|error| self.failed(&error.to_string()))?;
                    if !status.success() {
                        return Err(self.failed(&why_ended(status)));
                    }
                    self.status = Some(status);
                }
                () = sleep_until(limit), if self.limit.is_some() => {
                    return Err(self.failed(match self.status {
                        None => "closed its output, but did not end",
                        Some(_) => "ended, but a program that it started did not",
                    }));
                }
            }
            if self.stdout.is_none() || self.status.is_some() {
                self.limit
                    .get_or_insert_with(|| Instant::now() + END_TIMEOUT);
            }
        }
        String::from_utf8(std::mem::take(&mut self.printed))
            .map_err(|_| self.failed("printed something that is not UTF-8"))
    }

    fn failed(&self, why: &str) -> Failure {
        Failure::new(format!("{} {why}", self.name)).with_reason("PASSKEY_PROGRAM_FAILED")
    }
}

async fn read(stdout: Option<&mut ChildStdout>, printed: &mut Vec<u8>) -> std::io::Result<usize> {
    match stdout {
        Some(stdout) => stdout.read_buf(printed).await,
        None => Ok(0),
    }
}

fn why_ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(dir: &Path, name: &str, mode: u32) {
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join(name), "").unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_program_is_searched_next_to_this_one_then_in_absolute_entries_of_path() {
        let dir = tempfile::tempdir().unwrap();
        let [beside, bin] = ["beside", "bin"].map(|name| dir.path().join(name));
        program(&beside, "both", 0o755);
        program(&beside, "data", 0o644);
        program(&bin, "both", 0o755);
        program(&bin, "data", 0o755);
        program(&bin, "only", 0o700);
        let path = std::env::join_paths([Path::new("."), Path::new(""), &bin]).unwrap();
        let found = |given: &Path| find(given, Some(&beside), &path);
        assert_eq!(found(Path::new("both")), Some(beside.join("both")));
        assert_eq!(found(Path::new("data")), Some(bin.join("data")));
        assert_eq!(found(Path::new("only")), Some(bin.join("only")));
        assert_eq!(found(Path::new("none")), None);
        assert_eq!(found(Path::new("bin")), None, "a directory");
        assert_eq!(found(&bin.join("only")), Some(bin.join("only")));
        assert_eq!(found(&beside.join("data")), None, "not executable");
        assert_eq!(found(Path::new("./only")), None, "a path is not searched");
    }
}
