//! Writes the manual pages of the programs into a folder, a page for each program and for each of its commands.
//!
//! A package of its own, so that neither program contains it; `scripts/make-man` runs it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use clap::Command;
use clap_mangen::Man;

fn main() -> ExitCode {
    let Some(out) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: openclaw-man FOLDER");
        return ExitCode::from(2);
    };
    match write_all(&out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: write to {}: {error}", out.display());
            ExitCode::FAILURE
        }
    }
}

fn write_all(out: &Path) -> io::Result<()> {
    fs::create_dir_all(out)?;
    write(openclaw_agent::host::command::line(), "8", out)?;
    write(openclawctl::command(), "1", out)
}

/// A page for the program, and one for each of its commands.
fn write(program: Command, section: &str, out: &Path) -> io::Result<()> {
    // What clap adds by itself says nothing.
    let mut program = program.disable_help_subcommand(true);
    // Gives commands their names and the options that hold for all.
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
