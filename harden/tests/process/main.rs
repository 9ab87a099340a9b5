//! Whole processes, hardened, and looked at from outside: what the kernel shows, not what the code says.

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
        memory::freed_secrets_are_gone,
        memory::scrubbed_stacks_hold_nothing,
        memory::a_locked_key_is_there_once_and_then_gone,
        environment::secrets_leave_the_environment_and_can_be_read_in_every_image,
        environment::a_stale_or_planted_descriptor_is_an_error_and_is_not_read,
        environment::a_value_replaces_what_an_earlier_image_left,
        environment::a_variable_set_to_nothing_is_not_set,
        environment::a_value_too_long_is_an_error,
        protection::no_core_file_and_no_new_privileges,
        protection::others_of_the_same_user_cannot_look_inside,
        privileges::the_first_process_of_a_container_becomes_nobody,
        privileges::on_a_host_auto_stays_and_an_identity_is_taken,
        privileges::a_folder_that_is_missing_is_made_for_the_new_user,
        privileges::half_measures_are_refused,
        sandbox::inside_only_what_was_named_works_in_every_image,
        sandbox::words_without_a_sandbox_are_not_believed,
        sandbox::beside_other_threads_files_are_left_out_and_calls_are_not,
        agent::all_of_it_together_holds_in_every_image,
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

/// Whether this is root; else says loudly that a test proves nothing here.
fn root() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        eprintln!("SKIPPED: not root");
    }
    root
}

/// A command that is the first process of a process name space of its own, as in a container; or none, and
/// that is said loudly, where that is not allowed.
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
        eprintln!("SKIPPED: no process name space can be made here");
        return None;
    }
    let mut command = unshare();
    command.arg(program);
    Some(command)
}

/// A copy of this program where any user can start it.
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
