//! The process-wide switches, as seen by the kernel and by another process of the same user.

use std::fs;
use std::os::unix::process::CommandExt as _;

use openclaw_harden::process::{Inspection, protect};

use super::child::{Child, command, print_line, step};

const OTHER_USER: u32 = 65532;

/// Protects itself according to the argument.
pub(crate) fn role(arguments: &[String]) {
    let inspection = match arguments[0].as_str() {
        "allowed" => Inspection::Allowed,
        _ => Inspection::Refused,
    };
    step(&protect(inspection).to_string());
}

/// Tries to read the initial environment of the process with this id.
pub(crate) fn peek_role(arguments: &[String]) {
    let read = fs::read(format!("/proc/{}/environ", arguments[0]));
    match read {
        Ok(_) => print_line("read"),
        Err(error) => print_line(&error.kind().to_string()),
    }
}

pub(crate) fn no_core_file_and_no_new_privileges() {
    let mut child = Child::start(command("protection").arg("refused"));
    child.expect("not dumpable: yes, no core file: yes, no new privileges: yes");
    let read = |file| fs::read_to_string(format!("/proc/{}/{file}", child.id())).expect("readable");
    let limits = read("limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = core.expect("a limit").split_ascii_whitespace().collect();
    assert_eq!(words, ["Max", "core", "file", "size", "0", "0", "bytes"]);
    assert!(read("status").contains("NoNewPrivs:\t1\n"));
}

pub(crate) fn other_processes_of_the_same_user_cannot_inspect_it() {
    if !super::root() {
        return;
    }
    let program = super::Reachable::copy();
    let peek = |pid: u32| {
        let mut peek = program.command("peek");
        Child::start(peek.arg(pid.to_string()).uid(OTHER_USER)).line()
    };
    let start = |inspection| {
        let mut role = program.command("protection");
        let mut child = Child::start(role.arg(inspection).uid(OTHER_USER));
        child.line();
        child
    };
    // The same attempt, without protection and with it.
    assert_eq!(peek(start("allowed").id()), "read");
    assert_eq!(peek(start("refused").id()), "permission denied");
}
