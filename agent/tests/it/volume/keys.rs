//! `openclaw-agent keys`, end to end: after each change, the agent starts with the new set of secrets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use openclaw_proto::v1::LinkState;

use crate::harness::{Bare, Ended, STARTED, World, bare, new_key};

async fn keys(folder: &Path, args: &[&str], input: &str) -> Ended {
    let mut command = bare::binary(folder);
    command.arg("keys").args(args).args(["--lock-wait", "0"]);
    bare::run(&mut command, input).await
}

fn write(path: &Path, secret: &str) {
    fs::write(path, secret).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Names and kinds, from `keys list`.
async fn listed(folder: &Path) -> Vec<(String, String)> {
    let list = keys(folder, &["list", "--json"], "").await;
    assert_eq!((list.code, list.stderr.as_str()), (Some(0), ""));
    let slot = |line: &str| {
        let slot: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| slot[name].as_str().unwrap().to_owned();
        (text("name"), text("kind"))
    };
    list.stdout.lines().map(slot).collect()
}

fn slot(name: &str, kind: &str) -> (String, String) {
    (name.to_owned(), kind.to_owned())
}

/// Checks that an agent starts with this secret.
async fn opens(folder: &Path, flag: &str, path: &str) {
    let mut agent = bare::binary(folder);
    let mut agent = Bare::start(agent.args([flag, path]));
    agent.logged(STARTED).await;
    assert_eq!(agent.terminate().await.code(), Some(0));
}

async fn does_not_open(folder: &Path, flag: &str, path: &str) {
    let ended = keys(folder, &["remove", "nothing", flag, path], "").await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.stderr.contains("does not open with this key"));
}

fn succeeded(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "", "stdout is for data only");
}

fn refused(ended: &Ended, code: i32, error: &str) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert!(
        lines[0].starts_with("error: ") && lines[0].contains(error),
        "{ended:?}"
    );
    assert!(
        lines[1].starts_with("hint: ") && lines[1].len() > 10,
        "{ended:?}"
    );
    assert_eq!(ended.stdout, "");
}

#[tokio::test]
async fn every_change_of_slots_lasts_and_keeps_the_link() {
    let mut world = World::linked().await;
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    let folder = world.agent.folder();
    let file = |name: &str| folder.join(name);
    let with = ["--auth-key-file", "auth.key"];
    assert_eq!(listed(folder).await, [slot("default", "key")]);

    let args = ["add", "owner", with[0], with[1]];
    succeeded(&keys(folder, &args, "correct horse battery\n").await);
    write(&file("owner"), "correct horse battery\n");
    write(&file("laptop"), &new_key().await);
    let args = [
        "add",
        "laptop",
        "--new-key-file",
        "laptop",
        with[0],
        with[1],
    ];
    succeeded(&keys(folder, &args, "").await);
    let all = [
        slot("default", "key"),
        slot("owner", "passphrase"),
        slot("laptop", "key"),
    ];
    assert_eq!(listed(folder).await, all);
    opens(folder, "--auth-passphrase-file", "owner").await;
    opens(folder, "--auth-key-file", "laptop").await;

    // By default the secret in the settings is replaced, or the one of the named slot.
    write(&file("laptop2"), &new_key().await);
    let args = [
        "passwd",
        "--new-key-file",
        "laptop2",
        "--auth-key-file",
        "laptop",
    ];
    succeeded(&keys(folder, &args, "").await);
    does_not_open(folder, "--auth-key-file", "laptop").await;
    let args = ["passwd", "owner", "--auth-key-file", "laptop2"];
    succeeded(&keys(folder, &args, "another phrase").await);
    does_not_open(folder, "--auth-passphrase-file", "owner").await;
    write(&file("owner"), "another phrase");
    opens(folder, "--auth-passphrase-file", "owner").await;

    let args = [
        "rotate-data",
        with[0],
        with[1],
        "--with-key-file",
        "laptop2",
    ];
    let ended = keys(folder, &args, "").await;
    refused(&ended, 4, "were not given: owner");
    let kept = [&args[..], &["--with-passphrase-file", "owner"]].concat();
    succeeded(&keys(folder, &kept, "").await);
    assert_eq!(listed(folder).await.len(), 3);
    opens(folder, "--auth-passphrase-file", "owner").await;
    opens(folder, "--auth-key-file", "laptop2").await;
    let dropped = [&args[..], &["--drop-others"]].concat();
    succeeded(&keys(folder, &dropped, "").await);
    assert_eq!(
        listed(folder).await,
        [slot("default", "key"), slot("laptop", "key")]
    );
    does_not_open(folder, "--auth-passphrase-file", "owner").await;

    let args = ["remove", "laptop", with[0], with[1]];
    let removed = keys(folder, &args, "").await;
    assert_eq!(removed.code, Some(0));
    assert!(removed.stderr.contains("rotate-data"), "{removed:?}");
    does_not_open(folder, "--auth-key-file", "laptop2").await;

    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.finish().await;
}

