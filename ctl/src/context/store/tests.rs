//! Tests of context files: permissions, refused files, and the current context.

use std::fs::Permissions;

use openclaw_trust::Identity;

use super::*;
use crate::context::tests::context;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn name(name: &str) -> Name {
    name.parse().unwrap()
}

#[test]
fn a_context_round_trips_and_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_dir(&dir.path().join("openclaw"));
    let made = context("home", "agent:1");
    store.save(&made).unwrap();
    let kept = store.load(&name("home")).unwrap();
    assert_eq!(kept.endpoint, made.endpoint);
    assert_eq!(kept.identity.fingerprint(), made.identity.fingerprint());
    assert_eq!(kept.identity.key_der(), made.identity.key_der());
    assert_eq!(kept.agent, made.agent);
    assert_eq!((kept.client, kept.role), (made.client, made.role));
    assert_eq!(kept.enrolled_at, made.enrolled_at);
    let folder = dir.path().join("openclaw");
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("contexts")), 0o700);
    assert_eq!(mode(&folder.join("contexts/home.json")), 0o600);
    assert_eq!(store.names().unwrap(), [name("home")]);
}

#[test]
fn a_file_that_others_can_read_or_replace_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_dir(dir.path());
    store.save(&context("home", "agent:1")).unwrap();
    let (folder, file) = (
        dir.path().join("contexts"),
        dir.path().join("contexts/home.json"),
    );
    let reason = || {
        let refused = store.load(&name("home")).err()?;
        refused.reason().map(str::to_owned)
    };
    for loose in [0o640, 0o604, 0o660, 0o601] {
        set_mode(&file, loose);
        assert_eq!(reason().as_deref(), Some("EXPOSED"), "{loose:o}");
    }
    set_mode(&file, 0o400);
    assert_eq!(reason(), None);
    for loose in [0o720, 0o702] {
        set_mode(&folder, loose);
        assert_eq!(reason().as_deref(), Some("EXPOSED"), "{loose:o}");
    }
    set_mode(&folder, 0o755);
    assert_eq!(reason(), None);
}

#[test]
fn foreign_context_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_dir(dir.path());
    store.save(&context("home", "agent:1")).unwrap();
    let file = dir.path().join("contexts/home.json");
    let whole = fs::read_to_string(&file).unwrap();
    let other = file::write(&context("other", "agent:1"));
    let other: serde_json::Value = serde_json::from_slice(&other).unwrap();
    let mut mixed: serde_json::Value = serde_json::from_str(&whole).unwrap();
    mixed["key"] = other["key"].clone();
    let large = format!("{whole}{}", " ".repeat(file::MAX_FILE_BYTES));
    let newer = whole.replace("\"version\": 1", "\"version\": 2");
    for text in [
        "",
        "{}",
        &whole[..whole.len() / 2],
        &mixed.to_string(),
        &large,
        &newer,
    ] {
        fs::write(&file, text).unwrap();
        let refused = store.load(&name("home")).unwrap_err();
        assert_eq!(refused.reason(), Some("CONTEXT_UNREADABLE"), "{refused}");
        let text = format!("{refused:?}");
        assert!(
            !text.contains(&whole[whole.len() / 2..whole.len() / 2 + 20]),
            "{text}"
        );
    }
    fs::write(&file, whole).unwrap();
    assert!(store.load(&name("home")).is_ok());
}

#[test]
fn the_current_context_follows_renames_and_removal() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_dir(dir.path());
    for one in ["a", "b"] {
        store.save(&context(one, "agent:1")).unwrap();
    }
    assert_eq!(store.current().unwrap(), None);
    store.set_current(&name("a")).unwrap();
    assert!(
        store.rename(&name("a"), &name("b")).is_err(),
        "the name is taken"
    );
    store.rename(&name("a"), &name("c")).unwrap();
    assert_eq!(store.current().unwrap(), Some(name("c")));
    assert_eq!(store.names().unwrap(), [name("b"), name("c")]);
    store.rename(&name("b"), &name("d")).unwrap();
    assert_eq!(store.current().unwrap(), Some(name("c")));
    store.remove(&name("d")).unwrap();
    assert_eq!(store.current().unwrap(), Some(name("c")));
    store.remove(&name("c")).unwrap();
    assert_eq!(store.current().unwrap(), None);
    assert!(store.remove(&name("c")).is_err());
}

#[test]
fn a_pending_key_is_only_used_for_its_endpoint() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_dir(dir.path());
    let endpoint: Endpoint = "agent:1".parse().unwrap();
    let made = Pending {
        endpoint: endpoint.clone(),
        identity: Identity::generate().unwrap(),
    };
    store.save_pending(&name("a"), &made).unwrap();
    assert_eq!(mode(&dir.path().join("contexts/a.pending")), 0o600);
    assert!(
        store.names().unwrap().is_empty(),
        "a pending key is not a context"
    );
    let kept = store.pending(&name("a"), &endpoint).unwrap().unwrap();
    assert_eq!(kept.identity.fingerprint(), made.identity.fingerprint());
    let other = "agent:2".parse().unwrap();
    assert!(store.pending(&name("a"), &other).unwrap().is_none());
    store.remove_pending(&name("a")).unwrap();
    assert!(store.pending(&name("a"), &endpoint).unwrap().is_none());
    store.remove_pending(&name("a")).unwrap();
}
