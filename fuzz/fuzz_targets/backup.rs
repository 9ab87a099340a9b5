//! A corrupted or forged backup.

#![no_main]

mod edit;
#[allow(dead_code, reason = "not every target uses all of it")]
mod genuine;
#[allow(dead_code, reason = "not every target uses all of it")]
#[path = "../../vault/tests/tamper/memory.rs"]
mod memory;

use libfuzzer_sys::fuzz_target;
use openclaw_vault::{Error, Reader};

fn read(bytes: &[u8]) -> Result<u64, Error> {
    let mut reader = Reader::open(bytes, &genuine::secret())?;
    while reader.next(|_| Ok(()))? {}
    Ok(reader.changes())
}

fuzz_target!(|input: &[u8]| {
    let Some((how, rest)) = input.split_first() else {
        return;
    };
    if how % 2 == 0 {
        assert!(read(rest).is_err(), "a forged backup was accepted");
    } else {
        let edited = edit::edit(genuine::backup(), rest);
        let whole = edited == genuine::backup();
        assert_eq!(
            read(&edited).is_ok(),
            whole,
            "a corrupted backup was accepted"
        );
    }
});
