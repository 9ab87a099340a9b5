//! Passphrases: nothing new is encrypted with a weak or ambiguous one; existing stores still open with it.

use std::path::Path;

use openclaw_vault::{Folder, Secret, Vault};

use super::{DEAD, bare, is_refused, lines, log, private};
use crate::harness::Ended;

const WEAK: [&str; 8] = [
    "x",
    "a",
    "password",
    "Passw0rd!",
    "aaaaaaaaaaaa",
    "abcabcabcabc",
    "1234567890",
    "openclaw",
];
const ODD: [&str; 5] = [
    "\"correct horse\"",
    "'correct horse'",
    " correct horse",
    "\u{feff}correct horse",
    "correct\nhorse",
];

async fn starts_with(folder: &Path, passphrase: &str, by_file: bool) -> Ended {
    let mut agent = bare::binary(folder);
    agent.args(DEAD);
    if by_file {
        private(&folder.join("words"), passphrase.as_bytes());
        agent.args(["--auth-passphrase-file", "words"]);
    } else {
        agent.env("OPENCLAW_AUTH_PASSPHRASE", passphrase);
    }
    bare::run(&mut agent, "").await
}

#[tokio::test]
async fn no_store_is_created_with_a_weak_or_ambiguous_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    for passphrase in WEAK.iter().chain(&ODD) {
        for (by_file, place) in [(true, "words"), (false, "OPENCLAW_AUTH_PASSPHRASE")] {
            let ended = starts_with(folder.path(), passphrase, by_file).await;
            is_refused(&ended, &format!("the passphrase in {place} "));
        }
    }
    assert!(!folder.path().join("auth/header").exists());
}

#[tokio::test]
async fn no_slot_is_added_with_a_weak_passphrase_and_an_old_one_opens_with_a_warning() {
    for passphrase in WEAK.iter().chain(&ODD) {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let auth = folder.join("auth");
        std::fs::create_dir(&auth).unwrap();
        // As created by an earlier version.
        let secret = Secret::parse_passphrase(passphrase).unwrap();
        let store = Vault::create(
            Folder::new(&auth),
            &secret,
            "default",
            1,
            openclaw_vault::on_heap,
        );
        store.unwrap().close().unwrap();
        private(&folder.join("words"), format!("{passphrase}\n").as_bytes());
        let mut agent = bare::binary(folder);
        let entries = log(agent.args(DEAD).args(["--auth-passphrase-file", "words"])).await;
        assert_eq!(
            lines(&entries, "WARN", "passphrase has a flaw").len(),
            1,
            "{passphrase:?}: {entries:#?}"
        );
        for command in [&["keys", "add", "x"][..], &["keys", "passwd"]] {
            let mut keys = bare::binary(folder);
            keys.args(command).args(["--auth-passphrase-file", "words"]);
            // A pipe is read to the end of its first line.
            if !passphrase.contains('\n') {
                let ended = bare::run(&mut keys, passphrase).await;
                assert_eq!(ended.code, Some(64), "{passphrase:?}: {ended:?}");
                assert!(
                    ended.stderr.contains("error: the new passphrase "),
                    "{ended:?}"
                );
            }
            let ended = bare::run(keys.args(["--new-passphrase-file", "words"]), "").await;
            assert_eq!(ended.code, Some(64), "{passphrase:?}: {ended:?}");
            assert!(
                ended.stderr.contains("error: the passphrase in words "),
                "{ended:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_passphrase_that_does_not_open_the_store_is_logged_with_its_flaw() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    private(&folder.join("words"), b"correct horse\n");
    let with = ["--auth-passphrase-file", "words"];
    log(bare::binary(folder).args(DEAD).args(with)).await;
    for odd in ODD {
        private(&folder.join("words"), odd.as_bytes());
        let ended = bare::run(bare::binary(folder).args(DEAD).args(with), "").await;
        assert_eq!(ended.code, Some(64), "{odd:?}");
        assert!(
            ended.stdout.contains("\"WARN\"") && ended.stdout.contains("passphrase has a flaw"),
            "{odd:?}: {ended:?}"
        );
        assert!(!ended.stdout.contains("horse") && !ended.stderr.contains("horse"));
    }
}

#[tokio::test]
async fn no_backup_is_encrypted_with_a_weak_passphrase() {
    use openclaw_proto::v1 as pb;
    let world = crate::harness::World::linked().await;
    for passphrase in WEAK {
        let form = pb::secret::Form::Passphrase(passphrase.to_owned());
        let mut admin = pb::admin_client::AdminClient::new(world.agent.channel());
        let request = pb::BackupRequest {
            secret: Some(pb::Secret { form: Some(form) }),
        };
        let refused = admin.backup(request).await.expect_err("refused");
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{passphrase}");
        assert!(
            !refused.message().contains(passphrase) || passphrase.len() < 2,
            "{refused:?}"
        );
    }
    world.finish().await;
}