#[tokio::test]
async fn a_refused_key_command_has_a_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    refused(
        &keys(folder, &["list"], "").await,
        4,
        "no vault exists here",
    );
    write(&folder.join("key"), &new_key().await);
    let with = ["--auth-key-file", "key"];
    let ended = keys(folder, &[&["add", "x"][..], &with].concat(), "").await;
    refused(&ended, 4, "no vault exists here");
    opens(folder, with[0], with[1]).await;
    let run = async |args: &[&str], input| keys(folder, &[args, &with].concat(), input).await;
    refused(
        &run(&["add", "default"], "phrase").await,
        4,
        "a slot \"default\" exists already",
    );
    refused(
        &run(&["add", "no spaces"], "phrase").await,
        4,
        "a slot's name is",
    );
    refused(&run(&["add", "x"], "").await, 64, "the passphrase is empty");
    refused(
        &run(&["add", "x"], "openclaw-key-short").await,
        64,
        "a key is 32 bytes",
    );
    refused(
        &run(&["remove", "default"], "").await,
        4,
        "is the only slot",
    );
    refused(
        &run(&["remove", "x"], "").await,
        4,
        "there is no slot \"x\"",
    );
    refused(
        &run(&["passwd", "x"], "phrase").await,
        4,
        "there is no slot \"x\"",
    );
    write(&folder.join("foreign"), &new_key().await);
    let foreign = ["rotate-data", "--with-key-file", "foreign"];
    refused(
        &run(&foreign, "").await,
        64,
        "the secret in foreign opens no slot",
    );
    let twice = ["rotate-data", "--with-key-file", "key"];
    refused(&run(&twice, "").await, 64, "was given twice");
    refused(
        &keys(folder, &["rotate-data"], "").await,
        64,
        "no key is given",
    );
    let made = ["generate", "--out", "key"];
    refused(&keys(folder, &made, "").await, 4, "key exists already");
    let usage = keys(folder, &["frobnicate"], "").await;
    assert_eq!(usage.code, Some(2), "{usage:?}");
    assert_eq!(listed(folder).await, [slot("default", "key")]);
    opens(folder, with[0], with[1]).await;
}

#[tokio::test]
async fn keys_are_listed_while_the_agent_runs_and_changed_only_when_it_does_not() {
    let world = World::new().await;
    let folder = world.agent.folder();
    let list = keys(folder, &["list"], "").await;
    assert_eq!(list.code, Some(0));
    let lines: Vec<_> = list.stdout.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("NAME") && lines[1].starts_with("default "));
    assert!(lines[1].ends_with(" UTC"), "{list:?}");
    let add = keys(
        folder,
        &["add", "x", "--auth-key-file", "auth.key"],
        "phrase",
    )
    .await;
    let holder = format!("is in use by process {}", world.agent.pid());
    refused(&add, 1, &holder);
    assert!(add.stderr.contains("stop the agent first"), "{add:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_new_key_is_written_to_its_own_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = keys(folder, &["generate", "--out", "new.key"], "").await;
    succeeded(&made);
    let path = folder.join("new.key");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let key = fs::read_to_string(&path).unwrap();
    assert!(key.starts_with("openclaw-key-") && key.ends_with('\n'));
    assert!(!made.stderr.contains(key.trim()));
    opens(folder, "--auth-key-file", "new.key").await;
}
