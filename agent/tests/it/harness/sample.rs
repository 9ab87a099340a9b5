//! Files as programs and phones of real life make them: `agent/tests/data/files`.

use std::fs;
use std::path::Path;

/// The bytes of one of them.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/files");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
