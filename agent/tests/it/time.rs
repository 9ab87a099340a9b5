//! Steps of the system's clock and their effects. A simulator build reads the offset of its clock from a file.

use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_sim::{By, Sim};
use prost_types::Timestamp;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::{ACCOUNT, ANNA, Agent, BERT, WORD, World, fact, refusal, request};

const VARIABLE: &str = "OPENCLAW_CLOCK_OFFSET_FILE";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;
const NOTICED: &str = "system clock stepped; timers and retention are not affected";

/// The system's clock as the agent sees it.
struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A linked and connected agent, with its clock.
    async fn with_agent(settings: &[(&str, &str)]) -> (Self, World) {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = Self {
            file: folder.path().join("clock"),
        };
        clock.set(0);
        let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
        let mut environment = settings.to_vec();
        environment.push((VARIABLE, clock.path()));
        let agent = Agent::start_within(folder, &sim.url(), &environment).await;
        let world = World::of(sim, agent);
        world.link().await;
        (clock, world)
    }

    fn path(&self) -> &str {
        self.file.to_str().unwrap()
    }

    /// Sets the offset. The agent detects it at its next check.
    fn set(&self, seconds: i64) {
        let mut options = std::fs::OpenOptions::new();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.file);
        // A single write of constant length: the agent may read the file at any moment.
        let text = format!("{seconds:<20}");
        file.unwrap().write_all_at(text.as_bytes(), 0).unwrap();
    }

    /// Steps the clock, and waits until the agent has detected it.
    async fn step(&self, world: &World, seconds: i64) {
        let before = steps(world).await.steps;
        self.set(seconds);
        let after = steps(world).await;
        assert_eq!(after.steps, before + 1, "Status checks the clock");
    }
}

async fn steps(world: &World) -> pb::Clock {
    world.agent.status().await.clock.unwrap()
}

/// Seconds from the clock as set until a time that the agent reports.
fn ahead(at: &Timestamp, set: i64) -> f64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let at = at.seconds as f64 + f64::from(at.nanos) / 1e9;
    at - now.as_secs_f64() - set as f64
}

fn tokened(to: &str, text: &str, token: &str) -> pb::SendRequest {
    pb::SendRequest {
        client_token: token.to_owned(),
        ..request(to, &format!("{WORD} {text}"))
    }
}

#[tokio::test]
async fn a_clock_step_does_not_change_retry_delays() {
    for by in [-45, -2 * HOUR, 2 * HOUR] {
        let (clock, world) = Clock::with_agent(&[]).await;
        world.cut_off().await;
        // The delays are 1, 1, 2, 3 and 5 s.
        let waits =
            |link: &pb::LinkStatus| link.state() == LinkState::BackingOff && link.attempt >= 4;
        let before = world.agent.until(waits).await;
        let planned = ahead(&before.retry_at.unwrap(), 0);
        let began = Instant::now();
        clock.step(&world, by).await;
        let link = world.agent.link().await;
        let next = ahead(&link.retry_at.unwrap(), by);
        assert!((-0.5..=planned + 0.5).contains(&next), "{by}: in {next} s");
        world
            .agent
            .until(|link| link.state() != LinkState::BackingOff || link.attempt > before.attempt)
            .await;
        let waited = began.elapsed().as_secs_f64();
        assert!(waited < planned + 3.0, "{by}: {waited} s for {planned} s");
        world.finish().await;
    }
}

#[tokio::test]
async fn a_clock_step_is_reported_and_drops_no_connection() {
    let (clock, world) = Clock::with_agent(&[("OPENCLAW_READY_AFTER", "1")]).await;
    world.agent.until(|link| link.ready).await;
    assert_eq!(steps(&world).await, pb::Clock::default());
    let handshakes = world.handshakes();
    let linked_at = world.agent.link().await.linked_at;
    for (count, by) in [(1, YEAR), (2, -HOUR), (3, 0)] {
        clock.step(&world, by).await;
        let seen = steps(&world).await;
        assert_eq!(seen.steps, count);
        assert!(ahead(&seen.last_step_at.unwrap(), by).abs() < 5.0);
        assert_eq!(world.agent.get("/health/ready").await.code, 200, "{by}");
        let link = world.everything_reports_connected().await;
        assert_eq!(link.linked_at, linked_at, "recorded times do not change");
        assert!(ahead(&link.since.unwrap(), by) < 0.0);
    }
    world.agent.logged_times(NOTICED, 3).await;
    // It is detected without a call.
    clock.set(DAY);
    world.agent.logged_times(NOTICED, 4).await;
    world.receives_again().await;
    assert_eq!(world.handshakes(), handshakes, "the connection has stayed");
    world.finish().await;
}

