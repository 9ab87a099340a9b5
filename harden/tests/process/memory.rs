//! What another process can find of a secret in memory.

use std::fs;
use std::hint::black_box;

use openclaw_harden::{LockedKey, scrub_stack};

use super::child::{Child, command, step};
use super::heap;
use super::scan::{LENGTH, halves_in, write_secret};

/// `control.rs` shows what the same scan finds without the allocator.
pub(crate) fn freed_secrets_are_wiped() {
    let found = heap::look(0xF4EE);
    assert!(found.held > 0, "the scan finds nothing at all");
    assert_eq!(found.freed, 0);
}

/// Writes a secret into many frames that then return.
#[inline(never)]
fn deep(number: u64, levels: usize) -> u8 {
    let mut frame = [0; 1024];
    write_secret(number, &mut frame[512..512 + LENGTH]);
    black_box(&mut frame);
    let below = if levels > 0 {
        deep(number, levels - 1)
    } else {
        0
    };
    black_box(&frame)[0] ^ below
}

/// Leaves secrets on the stack of this thread, then scrubs it.
pub(crate) fn stack_role(arguments: &[String]) {
    let number = arguments[0].parse().expect("a number");
    let work = move || {
        // The first call looks up the end of the stack. The second follows calls deeper than the wiped part and
        // deeper than the returned one.
        scrub_stack();
        black_box(deep(number, 250));
        step("returned");
        scrub_stack();
        step("scrubbed");
    };
    match arguments[1].as_str() {
        "main" => work(),
        _ => std::thread::spawn(work).join().expect("it ends"),
    }
}

pub(crate) fn scrubbed_stacks_have_no_secrets() {
    for thread in ["main", "other"] {
        let number = 0x57AC4;
        let mut child = Child::start(command("stack").args([&number.to_string(), thread]));
        child.expect("returned");
        let left = halves_in(child.id(), number);
        assert!(
            left > 20,
            "{thread}: {left}, so the scan does not cover the stack"
        );
        child.resume();
        child.expect("scrubbed");
        assert_eq!(halves_in(child.id(), number), 0, "{thread}");
    }
}

/// Holds a key on a page of its own.
pub(crate) fn page_role(arguments: &[String]) {
    let number = arguments[0].parse().expect("a number");
    let key = LockedKey::new(|place| write_secret(number, place)).expect("a page");
    step(if key.is_locked() {
        "locked"
    } else {
        "not locked"
    });
    drop(key);
    step("dropped");
}

pub(crate) fn a_locked_key_exists_once_and_is_then_wiped() {
    let number = 0x1C4ED;
    let mut child = Child::start(command("page").arg(number.to_string()));
    let locked = child.line();
    assert_eq!(halves_in(child.id(), number), 2, "one copy, two halves");
    let flags = flags_of_locked_regions(child.id());
    if locked == "locked" {
        assert_eq!(flags.len(), 1, "{flags:?}");
        // Locked, not dumped, wiped on fork.
        for flag in ["lo", "dd", "wf"] {
            assert!(flags[0].contains(&flag.to_owned()), "{flag}: {flags:?}");
        }
    } else {
        eprintln!("SKIPPED: no memory may be locked here");
    }
    child.resume();
    child.expect("dropped");
    assert_eq!(halves_in(child.id(), number), 0);
    assert!(flags_of_locked_regions(child.id()).is_empty());
}

fn flags_of_locked_regions(pid: u32) -> Vec<Vec<String>> {
    let regions = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("readable");
    let flags = regions
        .lines()
        .filter_map(|line| line.strip_prefix("VmFlags:"));
    flags
        .map(|flags| flags.split_ascii_whitespace().map(str::to_owned).collect())
        .filter(|flags: &Vec<String>| flags.contains(&"lo".to_owned()))
        .collect()
}
