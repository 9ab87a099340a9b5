//! Records every nonce in the bytes that are written, and checks that none is used for two different frames.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

const HEAD: usize = 9;
const TAG: usize = 16;
const SALT: usize = 32;
const HEADER: usize = 4096;

/// For each salt and counter, a hash of what was sealed with them.
#[derive(Default)]
pub(crate) struct Ledger(HashMap<([u8; SALT], u32), u64>);

impl Ledger {
    /// Records a frame that is written in one call; `salt` is that of the last epoch in the same file.
    pub(crate) fn note(&mut self, salt: &mut Option<[u8; SALT]>, bytes: &[u8]) {
        let (frame, rest) = frame(bytes).expect("a log is written frame by frame");
        assert!(rest.is_empty(), "more than one frame");
        self.note_frame(salt, frame);
    }

    /// Records the frames of a backup, which may be truncated.
    pub(crate) fn note_all(&mut self, bytes: &[u8]) {
        let mut salt = None;
        let mut rest = bytes.get(HEADER..).unwrap_or_default();
        while let Some((next, after)) = frame(rest) {
            self.note_frame(&mut salt, next);
            rest = after;
        }
    }

    fn note_frame(&mut self, salt: &mut Option<[u8; SALT]>, frame: &[u8]) {
        if frame[0] == 1 {
            *salt = frame[HEAD..].first_chunk().copied();
        }
        let salt = salt.expect("an epoch comes first");
        let counter = frame[5..].first_chunk().copied().map(u32::from_le_bytes);
        let counter = counter.expect("a head has nine bytes");
        let mut hasher = DefaultHasher::new();
        frame.hash(&mut hasher);
        let sealed = hasher.finish();
        let before = self.0.insert((salt, counter), sealed);
        assert!(
            before.is_none_or(|before| before == sealed),
            "a nonce was used twice"
        );
    }
}

fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = bytes.get(1..5)?.first_chunk().copied()?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    bytes.split_at_checked(HEAD + length + TAG)
}
