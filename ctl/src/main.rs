//! The binary. Everything is in the library, which the man page generator uses as well.

use std::process::ExitCode;

use openclaw_harden::ZeroOnFree;
use openclaw_harden::process::{Inspection, protect_memory};

/// The libraries that read an import's keys do not wipe them; this allocator wipes all freed memory.
#[global_allocator]
static ALLOCATOR: ZeroOnFree = ZeroOnFree;

fn main() -> ExitCode {
    // A failure is ignored: the client must also work where the platform denies hardening.
    // The last switch, which a browser would inherit, is set by the command.
    protect_memory(Inspection::Refused);
    openclawctl::main()
}
