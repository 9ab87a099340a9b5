//! A log that somebody spoilt, or made up, beside what is genuine.

#![no_main]

mod edit;
#[allow(dead_code, reason = "not every target wants all of it")]
mod genuine;
#[allow(dead_code, reason = "not every target wants all of it")]
#[path = "../../vault/tests/tamper/memory.rs"]
mod memory;

use libfuzzer_sys::fuzz_target;
use openclaw_vault::presence;

const NAME: &str = "vault-1.log";

fuzz_target!(|input: &[u8]| {
    let Some((how, rest)) = input.split_first() else {
        return;
    };
    let bytes = if how % 2 == 0 {
        rest.to_vec()
    } else {
        edit::edit(&genuine::folder().read(NAME), rest)
    };
    let disk = genuine::folder().with(NAME, bytes);
    let _ = presence(&disk.copy());
    genuine::open(disk);
});
