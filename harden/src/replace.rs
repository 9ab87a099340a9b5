//! Replaces the process image with a new one of the same program.
//!
//! This is the only operation that removes every copy of a secret, including registers and all threads' stacks: the
//! kernel gives the new image an empty address space. The process keeps its id, arguments, environment and sandbox,
//! but no descriptors except the standard three and the held secrets (the standard library and tokio open everything
//! close-on-exec).

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::environment::Secrets;
use crate::sandbox;

/// The running program, even if its file was renamed or deleted.
const SELF: &str = "/proc/self/exe";

/// Why the image was not replaced. The process continues unchanged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program was not found; `/proc` may not be mounted.
    #[error("cannot replace the process image: the program's path is unknown")]
    NoProgram(#[source] io::Error),
    /// The secrets could not be marked for inheritance.
    #[error("cannot replace the process image: passing on the secrets failed")]
    Secrets(#[source] io::Error),
    /// The exec failed.
    #[error("cannot replace the process image: starting {} failed", program.display())]
    Exec {
        /// The path of the program.
        program: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Restarts this program in this process, with the same arguments, environment and `secrets`.
///
/// Returns only on failure. Nothing is dropped and no thread is joined: make everything durable before the call.
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
    // The process continues; its children must not inherit the secrets.
    match secrets.inherit(false) {
        Ok(()) => Error::Exec { program, source },
        Err(error) => Error::Secrets(error),
    }
}

/// The program's path if it is still the running program, so that process lists show it; otherwise the kernel's link,
/// which also works for a program that was deleted or upgraded.
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
    fn the_program_path_is_used_while_it_is_current() {
        let program = program().expect("found");
        assert_eq!(program, std::env::current_exe().expect("named"));
    }
}
