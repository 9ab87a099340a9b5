//! The control of `process`: the same program with the usual allocator, where the scan must find what was freed.
//! If it does not, the scan is blind, and what `process` shows is worth nothing.

use std::process::ExitCode;

#[path = "process/child.rs"]
mod child;
#[path = "process/heap.rs"]
mod heap;
#[path = "process/runner.rs"]
mod runner;
#[path = "process/scan.rs"]
mod scan;

fn main() -> ExitCode {
    runner::run(
        &[(
            "without_the_allocator_freed_secrets_stay",
            freed_secrets_stay,
        )],
        &[("heap", heap::role)],
    )
}

fn freed_secrets_stay() {
    let found = heap::look(0x5EC2E7);
    assert!(found.held > 0, "the scan sees nothing at all");
    assert!(found.freed > 0, "the scan does not see what was freed");
    println!("held {}, freed {}", found.held, found.freed);
}
