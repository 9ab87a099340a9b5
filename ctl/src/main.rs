//! The program: all of it is in the library, which the generator of the manual pages reads as well.

use std::process::ExitCode;

use openclaw_harden::ZeroOnFree;
use openclaw_harden::process::{Inspection, protect};

/// What reads the keys of an import wipes none of them; this wipes whatever is freed.
#[global_allocator]
static ALLOCATOR: ZeroOnFree = ZeroOnFree;

fn main() -> ExitCode {
    // What cannot be had is not missed: a client needs no permission that an agent's host may withhold.
    protect(Inspection::Refused);
    openclawctl::main()
}
