//! Rules files given to the real binary: it refuses every file that it cannot apply exactly as written.

use std::fs;
use std::path::Path;

use super::start_refused;

/// One file per kind of mistake and level; the unit tests read all of them.
const KINDS: [&str; 12] = [
    "include-at-the-top",
    "include-under-channels",
    "include-under-whatsapp",
    "unknown-at-the-top",
    "unknown-channel",
    "unknown-under-whatsapp",
    "group-with-its-own-list",
    "merge-key-under-whatsapp",
    "alias-for-a-list",
    "tag-on-a-list",
    "second-document",
    "key-twice",
];

#[tokio::test]
async fn a_file_that_cannot_be_applied_refuses_the_start_and_names_the_line() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../state/tests/corpus/openclaw-yml");
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let text = fs::read_to_string(corpus.join(format!("refused-{kind}.yml"))).unwrap();
        let expected = text.lines().next().unwrap().strip_prefix("# refused: ");
        let (line, _) = expected.unwrap().split_once(": ").unwrap();
        let file = folder.path().join(format!("{kind}.yml"));
        fs::write(&file, &text).unwrap();
        let error = start_refused(&file).await;
        let place = format!("{}: {line}: ", file.display());
        assert!(error.contains(&place), "{kind}: {error}");
    }
}
