//! Directories as users name them and as their machines save them: readable ones are imported, for others the hint
//! matches the error.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

async fn refusal(path: &Path) -> (String, &'static str) {
    let store = InMemoryBackend::new();
    let error = import_into(path, &store).await.unwrap_err();
    assert!(store.load().await.unwrap().is_none());
    let text = error.to_string();
    assert!(!text.contains("15550100001"), "{text}");
    (text, error.hint())
}

/// The text as an editor or shell on Windows saves it.
fn marked(text: &str, how: &str) -> Vec<u8> {
    let text = format!("\u{feff}{text}");
    match how {
        "utf-8" => text.into_bytes(),
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    }
}

#[tokio::test]
async fn files_with_a_byte_order_mark_are_accepted() {
    let (plain, _) = imported(&folder(&[])).await;
    for how in ["utf-8", "utf-16le", "utf-16be"] {
        let dir = folder(&[]);
        for (name, content) in recorded() {
            fs::write(dir.path().join(name), marked(&content, how)).unwrap();
        }
        let (report, _) = imported(&dir).await;
        assert_eq!(report.to_string(), plain.to_string(), "{how}");
    }
}

#[tokio::test]
async fn a_file_instead_of_the_directory_is_refused() {
    let dir = folder(&[]);
    for file in [
        "creds.json",
        "session-125081686442798_1.0.json",
        "creds.json/x",
    ] {
        let (text, hint) = refusal(&dir.path().join(file)).await;
        assert!(
            text.contains("creds.json") || text.contains("session-"),
            "{text}"
        );
        assert!(hint.contains("not the file"), "{file}: {text}: {hint}");
    }
}

#[tokio::test]
async fn the_hint_fits_a_folder_that_is_missing_empty_or_the_wrong_one() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in [
        "empty",
        "other",
        "above/auth_info_baileys",
        "above/second",
        "google",
    ] {
        fs::create_dir_all(at(name)).unwrap();
    }
    fs::write(at("other/notes.txt"), "x").unwrap();
    fs::write(at("above/auth_info_baileys/creds.json"), file("creds.json")).unwrap();
    fs::write(
        at("google/creds.json"),
        r#"{"installed": {"client_id": "x"}}"#,
    )
    .unwrap();
    for (name, error, hint) in [
        ("missing", "open ", "name the directory with creds.json"),
        ("empty", "is empty", "check that it is mounted"),
        (
            "other",
            "no creds.json",
            "name the directory with creds.json",
        ),
        ("above", "auth_info_baileys", "name one of those"),
        (
            "google",
            "another program",
            "name the directory with creds.json",
        ),
    ] {
        let (text, given_hint) = refusal(&at(name)).await;
        assert!(text.contains(error), "{name}: {text}");
        assert!(given_hint.contains(hint), "{name}: {given_hint}");
        assert!(!given_hint.contains("as the user"), "{name}: {given_hint}");
    }
}

#[tokio::test]
async fn a_creds_json_that_is_not_a_file_is_named_by_its_type() {
    let dir = folder(&[]);
    let creds = dir.path().join("creds.json");
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("creds.json");
    fs::rename(&creds, &target).unwrap();
    symlink(&target, &creds).unwrap();
    let (text, hint) = refusal(dir.path()).await;
    assert!(
        text.contains("it is a symlink") && hint.contains("cp -rL"),
        "{text}: {hint}"
    );
    fs::remove_file(&creds).unwrap();
    fs::create_dir(&creds).unwrap();
    let (text, hint) = refusal(dir.path()).await;
    assert!(text.contains("not a regular file"), "{text}");
    assert!(hint.contains("pipe") && !hint.contains("link"), "{hint}");
    for name in ["f.tar", "auth.tar.gz", "AUTH.ZIP"] {
        let archive = dir.path().join(name);
        fs::write(&archive, "x").unwrap();
        let (_, hint) = refusal(&archive).await;
        assert!(hint.starts_with("unpack it"), "{name}: {hint}");
    }
}

#[test]
fn an_unreadable_folder_is_reported_as_unreadable() {
    let open = |kind: io::ErrorKind| Error::Open {
        dir: "/x".to_owned(),
        source: io::Error::from(kind),
    };
    assert!(
        open(io::ErrorKind::PermissionDenied)
            .hint()
            .contains("as the user")
    );
    assert!(!open(io::ErrorKind::NotFound).hint().contains("as the user"));
    assert!(!open(io::ErrorKind::TimedOut).hint().contains("as the user"));
}
