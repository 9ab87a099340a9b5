//! Detects a directory with foreign files and no store: a mistyped path, such as `/etc`. Using it as the volume would
//! give it to the agent's user.

use std::fs;
use std::path::Path;

/// The prefixes of a store's files.
const OURS: [&str; 3] = ["vault.hdr", "vault-", "journal-"];
/// The agent's lock file, and files that file systems, platforms and people put into an empty volume. A rules file is
/// also accepted; whether it is read is decided elsewhere.
const HARMLESS: [&str; 13] = [
    "lock",
    "uploads",
    "lost+found",
    ".snapshot",
    ".snapshots",
    ".gitkeep",
    ".gitignore",
    ".keep",
    ".DS_Store",
    "openclaw.yml",
    "openclaw.yaml",
    "openclaw.json",
    "openclaw.json5",
];
/// Longer names are truncated in messages.
const MAX_SHOWN_CHARS: usize = 40;

/// The first foreign file in `dir`, if it contains no part of a store.
pub(super) fn first_in(dir: &Path) -> Option<String> {
    let entries = fs::read_dir(dir).ok()?;
    let mut first: Option<String> = None;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if OURS.iter().any(|ours| name.starts_with(ours)) {
            return None;
        }
        let is_before = first.as_deref().is_none_or(|first| *name < *first);
        if is_before && !HARMLESS.contains(&&*name) {
            first = Some(name.into_owned());
        }
    }
    // Control characters are removed, and digits masked: they may be a phone number.
    let shown = |name: String| {
        let plain = name.chars().filter(|c| !c.is_control());
        let plain = plain.map(|c| if c.is_ascii_digit() { 'N' } else { c });
        plain.take(MAX_SHOWN_CHARS).collect()
    };
    first.map(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        first_in(dir.path())
    }

    #[test]
    fn a_directory_with_foreign_files_is_refused() {
        for (names, first) in [
            (&["passwd", "hosts"][..], "hosts"),
            (&[".bashrc"], ".bashrc"),
            (&["lost+found", "creds.json"], "creds.json"),
            (&["session-15550100002.json"], "session-NNNNNNNNNNN.json"),
            (&["openclaw.yml", "data.db"], "data.db"),
            (&["lock", "log", "spool"], "log"),
            (&["vault.d", "passwd"], "passwd"),
        ] {
            assert_eq!(folder(names).as_deref(), Some(first), "{names:?}");
        }
    }

    #[test]
    fn an_empty_directory_and_one_with_a_store_are_accepted() {
        for names in [
            &[][..],
            &["lost+found"],
            &["lost+found", ".gitkeep", "openclaw.yml"],
            &["vault.hdr", "copy of mine"],
            &["vault.hdr.new"],
            &["vault-1.log", "notes"],
            &["journal-7.seg", "notes"],
            &["lock"],
        ] {
            assert_eq!(folder(names), None, "{names:?}");
        }
        assert_eq!(first_in(Path::new("/nowhere")), None);
    }
}
