//! A file of a gateway's auth directory, parsed as every type of file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_whatsapp::store::baileys;

fuzz_target!(|bytes: &[u8]| baileys::read_as_every_kind(bytes));
