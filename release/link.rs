//! How the programs are linked: a release has no unwind tables. Their build scripts call it.
//!
//! A release aborts at a panic, so nothing ever unwinds; but the compiler writes the tables of the standard library and of every
//! function all the same, for backtraces: an eighth of the agent. A stripped program has no names for a backtrace, and the log has the
//! place of a panic. `-C force-unwind-tables=no` is no way out: as a flag for all it breaks what is built to run at build time.

use std::env::var;
use std::path::Path;

/// Passes the arguments for the linker to cargo.
pub(crate) fn drop_unwind_tables() {
    let script = Path::new(&var("CARGO_MANIFEST_DIR").expect("set by cargo"))
        .join("../release/no-unwind-tables.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rerun-if-changed=../release/link.rs");
    let is = |name, value| var(name).is_ok_and(|found| found == value);
    // Cargo does not say which profile it builds, or how that panics: other profiles that inherit from `release` unwind. But it
    // builds in target/PROFILE/build/PACKAGE/out.
    let out_dir = var("OUT_DIR").expect("set by cargo");
    let profile = Path::new(&out_dir)
        .ancestors()
        .nth(3)
        .and_then(Path::file_name);
    let is_release = profile.is_some_and(|name| name == "release");
    if is_release && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
        // Needs no other libc than the one that is linked in. With glibc it would need version 2.36 where the program runs.
        if is("CARGO_CFG_TARGET_ENV", "musl") {
            println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
    }
}
