//! The binary. Everything is in the library, which the man page generator uses as well.

use std::process::ExitCode;

use openclaw_harden::ZeroOnFree;
use openclaw_harden::process::{Inspection, protect};

/// The libraries that read an import's keys do not wipe them; this allocator wipes all freed memory.
#[global_allocator]
static ALLOCATOR: ZeroOnFree = ZeroOnFree;

fn main() -> ExitCode {
    // A failure is ignored: the client must also work where the platform denies hardening.
    protect(Inspection::Refused);
    openclawctl::main()
}
