//! A corrupted or forged header next to an authentic log.

#![no_main]

mod edit;
#[allow(dead_code, reason = "not every target uses all of it")]
mod genuine;
#[allow(dead_code, reason = "not every target uses all of it")]
#[path = "../../vault/tests/tamper/memory.rs"]
mod memory;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| genuine::open_with("vault.hdr", input));
