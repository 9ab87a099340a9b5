//! The control for `process`: the same program with the default allocator, where the scan must find freed secrets. If
//! it does not, the scan does not work, and the results of `process` prove nothing.

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
            freed_secrets_stay_in_memory,
        )],
        &[("heap", heap::role)],
    )
}

fn freed_secrets_stay_in_memory() {
    let found = heap::look(0x5EC2E7);
    assert!(found.held > 0, "the scan finds nothing at all");
    assert!(found.freed > 0, "the scan does not find freed secrets");
    println!("held {}, freed {}", found.held, found.freed);
}
