//! `kill -9` at named places (state/src/failpoint.rs) and at any moment, while eight people write and are written to.
//!
//! Whatever the moment: what was acknowledged to WhatsApp is in the journal, or an event says that it may not be; nothing
//! is there twice; what is in a chat is in its order; no message key is used twice, and a token is one message at its
//! recipient.

mod crowd;
mod told;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{Class, Owed};

use crate::harness::{ACCOUNT, Agent, LARGE_JOURNAL_MIB, STARTED, TEST_TIMEOUT, World, chance};
use crate::kills::crowd::{Crowd, Letters};
use crate::kills::told::Told;

/// How long an agent is given to come past its place. It is killed then, wherever it is.
const LIMIT: Duration = Duration::from_secs(6);

/// The places, and the most times that an agent comes past one before it ends there.
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

/// What the log says of a message that is lost.
const NOT_KEPT: &str = "redelivered message cannot be decrypted again, recorded as lost";

/// How an agent ends.
enum Shot {
    /// At a place, at its so-many-th pass.
    At(&'static str, u32),
    /// So long after its start.
    After(Duration),
}

#[tokio::test]
async fn an_agent_killed_at_every_place_loses_nothing_and_doubles_nothing() {
    let mut random = chance(1);
    let rounds = kills(112) / PLACES.len();
    let mut shots: Vec<Shot> = PLACES
        .iter()
        .flat_map(|(place, most)| std::iter::repeat_n((*place, *most), rounds))
        .map(|(place, most)| Shot::At(place, random.u32(1..=most)))
        .collect();
    random.shuffle(&mut shots);
    let died = killed(shots, random).await;
    // A place that no one comes past proves nothing.
    let missed = PLACES.map(|(place, _)| place);
    let missed: Vec<_> = missed
        .iter()
        .filter(|place| died.get(*place).is_none_or(|times| times * 2 < rounds))
        .collect();
    assert!(missed.is_empty(), "hardly ever reached: {missed:?}");
}

#[tokio::test]
async fn an_agent_killed_at_any_moment_loses_nothing_and_doubles_nothing() {
    let mut random = chance(2);
    let moment = |_| Shot::After(Duration::from_micros(random.u64(..900_000)));
    let shots = (0..kills(88)).map(moment).collect();
    killed(shots, random).await;
}

/// A ratchet that is durable before the message that it opened is the one window that the library leaves open (design,
/// "WhatsApp itself"): the message is lost although it was acknowledged to WhatsApp, and the journal reports it.
#[tokio::test]
async fn a_message_killed_between_its_ratchet_and_its_row_is_reported_as_lost() {
    let mut world = World::linked().await;
    let mut crowd = Crowd::gather(&world, Rng::with_seed(0)).await;
    // Everyone has a session, so that nothing but the ratchets changes. Those of groups are written after the others.
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

/// What the phone sends to its companions, keys and the like, is not an event, and is not lost either.
#[tokio::test]
async fn protocol_messages_are_not_reported_as_lost() {
    let mut world = World::new().await;
    let url = world.sim.url();
    world.agent.kill().await;
    let begun = world.agent.count_logged(STARTED);
    // The phone's first words are in the journal and are not acked; then someone else's message has all ratchets written.
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

/// Kills the agent so often under traffic, and checks what must hold then. How often it died at which place.
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
        let args = ["--journal-size", LARGE_JOURNAL_MIB];
        agent.start_again_with(&url, &args).await;
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
    // A message that is lost is for a person; one that came twice is not.
    let errors = world.agent.errors();
    let unexpected: Vec<_> = errors.iter().filter(|error| *error != NOT_KEPT).collect();
    assert_eq!(unexpected, [""; 0]);
    // The simulator has verified every signature and every MAC, and that no message key came twice.
    world.finish().await;
    died
}

/// Starts an agent and ends it. Where that was.
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
