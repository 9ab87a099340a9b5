//! `kill -9` at failpoints (state/src/failpoint.rs) and at random moments, while eight people exchange messages with
//! the account.
//!
//! Invariants, whatever the moment: a message acked to WhatsApp is in the journal, or an event reports it as possibly
//! lost; nothing is recorded twice; each chat is in order; no message key is used twice; and each token is one message
//! at its recipient.

mod crowd;
mod told;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{Class, Owed};

use crate::harness::{ACCOUNT, Agent, STARTED, TEST_TIMEOUT, World, chance};
use crate::kills::crowd::{Crowd, Letters};
use crate::kills::told::Told;

/// How long an agent may take to reach its failpoint. It is killed then in any case.
const LIMIT: Duration = Duration::from_secs(6);

/// The failpoints, with the maximum number of passes before the kill.
const PLACES: [(&str, u32); 14] = [
    ("decrypted", 12),
    ("pending", 12),
    ("journaling", 12),
    ("journaled", 12),
    ("durable", 12),
    ("acked", 12),
    ("flushing", 8),
    ("flushed", 8),
    ("compacting", 4),
    ("compacted", 4),
    ("rolling", 1),
    ("rolled", 1),
    ("claimed", 2),
    ("handed", 2),
];

/// The log message for a lost message.
const NOT_KEPT: &str = "redelivered message cannot be decrypted again, recorded as lost";

/// When an agent is killed.
enum Shot {
    /// At a failpoint, at this pass.
    At(&'static str, u32),
    /// This long after its start.
    After(Duration),
}

#[tokio::test]
async fn kills_at_failpoints_lose_and_duplicate_nothing() {
    let mut random = chance(1);
    let rounds = kills(112) / PLACES.len();
    let mut shots: Vec<Shot> = PLACES
        .iter()
        .flat_map(|(place, most)| std::iter::repeat_n((*place, *most), rounds))
        .map(|(place, most)| Shot::At(place, random.u32(1..=most)))
        .collect();
    random.shuffle(&mut shots);
    let died = killed(shots, random).await;
    // A failpoint that is hardly reached proves nothing.
    let missed = PLACES.map(|(place, _)| place);
    let missed: Vec<_> = missed
        .iter()
        .filter(|place| died.get(*place).is_none_or(|times| times * 2 < rounds))
        .collect();
    assert!(missed.is_empty(), "hardly ever reached: {missed:?}");
}

#[tokio::test]
async fn kills_at_random_moments_lose_and_duplicate_nothing() {
    let mut random = chance(2);
    let moment = |_| Shot::After(Duration::from_micros(random.u64(..900_000)));
    let shots = (0..kills(88)).map(moment).collect();
    killed(shots, random).await;
}

/// The library makes a ratchet durable before the message that it decrypted: the one gap that it leaves open (design,
/// "WhatsApp itself"). A message in that gap was acked and is lost, and the journal reports it.
#[tokio::test]
async fn a_kill_between_ratchet_and_row_is_reported_as_a_lost_message() {
    let mut world = World::linked().await;
    let mut crowd = Crowd::gather(&world, Rng::with_seed(0)).await;
    // All sessions are established, so that only the ratchets change. Those of groups are written after the others.
    crowd.grouped = false;
    crowd.write(16).await;
    world.all_acked().await;
    let url = world.sim.url();
    for place in ["decrypted:1,flushed:1", "decrypted:3,flushed:1"] {
        world.agent.kill().await;
        let begun = world.agent.count_logged(STARTED);
        world.agent.start_doomed(&url, Some(place));
        world.agent.begun(begun + 1).await;
        world.agent.until_state(LinkState::Connected).await;
        crowd.write(8).await;
        assert!(world.agent.dies_within(LIMIT).await, "{place}");
        world.agent.start_again(&url).await;
        world.agent.until_state(LinkState::Connected).await;
        world.all_acked().await;
    }
    let told = Told::of(&world, &crowd).await;
    told.holds(&crowd);
    assert_eq!(told.lost(), 2, "one for each time");
    world.finish().await;
}

/// Protocol messages from the phone to its companions, such as keys, are no events and must not be reported as lost.
#[tokio::test]
async fn protocol_messages_are_not_reported_as_lost() {
    let mut world = World::new().await;
    let url = world.sim.url();
    world.agent.kill().await;
    let begun = world.agent.count_logged(STARTED);
    // The phone's first messages are recorded but not acked; another message then causes all ratchets to be written.
    world.agent.start_doomed(&url, Some("durable:1,flushed:1"));
    world.agent.begun(begun + 1).await;
    world.link().await;
    let own = ACCOUNT.trim_start_matches('+');
    let is_own = |owed: &Owed| owed.class == Class::Message && owed.from == own;
    let spoken = || world.sim.queue(ACCOUNT).unwrap().iter().any(is_own);
    world.sim.until(TEST_TIMEOUT, spoken).await.unwrap();
    let mut crowd = Crowd::gather(&world, Rng::with_seed(0)).await;
    crowd.grouped = false;
    crowd.write(8).await;
    assert!(world.agent.dies_within(LIMIT).await);
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.all_acked().await;
    for event in world.events().await {
        assert!(!matches!(event.kind, Some(Kind::Lost(_))), "{event:?}");
    }
    world.finish().await;
}

/// Kills the agent this often under traffic, and checks the invariants. Returns how often it ended at each failpoint.
async fn killed(shots: Vec<Shot>, mut random: Rng) -> BTreeMap<&'static str, usize> {
    let mut world = World::linked().await;
    let mut crowd = Crowd::gather(&world, random.fork()).await;
    let mut letters = Letters::new(&world, &crowd, random.fork());
    let url = world.sim.url();
    let done = Cell::new(false);
    let mut died = BTreeMap::new();
    let World { sim, agent, .. } = &mut world;
    let shoot = async {
        agent.kill().await;
        for shot in shots {
            let place = fall(agent, &url, &shot).await;
            *died.entry(place).or_default() += 1;
        }
        agent.start_again(&url).await;
        agent.until_state(LinkState::Connected).await;
        done.set(true);
    };
    tokio::join!(
        shoot,
        crowd.write_until(sim, &done),
        letters.send_until(&done)
    );
    world.all_acked().await;
    let told = Told::of(&world, &crowd).await;
    println!("died at {died:?}; {told}, and {letters}");
    told.holds(&crowd);
    letters.came_once();
    assert_eq!(world.phone().companions().len(), 1, "the same device");
    // A lost message is an ERROR, a duplicate is not.
    let errors = world.agent.errors();
    let unexpected: Vec<_> = errors.iter().filter(|error| *error != NOT_KEPT).collect();
    assert_eq!(unexpected, [""; 0]);
    // The simulator has verified every signature and MAC, and that no message key was used twice.
    world.finish().await;
    died
}

/// Starts an agent and kills it. Returns the failpoint.
async fn fall(agent: &mut Agent, url: &str, shot: &Shot) -> &'static str {
    match shot {
        Shot::At(place, passes) => {
            agent.start_doomed(url, Some(&format!("{place}:{passes}")));
            if agent.dies_within(LIMIT).await {
                return place;
            }
        }
        Shot::After(moment) => {
            agent.start_doomed(url, None);
            tokio::time::sleep(*moment).await;
        }
    }
    agent.kill().await;
    "any"
}

fn kills(usual: usize) -> usize {
    let told = std::env::var("OPENCLAW_TEST_KILLS").ok();
    told.map_or(usual, |kills| kills.parse().unwrap())
}
