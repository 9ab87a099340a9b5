//! Errors for a volume that cannot be opened; two agents on one; other users, other disks.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use openclaw_proto::v1::LinkState;
use openclaw_sim::{By, Sim};

use crate::harness::{
    ACCOUNT, ANNA, Agent, Bare, Ended, STARTED, VOLUME, WORD, World, bare, new_key,
};

const DEAD: [&str; 6] = [
    "--socket",
    "other.sock",
    "--http",
    "127.0.0.1:0",
    "--whatsapp-url",
    "ws://127.0.0.1:1/ws/chat",
];

/// An agent in this directory that is expected to exit by itself.
async fn agent(folder: &Path, args: &[&str]) -> Ended {
    bare::run(bare::binary(folder).args(DEAD).args(args), "").await
}

fn is_explained(ended: &Ended, code: i32, error: &str, hint: &str) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let line = |prefix: &str| {
        let mut lines = ended.stderr.lines();
        lines
            .find(|line| line.starts_with(prefix))
            .unwrap_or_default()
    };
    assert!(line("error: ").contains(error), "{}", ended.stderr);
    assert!(line("hint: ").contains(hint), "{}", ended.stderr);
}

/// Reports that a test is skipped.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: not root");
    }
    root
}

#[tokio::test]
async fn without_a_key_the_start_fails_and_names_the_command_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let ended = agent(folder.path(), &[]).await;
    is_explained(
        &ended,
        64,
        "no key is given for the store",
        "`openclaw-agent keys generate`",
    );
    assert!(ended.stderr.contains("OPENCLAW_AUTH_KEY"), "{ended:?}");
    assert!(!folder.path().join(VOLUME).exists(), "nothing was made");
}

#[tokio::test]
async fn two_sources_of_a_key_are_a_mistake_that_names_both() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bare::binary(folder.path());
    command
        .args(DEAD)
        .args(["--auth-passphrase-file", "passphrase"])
        .env("OPENCLAW_AUTH_KEY", new_key().await);
    let ended = bare::run(&mut command, "").await;
    let named = "OPENCLAW_AUTH_KEY, --auth-passphrase-file: ";
    is_explained(&ended, 64, named, "unset all but one");
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_the_slots_are_named() {
    let mut world = World::linked().await;
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    let (folder, key_file) = (world.agent.folder(), world.agent.key_file());
    let key = fs::read_to_string(&key_file).unwrap();
    fs::write(&key_file, new_key().await).unwrap();
    let args = ["--auth-key-file", "auth.key"];
    let ended = agent(folder, &args).await;
    is_explained(
        &ended,
        64,
        "does not open with this key; it has the slots default",
        "set the key or passphrase of one of these slots",
    );
    fs::remove_file(&key_file).unwrap();
    for (args, error) in [
        (&args[..], "read auth.key"),
        (&["--auth-passphrase-file", "auth.key"], "read auth.key"),
        (&[], "no key is given for the store"),
    ] {
        let ended = agent(folder, args).await;
        is_explained(&ended, 64, error, "only its own key or passphrase");
        assert!(!ended.stderr.contains("keys generate"), "{ended:?}");
    }
    fs::write(&key_file, key).unwrap();
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.finish().await;
}

#[tokio::test]
async fn a_world_readable_key_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, new_key().await).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let ended = agent(folder.path(), &["--auth-key-file", "key"]).await;
    is_explained(&ended, 64, "can be read by everyone", "chmod 600 key");
}

#[tokio::test]
async fn a_lost_key_file_is_not_created_again() {
    let mut world = World::linked().await;
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    let key_file = world.agent.key_file();
    let key = fs::read(&key_file).unwrap();
    fs::remove_file(&key_file).unwrap();
    let ended = agent(world.agent.folder(), &["--create-key-file"]).await;
    is_explained(
        &ended,
        64,
        "auth.key: No such file",
        "a new key opens nothing here",
    );
    assert!(!key_file.exists());
    fs::write(&key_file, key).unwrap();
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.finish().await;
}

#[tokio::test]
async fn a_damaged_store_is_refused_with_the_next_step() {
    let mut world = World::linked().await;
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    let log = world.agent.volume().join("vault-1.log");
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let ended = agent(world.agent.folder(), &["--create-key-file"]).await;
    is_explained(&ended, 1, "is damaged", "openclawctl restore");
    bytes[middle] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.finish().await;
}

#[tokio::test]
async fn a_path_that_is_not_a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(VOLUME), "a file").unwrap();
    let ended = agent(folder.path(), &["--create-key-file"]).await;
    is_explained(&ended, 64, "is not a directory", "--auth-dir");
    let missing = ["--create-key-file", "--auth-dir", "missing/auth"];
    let ended = agent(folder.path(), &missing).await;
    is_explained(
        &ended,
        64,
        "the directory missing does not exist",
        "mkdir -p missing",
    );
}

