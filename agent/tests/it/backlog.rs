//! Large backlogs, from the time when the agent was offline or arriving while it runs, on a slow disk: flat memory,
//! constant speed, and each message once.
//!
//! The disk is slowed down by a variable that only simulator builds read (state/src/failpoint.rs).

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, Peer};

use crate::harness::{ACCOUNT, TEST_TIMEOUT, WORD, World};

/// Additional milliseconds for each fsync.
const SLOW_DISK: &str = "OPENCLAW_SLOW_DISK_MS";
/// After this time, the library considers the offline backlog complete (`whatsapp/src/session/runtime.rs`).
const LIBRARY_LIMIT: Duration = Duration::from_secs(60);
/// The additional memory for a backlog, compared with a freshly started linked agent, in a debug build.
const SPARE_KIB: u64 = 10 * 1024;
const INTERVAL: Duration = Duration::from_millis(500);

/// The measurements of a backlog.
struct Drained {
    /// The number of messages left, over time.
    left: Vec<(Duration, usize)>,
    grown_kib: u64,
}

/// A linked agent that was stopped.
async fn away() -> World {
    let mut world = World::linked().await;
    world.all_acked().await;
    world.agent.terminate().await;
    world
}

fn peers(world: &World, count: usize) -> Vec<Peer> {
    let number = |n| format!("+1555020{n:04}");
    (0..count).map(|n| world.peer(&number(n))).collect()
}

/// Sends this many messages of at least `length` characters.
async fn write(peers: &[Peer], messages: usize, length: usize) {
    for n in 0..messages {
        let text = format!("{WORD} {n} {}", "~".repeat(length + n % 100));
        let peer = &peers[n % peers.len()];
        peer.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
    }
}

/// Starts the agent on a slow disk.
async fn restart_on_slow_disk(world: &mut World, millis: u64) {
    let url = world.sim.url();
    let slow = (SLOW_DISK, millis.to_string());
    let agent = &mut world.agent;
    agent
        .start_again_where(&url, &[], (slow.0, slow.1.as_str()))
        .await;
    let phone = world.phone();
    phone.wait_until_active(TEST_TIMEOUT).await.unwrap();
}

/// Samples until the backlog is empty.
async fn drained(world: &World, limit: Duration) -> Drained {
    let begun = Instant::now();
    let before = world.agent.peak_kib();
    let mut left = Vec::new();
    loop {
        let now = (begun.elapsed(), world.sim.owed(ACCOUNT).unwrap());
        left.push(now);
        if now.1 == 0 {
            break;
        }
        assert!(now.0 < limit, "{} are left after {:?}", now.1, now.0);
        tokio::time::sleep(INTERVAL).await;
    }
    let grown_kib = world.agent.peak_kib() - before;
    println!(
        "{} in {:?}: {grown_kib} KiB more than {before} KiB",
        left[0].1,
        begun.elapsed()
    );
    Drained { left, grown_kib }
}

impl Drained {
    /// When this fraction of the backlog was left.
    fn when(&self, part: f64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand messages")]
        let is_there =
            |(_, left): &&(Duration, usize)| *left as f64 <= part * self.left[0].1 as f64;
        self.left.iter().find(is_there).unwrap().0
    }
}

/// Each message was recorded once, and no warning was logged.
async fn check_each_recorded_once(world: &World, messages: usize) {
    let mut numbers = HashSet::new();
    for event in world.events().await {
        assert!(!matches!(event.kind, Some(Kind::Lost(_))), "{event:?}");
        if let Some(Kind::Message(message)) = event.kind {
            let mut words = message.text().split_whitespace();
            let number: usize = words.nth(1).unwrap().parse().unwrap();
            assert!(numbers.insert(number), "{number} is recorded twice");
        }
    }
    assert_eq!(numbers.len(), messages);
    let (log, _) = world.agent.output();
    let late = |line: &&String| line.contains("backlog stalled");
    assert_eq!(log.iter().find(late), None);
}

