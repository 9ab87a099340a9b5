//! The program: all of it is in the library, which the generator of the manual pages reads as well.

use std::process::ExitCode;

fn main() -> ExitCode {
    openclawctl::main()
}