#[tokio::test]
async fn a_second_agent_waits_and_then_names_the_first() {
    let world = World::linked().await;
    let args = ["--create-key-file", "--lock-wait", "0"];
    let ended = agent(world.agent.folder(), &args).await;
    let holder = format!("is in use by process {} on ", world.agent.pid());
    is_explained(&ended, 1, &holder, "--lock-wait");
    assert!(
        ended.stderr.contains("(this machine), since 20"),
        "{ended:?}"
    );
    world.everything_reports_connected().await;
    world.send(ANNA, WORD).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn a_second_agent_takes_over_when_the_first_stops_in_time() {
    let mut world = World::linked().await;
    let mut second = bare::binary(world.agent.folder());
    let mut second = Bare::start(second.args(["--create-key-file", "--lock-wait", "20"]));
    let reported = second.logged("waiting for the volume's lock").await;
    let holder = format!("process {} on ", world.agent.pid());
    assert!(reported["holder"].as_str().unwrap().starts_with(&holder));
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    second.logged(STARTED).await;
    assert_eq!(second.terminate().await.code(), Some(0));
    world.finish().await;
}

#[tokio::test]
async fn a_full_disk_is_reported_and_loses_nothing() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join(VOLUME);
    fs::create_dir(&volume).unwrap();
    if !mount(
        &["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs"],
        &volume,
    ) {
        eprintln!("SKIPPED: nothing can be mounted here");
        return;
    }
    let _mounted = Mounted(&volume);
    let ballast = volume.join("lost+found");
    fs::write(&ballast, vec![0; 60 << 10]).unwrap();
    let ended = agent(folder.path(), &["--create-key-file"]).await;
    is_explained(&ended, 1, "No space left", "the disk is full");
    fs::remove_file(&ballast).unwrap();
    let mut bare = bare::binary(folder.path());
    let mut bare = Bare::start(bare.arg("--create-key-file"));
    bare.logged(STARTED).await;
    assert_eq!(bare.terminate().await.code(), Some(0));
    // A disk that is mounted read-only.
    assert!(
        mount(&["-o", "remount,ro"], &volume),
        "it was mounted for writing"
    );
    let ended = agent(folder.path(), &["--create-key-file"]).await;
    is_explained(&ended, 1, "Read-only file system", "read-write");
}

#[tokio::test]
async fn a_disk_that_fills_up_ends_the_agent_without_losing_a_message() {
    if !is_root() {
        return;
    }
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let volume = folder.path().join(VOLUME);
    fs::create_dir(&volume).unwrap();
    if !mount(&["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs"], &volume) {
        eprintln!("SKIPPED: nothing can be mounted here");
        return;
    }
    let _mounted = Mounted(&volume);
    let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
    let url = sim.url();
    let agent = Agent::start_in(Arc::clone(&folder), &url, &[]).await;
    let mut world = World::of(sim, agent);
    world.link().await;
    let ballast = volume.join("lost+found");
    let mut file = fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    for _ in 0..8 {
        let anna = world.peer(ANNA);
        anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    }
    assert_eq!(world.agent.ended().await.code(), Some(1));
    assert!(world.agent.has_stderr("No space left on device"));
    fs::remove_file(&ballast).unwrap();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.send(ANNA, WORD).await.unwrap();
    world.finish().await;
}

fn mount(args: &[&str], folder: &Path) -> bool {
    let mounted = Command::new("mount").args(args).arg(folder).status();
    mounted.is_ok_and(|status| status.success())
}

struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

#[tokio::test]
async fn the_first_process_of_a_container_chowns_the_volume_and_drops_root() {
    if !is_root() {
        return;
    }
    let unshare = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let possible = Command::new("unshare").args(unshare).arg("true").status();
    if !possible.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no process name spaces here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // As user 65532 sees it: the binary's own directory may be closed to others.
    let program = folder.path().join("openclaw-agent");
    fs::copy(bare::BINARY, &program).unwrap();
    let volume = folder.path().join(VOLUME);
    fs::create_dir(&volume).unwrap();
    fs::write(volume.join("lost+found"), "").unwrap();
    let mut container = bare::command("unshare", folder.path());
    container
        .env("PATH", "/usr/bin:/bin")
        .env("OPENCLAW_AUTH_KEY", new_key().await)
        .args(unshare)
        .arg(&program)
        .args(["--http", "127.0.0.1:0"])
        .args(["--socket", "run/agent.sock"])
        .args(["--whatsapp-url", "ws://127.0.0.1:1/ws/chat"]);
    let mut container = Bare::start_as_it_is(&mut container);
    let reported = container.logged("root privileges dropped").await;
    assert_eq!(
        (&reported["uid"], &reported["gid"]),
        (&65532.into(), &65532.into())
    );
    container.logged(STARTED).await;
    for name in ["", "lost+found", "vault.hdr", "vault-1.log", "lock"] {
        let owner = fs::metadata(volume.join(name)).unwrap();
        assert_eq!((owner.uid(), owner.gid()), (65532, 65532), "{name:?}");
    }
    let inside = container.only_child();
    let status = fs::read_to_string(format!("/proc/{inside}/status")).unwrap();
    for line in [
        "Uid:\t65532\t65532\t65532\t65532",
        "CapEff:\t0000000000000000",
        "NoNewPrivs:\t1",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
    let environment = fs::read(format!("/proc/{inside}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(!environment.contains("openclaw-key-"), "the key is gone");
    // The change of user clears the parent-death signal.
    container.terminate_child().await;
}