#[tokio::test]
async fn a_clock_stepped_back_does_not_extend_pacing() {
    let settings = [("OPENCLAW_SEND_RATE", "30"), ("OPENCLAW_SEND_BURST", "2")];
    for by in [-HOUR, -20, YEAR] {
        let (clock, world) = Clock::with_agent(&settings).await;
        world.send(ANNA, WORD).await.unwrap();
        world.send(BERT, WORD).await.unwrap();
        clock.step(&world, by).await;
        let mut last = f64::INFINITY;
        let began = Instant::now();
        loop {
            let sent = world.send_with(tokened(BERT, "again", "t")).await;
            let Err(refused) = sent else { break };
            assert_eq!(refusal(&refused), (Code::ResourceExhausted, "PACED".into()));
            let retry: Timestamp = fact(&refused, "retry_at").unwrap().parse().unwrap();
            let next = ahead(&retry, by);
            assert!(next < last && next <= 2.0, "{by}: in {next} s after {last}");
            last = next;
            let delay = refused.get_details_retry_info().unwrap().retry_delay;
            tokio::time::sleep(delay.unwrap().max(Duration::from_millis(20))).await;
        }
        assert!(began.elapsed() < Duration::from_secs(4), "{by}");
        world.finish().await;
    }
}

#[tokio::test]
async fn a_temporarily_wrong_clock_drops_no_token_and_no_event() {
    for by in [8 * DAY, YEAR, -YEAR] {
        let (clock, mut world) = Clock::with_agent(&[]).await;
        let first = world.send_with(tokened(ANNA, "once", "t")).await.unwrap();
        // More than one chunk of the journal, so that retention could remove something.
        for n in 0..8 {
            let text = format!("{WORD} {n} {}", "x".repeat(60_000));
            let peer = world.peer(BERT);
            peer.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
        }
        world.all_acked().await;
        let events = world.agent.status().await.events.unwrap();
        for set in [by, 0, by] {
            clock.step(&world, set).await;
            world.send(BERT, &format!("{WORD} at {set}")).await.unwrap();
            let again = world.send_with(tokened(ANNA, "once", "t")).await.unwrap();
            assert_eq!(again.message_id, first.message_id, "{set}: the same token");
        }
        // A restart with a wrong clock, after a kill.
        world.agent.kill().await;
        let (url, variable) = (world.sim.url(), (VARIABLE, clock.path()));
        world.agent.start_again_where(&url, &[], variable).await;
        world.agent.until_state(LinkState::Connected).await;
        world.send(BERT, &format!("{WORD} {by}")).await.unwrap();
        let again = world.send_with(tokened(ANNA, "once", "t")).await.unwrap();
        assert_eq!(again.message_id, first.message_id, "{by}: after a start");
        let now = world.agent.status().await.events.unwrap();
        assert_eq!(now.oldest, events.oldest, "{by}: nothing was removed");
        let texts = world
            .events()
            .await
            .iter()
            .filter_map(crate::harness::message)
            .count();
        assert_eq!(texts, 8, "{by}");
        world.finish().await;
    }
}

#[tokio::test]
async fn retention_does_not_depend_on_clock_steps() {
    let (clock, world) = Clock::with_agent(&[]).await;
    world.cut_off().await;
    let keep = |token: &str, seconds| pb::SendRequest {
        queue: true,
        keep_for: crate::harness::seconds(seconds),
        ..tokened(ANNA, token, token)
    };
    world.send_with(keep("long", 600)).await.unwrap();
    world.send_with(keep("short", 4)).await.unwrap();
    let began = Instant::now();
    for by in [YEAR, -HOUR] {
        clock.step(&world, by).await;
        let queue = world
            .client()
            .list_queue(pb::ListQueueRequest::default())
            .await;
        let queue = queue.unwrap().into_inner().messages;
        assert_eq!(queue.len(), 2, "{by}");
        let left = ahead(&queue[0].queued_until.unwrap(), by);
        assert!((500.0..=600.0).contains(&left), "{by}: {left}");
    }
    loop {
        let queue = world
            .client()
            .list_queue(pb::ListQueueRequest::default())
            .await;
        if queue.unwrap().into_inner().messages.len() == 1 {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "its retention period is over"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.finish().await;
}
