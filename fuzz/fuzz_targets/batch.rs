//! The changes in a frame: whatever decodes must encode to the same bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_vault::{Batch, Ops};

fuzz_target!(|bytes: &[u8]| {
    let mut batch = Batch::new();
    for op in Ops::new(bytes) {
        let Ok((at, length, op)) = op else {
            return;
        };
        assert_eq!(batch.push(op), (at, length));
    }
    assert_eq!(batch.len(), bytes.len());
});
