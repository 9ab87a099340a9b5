//! Allowed locations of a key and of a volume.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;

use super::{DEAD, bare, is_refused, lines, log, private};
use crate::harness::{Ended, new_key};

async fn run(folder: &Path, args: &[&str]) -> Ended {
    bare::run(bare::binary(folder).args(args), "").await
}

#[tokio::test]
async fn the_key_is_never_on_the_volume() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("auth")).unwrap();
    symlink("auth", folder.join("link")).unwrap();
    symlink("auth/key", folder.join("leads-there")).unwrap();
    let absolute = folder.join("auth/key");
    let paths = [
        "auth/key",
        "./auth/../auth/key",
        "link/key",
        "leads-there",
        absolute.to_str().unwrap(),
    ];
    for path in paths {
        for (command, flag) in [
            (&[][..], "--auth-key-file"),
            (&["--create-key-file"], "--auth-key-file"),
            (&[], "--auth-passphrase-file"),
            (&["keys", "generate"], "--out"),
        ] {
            let args = [
                command,
                &[flag, path],
                if command.first() == Some(&"keys") {
                    &[]
                } else {
                    &DEAD[..]
                },
            ]
            .concat();
            let ended = run(folder, &args).await;
            is_refused(&ended, &format!("{flag}: {path} is on the volume "));
        }
        let mut by_variable = bare::binary(folder);
        by_variable.args(DEAD).env("OPENCLAW_AUTH_KEY_FILE", path);
        is_refused(
            &bare::run(&mut by_variable, "").await,
            "OPENCLAW_AUTH_KEY_FILE: ",
        );
        assert_eq!(
            fs::read_dir(folder.join("auth")).unwrap().count(),
            0,
            "nothing was created"
        );
    }
    // The same for a new key of an existing volume.
    private(&folder.join("key"), new_key().await.as_bytes());
    log(bare::binary(folder)
        .args(DEAD)
        .args(["--auth-key-file", "key"]))
    .await;
    private(&absolute, new_key().await.as_bytes());
    let ended = run(
        folder,
        &[
            "keys",
            "add",
            "x",
            "--new-key-file",
            "link/key",
            "--auth-key-file",
            "key",
        ],
    )
    .await;
    is_refused(&ended, "--new-key-file: link/key is on the volume ");
}

#[tokio::test]
async fn a_volume_that_others_can_change_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = new_key().await;
    let auth = folder.join("auth");
    let agent = || {
        let mut agent = bare::binary(folder);
        agent
            .args(DEAD)
            .env("OPENCLAW_AUTH_KEY", &key)
            .env("OPENCLAW_RUN_AS", "never");
        agent
    };
    let entries = log(&mut agent()).await;
    assert_eq!(
        lines(&entries, "WARN", "writable by others").len(),
        0,
        "{entries:#?}"
    );
    for mode in [0o777, 0o770, 0o707, 0o1777] {
        fs::set_permissions(&auth, Permissions::from_mode(mode)).unwrap();
        let entries = log(&mut agent()).await;
        let warned = lines(&entries, "WARN", "writable by others");
        assert_eq!(warned.len(), 1, "{mode:o}: {entries:#?}");
        assert!(
            warned[0]["reason"]
                .as_str()
                .unwrap()
                .contains("can change the files")
        );
        assert!(warned[0]["hint"].as_str().unwrap().contains("chmod 700"));
    }
    fs::set_permissions(&auth, Permissions::from_mode(0o700)).unwrap();
    // Only root can change the owner.
    if chown(&auth, Some(12_345), None).is_ok() {
        let entries = log(&mut agent()).await;
        let warned = lines(&entries, "WARN", "belongs to another user (12345)");
        assert_eq!(warned.len(), 1, "{entries:#?}");
    }
}

#[tokio::test]
async fn a_directory_of_another_program_is_refused_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["creds.json", ".bashrc", "passwd"] {
        let dir = folder.path().join(format!("of {file}"));
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join(file), "theirs").unwrap();
        let before = fs::metadata(&dir).unwrap();
        let mut agent = bare::binary(folder.path());
        agent
            .args(DEAD)
            .env("OPENCLAW_AUTH_KEY", new_key().await)
            .env("OPENCLAW_AUTH_DIR", &dir);
        let ended = bare::run(&mut agent, "").await;
        is_refused(&ended, "OPENCLAW_AUTH_DIR: ");
        assert!(ended.stderr.contains(file), "{ended:?}");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        assert_eq!(fs::metadata(&dir).unwrap().mode(), before.mode());
    }
}

#[tokio::test]
async fn the_root_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    symlink("/", folder.path().join("link")).unwrap();
    for root in ["/", "//", "/..", "link", "/tmp/.."] {
        let mut agent = bare::binary(folder.path());
        agent
            .args(DEAD)
            .env("OPENCLAW_AUTH_KEY", new_key().await)
            .env("OPENCLAW_AUTH_DIR", root);
        let ended = bare::run(&mut agent, "").await;
        is_refused(
            &ended,
            &format!("OPENCLAW_AUTH_DIR: {root} is the root directory"),
        );
    }
}
