//! A folder with files of others and no store: a mistake in a path, like `/etc`. Anyone who made it a volume would give it to
//! the agent's user.

use std::fs;
use std::path::Path;

/// How the names of what a store is made of begin.
const OURS: [&str; 3] = ["vault.hdr", "vault-", "journal-"];
/// Our lock, and what file systems, platforms and people put into an empty volume. A file with rules is no one else's either: whether it
/// is read is asked elsewhere.
const HARMLESS: [&str; 12] = [
    "lock",
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
/// Longer names are cut off where they are shown.
const MAX_SHOWN_CHARS: usize = 40;

/// The first file in `dir` that is no one's who belongs there, if there is nothing of a store in it.
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
    // No control characters, and not all digits of what may be a number.
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
    fn a_folder_of_others_is_no_volume() {
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
    fn an_empty_folder_and_one_with_a_store_are_volumes() {
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
