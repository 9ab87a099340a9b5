//! Tests of whole hardened processes, observed from outside: they check what the kernel shows.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

mod agent;
mod child;
mod environment;
mod heap;
mod memory;
mod privileges;
mod protection;
mod runner;
mod sandbox;
mod scan;

#[global_allocator]
static ALLOCATOR: openclaw_harden::ZeroOnFree = openclaw_harden::ZeroOnFree;

macro_rules! named {
    ($($module:ident::$test:ident),* $(,)?) => {
        &[$((stringify!($test), $module::$test)),*]
    };
}

fn main() -> ExitCode {
    let tests: &[runner::Test] = named![
        memory::freed_secrets_are_wiped,
        memory::scrubbed_stacks_have_no_secrets,
        memory::a_locked_key_exists_once_and_is_then_wiped,
        environment::secrets_leave_the_environment_and_can_be_read_in_every_image,
        environment::a_stale_or_planted_descriptor_is_an_error_and_is_not_read,
        environment::a_value_replaces_that_of_an_earlier_image,
        environment::an_empty_variable_counts_as_unset,
        environment::a_value_too_long_is_an_error,
        protection::no_core_file_and_no_new_privileges,
        protection::other_processes_of_the_same_user_cannot_inspect_it,
        privileges::the_first_process_of_a_container_drops_privileges,
        privileges::on_a_host_auto_does_nothing_and_an_identity_is_applied,
        privileges::a_missing_directory_is_created_for_the_new_user,
        privileges::incomplete_drops_are_refused,
        sandbox::only_what_was_allowed_works_in_every_image,
        sandbox::a_report_without_a_sandbox_is_not_trusted,
        sandbox::with_other_threads_only_the_calls_layer_is_applied,
        agent::all_steps_together_work_in_every_image,
    ];
    let roles: &[runner::Role] = &[
        ("heap", heap::role),
        ("stack", memory::stack_role),
        ("page", memory::page_role),
        ("environment", environment::role),
        ("descriptors", environment::descriptors_role),
        ("protection", protection::role),
        ("peek", protection::peek_role),
        ("privileges", privileges::role),
        ("sandbox", sandbox::role),
        ("nothing", sandbox::nothing_role),
        ("threads", sandbox::threads_role),
        ("agent", agent::role),
    ];
    runner::run(tests, roles)
}

/// True for root; otherwise prints that the test is skipped.
fn root() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        eprintln!("SKIPPED: not root");
    }
    root
}

/// A command that runs as the first process of a new PID namespace, as in a container. `None`, with a message, if
/// that is not permitted.
fn first_process(program: &Path) -> Option<Command> {
    let unshare = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--pid", "--fork", "--kill-child"]);
        unshare
    };
    if !root() {
        return None;
    }
    if !unshare()
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("SKIPPED: no PID namespace can be created here");
        return None;
    }
    let mut command = unshare();
    command.arg(program);
    Some(command)
}

/// A copy of this program in a place where any user can start it.
struct Reachable {
    folder: tempfile::TempDir,
}

impl Reachable {
    fn copy() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("set");
        let copy = Self { folder };
        let program = std::env::current_exe().expect("this program");
        fs::copy(program, copy.path()).expect("copied");
        copy
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    fn command(&self, role: &str) -> Command {
        let mut command = Command::new(self.path());
        command.args([runner::ROLE, role]);
        command
    }

    fn dir(&self) -> &Path {
        self.folder.path()
    }
}
