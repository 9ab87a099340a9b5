//! One process per volume, even if its files are moved or replaced while it runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use openclaw_proto::v1::LinkState;
use openclaw_sim::By;

use crate::harness::{ACCOUNT, ANNA, WORD, World, bare};

/// The output of a second agent on a volume, which does not wait.
fn refused(world: &World, dir: &Path) -> Output {
    let mut second = Command::new(bare::BINARY);
    second
        .env_clear()
        .current_dir(world.agent.folder())
        .args(["--socket", "second.sock", "--http", "127.0.0.1:0"])
        .args(["--whatsapp-url", &world.sim.url(), "--lock-wait", "0"])
        .arg("--auth-dir")
        .arg(dir)
        .arg("--auth-key-file")
        .arg(world.agent.key_file());
    second.output().unwrap()
}

#[track_caller]
fn reports_in_use(ended: &Output) {
    let text = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{text}");
    let in_use = text.contains("in use by") || text.contains("open in another process");
    assert!(
        in_use && text.contains("hint: stop the other process"),
        "{text}"
    );
}

#[tokio::test]
async fn removing_the_lock_file_does_not_admit_a_second_agent() {
    let world = World::linked().await;
    let volume = world.agent.volume();
    let lock = volume.join("lock");
    fs::remove_file(&lock).unwrap();
    reports_in_use(&refused(&world, &volume));
    fs::write(&lock, "").unwrap();
    reports_in_use(&refused(&world, &volume));
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    reports_in_use(&refused(&world, &volume));
    world.agent.until_state(LinkState::Connected).await;
    world.finish().await;
}

#[tokio::test]
async fn another_path_to_a_volume_does_not_admit_a_second_agent() {
    let world = World::linked().await;
    let volume = world.agent.volume();
    let link = world.agent.folder().join("link");
    symlink(&volume, &link).unwrap();
    reports_in_use(&refused(&world, &link));
    // Another directory with the same files.
    let twin = world.agent.folder().join("twin");
    fs::create_dir(&twin).unwrap();
    for entry in fs::read_dir(&volume).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "lock" {
            fs::hard_link(entry.path(), twin.join(entry.file_name())).unwrap();
        }
    }
    reports_in_use(&refused(&world, &twin));
    world.agent.until_state(LinkState::Connected).await;
    world.finish().await;
}

/// Each manipulation of a volume; the agent exits at its next write, or soon without one.
#[tokio::test]
async fn an_agent_whose_volume_is_moved_or_replaced_ends_with_the_reason() {
    let moved: fn(&Path) = |volume| fs::rename(volume, volume.with_extension("2")).unwrap();
    let copied_back: fn(&Path) = |volume| {
        let away = volume.with_extension("2");
        fs::rename(volume, &away).unwrap();
        fs::create_dir(volume).unwrap();
        for entry in fs::read_dir(&away).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), volume.join(entry.file_name())).unwrap();
        }
    };
    let log_replaced: fn(&Path) = |volume| {
        for entry in fs::read_dir(volume).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "log") {
                let copy = path.with_extension("copy");
                fs::copy(&path, &copy).unwrap();
                fs::rename(&copy, &path).unwrap();
            }
        }
    };
    let header_removed: fn(&Path) = |volume| fs::remove_file(volume.join("vault.hdr")).unwrap();
    for (done, is_busy) in [
        (moved, true),
        (copied_back, true),
        (copied_back, false),
        (log_replaced, true),
        (header_removed, false),
    ] {
        let mut world = World::linked().await;
        world.all_acked().await;
        done(&world.agent.volume());
        let mut sent = None;
        if is_busy {
            let anna = world.peer(ANNA);
            sent = Some(anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap());
        }
        let ended = world.agent.ended().await;
        assert!(!ended.success());
        let acks = world.sim.acks(ACCOUNT).unwrap();
        assert!(acks.iter().all(|ack| Some(&ack.id) != sent.as_ref()));
        assert!(world.agent.has_stderr("is not the file that was opened"));
        assert!(world.agent.has_stderr("hint: only one process may change"));
        world.abandon();
    }
}

/// A key command next to an agent uses the same lock.
#[tokio::test]
async fn a_key_command_is_locked_out_too() {
    let world = World::linked().await;
    fs::remove_file(world.agent.volume().join("lock")).unwrap();
    let mut command = Command::new(bare::BINARY);
    command
        .env_clear()
        .args(["keys", "rotate-data", "--lock-wait", "0", "--auth-dir"])
        .arg(world.agent.volume())
        .arg("--auth-key-file")
        .arg(world.agent.key_file());
    let ended = command.output().unwrap();
    let text = String::from_utf8_lossy(&ended.stderr);
    assert!(text.contains("in use by"), "{text}");
    world.finish().await;
}
