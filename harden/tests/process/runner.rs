//! The test program in two modes: as the test runner and, when restarted with a role, as a process under test.
//!
//! The standard harness starts threads before any test, but much of what is tested must happen before the first
//! thread.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Duration;

/// The argument that selects a role instead of the tests.
pub(crate) const ROLE: &str = "--role";

/// Longer than all tests together take on a slow machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(180);

/// A test: its name, and a function that panics on failure.
pub(crate) type Test = (&'static str, fn());

/// A role of a child process: its name, and a function of the remaining arguments.
pub(crate) type Role = (&'static str, fn(&[String]));

/// Runs the role in the arguments, or the tests whose names contain one of the arguments.
pub(crate) fn run(tests: &[Test], roles: &[Role]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mark, role, rest @ ..] = arguments.as_slice()
        && mark == ROLE
    {
        let (_, play) = roles.iter().find(|(name, _)| name == role).expect("a role");
        play(rest);
        return ExitCode::SUCCESS;
    }
    std::thread::spawn(|| {
        std::thread::sleep(TEST_TIMEOUT);
        eprintln!("a test is still running after {TEST_TIMEOUT:?}");
        std::process::abort();
    });
    let filters: Vec<&String> = arguments
        .iter()
        .filter(|text| !text.starts_with('-'))
        .collect();
    let chosen = |name: &str| filters.is_empty() || filters.iter().any(|text| name.contains(*text));
    let mut failed = 0;
    for (name, test) in tests.iter().filter(|(name, _)| chosen(name)) {
        let passed = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += u32::from(!passed);
    }
    println!("{failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
