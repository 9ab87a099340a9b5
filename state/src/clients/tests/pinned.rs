//! Clients whose keys the settings name.

use super::*;
use crate::clients::pinned::{BadPinnedKey, Pinned, PinnedKey};

fn pinned(name: &str, role: Role, number: u8) -> PinnedKey {
    PinnedKey {
        name: name.to_owned(),
        role,
        fingerprint: key(number),
    }
}

/// After a start whose settings name a key.
async fn restarted_with_ops() -> Volume {
    let mut volume = Volume::new();
    let keys = [pinned("ops", Role::Admin, 1)];
    of(&volume).pin(&keys, now()).await;
    volume.reopen();
    volume
}

#[tokio::test]
async fn a_named_key_is_a_client_from_the_first_start_and_no_code_is_made() {
    let mut volume = Volume::new();
    let keys = [
        pinned("ops", Role::Admin, 1),
        pinned("relay", Role::Sender, 2),
    ];
    let clients = of(&volume);
    assert_eq!(clients.pin(&keys, now()).await, [Pinned::Enrolled; 2]);
    let pass = clients.authorize(key(2), now()).ok().unwrap();
    assert_eq!((&*pass.name, pass.role), ("relay", Role::Sender));
    assert!(!clients.is_known(&key(3)));
    let opening = clients.opening(None, now()).await;
    assert!(matches!(opening, Ok(Opening::None)));
    volume.reopen();
    let clients = of(&volume);
    assert_eq!(clients.pin(&keys, now()).await, [Pinned::Known; 2]);
    assert_eq!(clients.list(now()).len(), 2);
}

#[tokio::test]
async fn a_revoked_key_stays_revoked_while_the_settings_name_it() {
    let mut volume = Volume::new();
    let keys = [pinned("ops", Role::Admin, 1)];
    of(&volume).pin(&keys, now()).await;
    drop(of(&volume).revoke("ops", None).await.unwrap());
    for _ in 0..2 {
        volume.reopen();
        let clients = of(&volume);
        assert_eq!(clients.pin(&keys, now()).await, [Pinned::Revoked]);
        assert!(!clients.is_known(&key(1)));
    }
    // An operator who takes it out, and later names it again, means it.
    of(&volume).pin(&[], now()).await;
    assert_eq!(of(&volume).pin(&keys, now()).await, [Pinned::Enrolled]);
}

#[tokio::test]
async fn a_key_that_is_no_longer_named_is_removed_and_its_name_is_free() {
    let mut volume = restarted_with_ops().await;
    let clients = of(&volume);
    let next = [pinned("ops", Role::Admin, 2)];
    assert_eq!(clients.pin(&next, now()).await, [Pinned::Enrolled]);
    assert!(!clients.is_known(&key(1)) && clients.is_known(&key(2)));
    volume.reopen();
    assert_eq!(of(&volume).list(now()).len(), 1);
}

#[tokio::test]
async fn a_named_key_gets_the_role_of_the_settings() {
    let volume = restarted_with_ops().await;
    let clients = of(&volume);
    let demoted = [pinned("reports", Role::Reader, 1)];
    assert_eq!(clients.pin(&demoted, now()).await, [Pinned::Known]);
    let pass = clients.authorize(key(1), now()).ok().unwrap();
    assert_eq!((&*pass.name, pass.role), ("reports", Role::Reader));
}

#[tokio::test]
async fn a_client_with_a_code_belongs_to_no_setting() {
    let mut volume = Volume::new();
    let clients = of(&volume);
    let code = invite(&clients, Role::Reader, now()).await;
    enroll(&clients, &code, 1, "a", now()).await.unwrap();
    // Neither another role, nor the name for another key.
    let keys = [pinned("b", Role::Admin, 1), pinned("a", Role::Admin, 2)];
    let done = clients.pin(&keys, now()).await;
    assert_eq!(done, [Pinned::Known, Pinned::NameTaken]);
    volume.reopen();
    let clients = of(&volume);
    clients.pin(&[], now()).await;
    let pass = clients.authorize(key(1), now()).ok().unwrap();
    assert_eq!(pass.role, Role::Reader);
    assert!(!clients.is_known(&key(2)));
    // Revoked while the settings name it, it stays so, too.
    clients.pin(&keys[..1], now()).await;
    drop(clients.revoke("a", None).await.unwrap());
    assert_eq!(clients.pin(&keys[..1], now()).await, [Pinned::Revoked]);
}

#[test]
fn a_list_of_keys_is_parsed_or_refused() {
    let (one, other) = (key(1), key(2));
    let list = format!("ops:admin:{one}, relay:sender:{other},");
    let parsed = PinnedKey::list(&list).unwrap();
    assert_eq!(
        parsed,
        [
            pinned("ops", Role::Admin, 1),
            pinned("relay", Role::Sender, 2)
        ]
    );
    assert_eq!(parsed[0].to_string().parse(), Ok(parsed[0].clone()));
    assert_eq!(PinnedKey::list(" "), Ok(Vec::new()));
    let many: Vec<String> = (0..=64).map(|n| format!("n{n}:admin:{}", key(n))).collect();
    for (text, wrong) in [
        (one.to_string(), BadPinnedKey::Form),
        ("ops:admin".to_owned(), BadPinnedKey::Form),
        (format!(":admin:{one}"), BadPinnedKey::Name),
        (format!("o ps:admin:{one}"), BadPinnedKey::Name),
        (
            format!("ops:root:{one}"),
            BadPinnedKey::Role(openclaw_trust::BadRole),
        ),
        (
            "ops:admin:SHA256:AAAA".to_owned(),
            BadPinnedKey::Fingerprint(openclaw_trust::BadFingerprint::Text),
        ),
        (
            format!("a:admin:{one},a:reader:{other}"),
            BadPinnedKey::Twice,
        ),
        (format!("a:admin:{one},b:reader:{one}"), BadPinnedKey::Twice),
        (many.join(","), BadPinnedKey::TooMany),
    ] {
        assert_eq!(PinnedKey::list(&text), Err(wrong), "{text}");
    }
}
