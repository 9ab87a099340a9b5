//! A header that someone spoilt, or made up, together with what is genuine.

#![no_main]

mod edit;
#[allow(dead_code, reason = "not every target wants all of it")]
mod genuine;
#[allow(dead_code, reason = "not every target wants all of it")]
#[path = "../../vault/tests/tamper/memory.rs"]
mod memory;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| genuine::open_with("vault.hdr", input));
