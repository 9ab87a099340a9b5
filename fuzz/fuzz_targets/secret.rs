//! Key texts as people and platforms enter them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_vault::{Key32, Secret};

fuzz_target!(|text: &str| {
    let _ = Secret::parse_passphrase(text);
    if let Ok(Secret::Raw(key)) = Secret::parse_key(text) {
        let again = Secret::parse_key(&Key32::to_text(&key));
        assert!(again.is_ok_and(|again| matches!(again, Secret::Raw(again) if *again == *key)));
    }
});
