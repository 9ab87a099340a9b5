//! Replacing the process image by a fresh one of the same program.
//!
//! The only step that takes a secret's every copy with it, registers and all threads' stacks included: the
//! kernel gives the new image an empty address space. The process keeps its id, its arguments, its
//! environment, its sandbox, and no descriptor but the standard three and the held secrets (the standard library
//! and tokio open everything close-on-exec).

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::environment::Secrets;
use crate::sandbox;

/// The program that runs, whatever happened to its name.
const SELF: &str = "/proc/self/exe";

/// Why the image could not be replaced; the process continues as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program is not to be found; `/proc` may not be mounted.
    #[error("cannot replace the process image: the program's path is unknown")]
    NoProgram(#[source] io::Error),
    /// The secrets could not be marked for the next image.
    #[error("cannot replace the process image: passing on the secrets failed")]
    Secrets(#[source] io::Error),
    /// The kernel refused.
    #[error("cannot replace the process image: starting {} failed", program.display())]
    Exec {
        /// What was started.
        program: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Starts this program again in this process, with the same arguments, environment and `secrets`.
///
/// Returns only when that failed. Nothing is dropped and no other thread is joined: what must be on disk must be
/// there before the call.
#[must_use = "the image was not replaced if this returns"]
pub fn replace_process(secrets: &Secrets) -> Error {
    let program = match program() {
        Ok(program) => program,
        Err(error) => return Error::NoProgram(error),
    };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(&program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| !secrets.owns(name)));
    command.envs(secrets.variables());
    command.envs(sandbox::variable());
    if let Err(error) = secrets.inherit(true) {
        return Error::Secrets(error);
    }
    let source = command.exec();
    // The process continues; what it starts must not inherit the secrets.
    match secrets.inherit(false) {
        Ok(()) => Error::Exec { program, source },
        Err(error) => Error::Secrets(error),
    }
}

/// By its name as long as that still is this very program, so that process lists show it; else by the kernel's
/// link, which works for a program that was deleted or upgraded meanwhile.
fn program() -> io::Result<PathBuf> {
    let named = std::env::current_exe();
    let Ok(running) = std::fs::metadata(SELF) else {
        return named;
    };
    let same = |path: &PathBuf| {
        std::fs::metadata(path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (running.dev(), running.ino()))
    };
    Ok(named.ok().filter(same).unwrap_or_else(|| SELF.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_named_by_its_path_while_that_is_right() {
        let program = program().expect("found");
        assert_eq!(program, std::env::current_exe().expect("named"));
    }
}
