//! Writes the manual pages of the programs into a directory: a page for each program and for each of its commands.
//!
//! A separate package, so that neither program contains this code; `scripts/make-man` runs it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use clap::Command;
use clap_mangen::Man;

fn main() -> ExitCode {
    let Some(out) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: openclaw-man DIRECTORY");
        return ExitCode::from(2);
    };
    match write_all(&out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot write to {}: {error}", out.display());
            ExitCode::FAILURE
        }
    }
}

fn write_all(out: &Path) -> io::Result<()> {
    fs::create_dir_all(out)?;
    write(openclaw_agent::host::command::line(), "8", out)?;
    write(openclaw_relay::cli::command(), "8", out)?;
    write(openclawctl::command(), "1", out)
}

/// Writes a page for the program, and one for each of its commands.
fn write(program: Command, section: &str, out: &Path) -> io::Result<()> {
    // The page of clap's own `help` command contains nothing useful.
    let mut program = program.disable_help_subcommand(true);
    // Sets the full names of commands, and adds global options to them.
    program.build();
    write_built(&program, section, out)
}

fn write_built(command: &Command, section: &str, out: &Path) -> io::Result<()> {
    let man = Man::new(command.clone())
        .section(section)
        .manual("OpenClaw");
    man.generate_to(out)?;
    let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
    shown
        .into_iter()
        .try_for_each(|command| write_built(command, section, out))
}