#[tokio::test]
async fn a_backlog_longer_than_the_librarys_limit_drains_at_constant_speed() {
    const MESSAGES: usize = 16_000;
    let mut world = away().await;
    write(&peers(&world, 8), MESSAGES, 20).await;
    restart_on_slow_disk(&mut world, 1_400).await;
    let logins = world.handshakes();
    let drained = drained(&world, 4 * LIBRARY_LIMIT).await;
    let whole = drained.when(0.0);
    assert!(whole > LIBRARY_LIMIT, "{whole:?} prove nothing");
    // The library used to process the last quarter one message at a time.
    let (first, last) = (drained.when(0.75), whole - drained.when(0.25));
    assert!(last < 2 * first, "{first:?} at first, {last:?} at last");
    assert!(drained.grown_kib < SPARE_KIB);
    world.agent.until_state(LinkState::Connected).await;
    assert_eq!(world.handshakes(), logins, "on one connection");
    check_each_recorded_once(&world, MESSAGES).await;
    world.finish().await;
}

#[tokio::test]
async fn many_chats_take_no_more_memory_than_few() {
    const MESSAGES: usize = 4_000;
    let mut world = away().await;
    write(&peers(&world, 1_000), MESSAGES, 20).await;
    restart_on_slow_disk(&mut world, 200).await;
    let drained = drained(&world, LIBRARY_LIMIT).await;
    // A session is also kept for each of them.
    assert!(drained.grown_kib < 2 * SPARE_KIB);
    check_each_recorded_once(&world, MESSAGES).await;
    world.finish().await;
}

#[tokio::test]
async fn long_messages_take_no_more_memory_than_short_ones() {
    const MESSAGES: usize = 1_000;
    let mut world = away().await;
    // One long message per chat: 32 MB in total.
    write(&peers(&world, 100), MESSAGES, 32 * 1024).await;
    restart_on_slow_disk(&mut world, 400).await;
    let drained = drained(&world, LIBRARY_LIMIT).await;
    assert!(drained.grown_kib < 3 * SPARE_KIB);
    check_each_recorded_once(&world, MESSAGES).await;
    world.finish().await;
}

#[tokio::test]
async fn messages_faster_than_a_slow_disk_stay_on_the_server() {
    const MESSAGES: usize = 4_000;
    let mut world = away().await;
    restart_on_slow_disk(&mut world, 20).await;
    world.receives_again().await;
    write(&peers(&world, 100), MESSAGES, 20).await;
    let drained = drained(&world, 3 * LIBRARY_LIMIT).await;
    assert!(drained.grown_kib < 2 * SPARE_KIB);
    world.finish().await;
}

/// Runs within a container's memory limit. Requires permission to create a cgroup (version 1), and takes minutes:
///
/// ```sh
/// cargo test --release --locked -p openclaw-agent --features sim --test it -- --ignored two_hundred_thousand --nocapture
/// ```
///
/// A debug build needs more: `OPENCLAW_TEST_MEMORY_MIB=56`.
#[tokio::test]
#[ignore = "takes minutes, and a cgroup"]
async fn two_hundred_thousand_messages_are_drained_in_32_megabytes() {
    const MESSAGES: usize = 200_000;
    let mebibytes = std::env::var("OPENCLAW_TEST_MEMORY_MIB");
    let limit = Cgroup::of(mebibytes.map_or(32, |mebibytes| mebibytes.parse().unwrap()) << 20);
    let mut world = away().await;
    write(&peers(&world, 8), MESSAGES, 20).await;
    // Batches of 400 are made durable: at least 100 s for the disk alone.
    restart_on_slow_disk(&mut world, 200).await;
    limit.holds(world.agent.pid());
    let drained = drained(&world, 20 * LIBRARY_LIMIT).await;
    let (first, last) = (drained.when(0.75), drained.when(0.0) - drained.when(0.25));
    println!("the first quarter took {first:?}, the last {last:?}");
    assert!(last < 2 * first);
    world.finish().await;
}

/// A memory limit, enforced by the kernel.
struct Cgroup(PathBuf);

impl Cgroup {
    fn of(bytes: u64) -> Self {
        let dir = PathBuf::from(format!(
            "/sys/fs/cgroup/memory/openclaw-{}",
            std::process::id()
        ));
        fs::create_dir(&dir).expect("the right to make a cgroup");
        fs::write(dir.join("memory.limit_in_bytes"), bytes.to_string()).unwrap();
        Self(dir)
    }

    fn holds(&self, pid: u32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // It is empty once its process has ended; a leftover is harmless.
        let _ = fs::remove_dir(&self.0);
    }
}
