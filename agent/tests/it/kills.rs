//! `kill -9` at failpoints (state/src/failpoint.rs) and at random moments, while eight people exchange messages with
//! the account.
//!
//! Invariants, whatever the moment: a message acked to WhatsApp is in the journal, or an event reports it as possibly
//! lost; nothing is recorded twice; each chat is in order; no message key is used twice; and each token is one message
//! at its recipient.

mod people;
mod recorded;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{Class, Owed};

use crate::harness::{ACCOUNT, Agent, LARGE_JOURNAL_MIB, STARTED, TEST_TIMEOUT, World, chance};
use crate::kills::people::{People, SentMessages};
use crate::kills::recorded::Recorded;

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
enum Kill {
    /// At a failpoint, at this pass.
    At(&'static str, u32),
    /// This long after its start.
    After(Duration),
}

#[tokio::test]
async fn kills_at_failpoints_lose_and_duplicate_nothing() {
    let mut random = chance(1);
    let rounds = kills(112) / PLACES.len();
    let mut kills_to_make: Vec<Kill> = PLACES
        .iter()
        .flat_map(|(place, most)| std::iter::repeat_n((*place, *most), rounds))
        .map(|(place, most)| Kill::At(place, random.u32(1..=most)))
        .collect();
    random.shuffle(&mut kills_to_make);
    let ended_at = killed(kills_to_make, random).await;
    // A failpoint that is hardly reached proves nothing.
    let missed = PLACES.map(|(place, _)| place);
    let missed: Vec<_> = missed
        .iter()
        .filter(|place| ended_at.get(*place).is_none_or(|times| times * 2 < rounds))
        .collect();
    assert!(missed.is_empty(), "hardly ever reached: {missed:?}");
}

#[tokio::test]
async fn kills_at_random_moments_lose_and_duplicate_nothing() {
    let mut random = chance(2);
    let moment = |_| Kill::After(Duration::from_micros(random.u64(..900_000)));
    let kills_to_make = (0..kills(88)).map(moment).collect();
    killed(kills_to_make, random).await;
}

/// The library makes a ratchet durable before the message that it decrypted: the one gap that it leaves open (design,
/// "WhatsApp itself"). A message in that gap was acked and is lost, and the journal reports it.
#[tokio::test]
async fn a_kill_between_ratchet_and_row_is_reported_as_a_lost_message() {
    let mut world = World::linked().await;
    let mut people = People::create(&world, Rng::with_seed(0)).await;
    // All sessions are established, so that only the ratchets change. Those of groups are written after the others.
    people.grouped = false;
    people.write(16).await;
    world.all_acked().await;
    let url = world.sim.url();
    for place in ["decrypted:1,flushed:1", "decrypted:3,flushed:1"] {
        world.agent.kill().await;
        let begun = world.agent.count_logged(STARTED);
        world.agent.start_with_failpoint(&url, Some(place));
        world.agent.started_times(begun + 1).await;
        world.agent.until_state(LinkState::Connected).await;
        people.write(8).await;
        assert!(world.agent.kills_itself_within(LIMIT).await, "{place}");
        world.agent.start_again(&url).await;
        world.agent.until_state(LinkState::Connected).await;
        world.all_acked().await;
    }
    let recorded = Recorded::of(&world, &people).await;
    recorded.check(&people);
    assert_eq!(recorded.lost(), 2, "one for each time");
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
    world
        .agent
        .start_with_failpoint(&url, Some("durable:1,flushed:1"));
    world.agent.started_times(begun + 1).await;
    world.link().await;
    let own = ACCOUNT.trim_start_matches('+');
    let is_own = |owed: &Owed| owed.class == Class::Message && owed.from == own;
    let spoken = || world.sim.queue(ACCOUNT).unwrap().iter().any(is_own);
    world.sim.until(TEST_TIMEOUT, spoken).await.unwrap();
    let mut people = People::create(&world, Rng::with_seed(0)).await;
    people.grouped = false;
    people.write(8).await;
    assert!(world.agent.kills_itself_within(LIMIT).await);
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.all_acked().await;
    for event in world.events().await {
        assert!(!matches!(event.kind, Some(Kind::Lost(_))), "{event:?}");
    }
    world.finish().await;
}

/// Kills the agent this often under traffic, and checks the invariants. Returns how often it ended at each failpoint.
async fn killed(kills_to_make: Vec<Kill>, mut random: Rng) -> BTreeMap<&'static str, usize> {
    let mut world = World::linked().await;
    let mut people = People::create(&world, random.fork()).await;
    let mut sent_messages = SentMessages::new(&world, &people, random.fork());
    let url = world.sim.url();
    let done = Cell::new(false);
    let mut ended_at = BTreeMap::new();
    let World { sim, agent, .. } = &mut world;
    let killing = async {
        agent.kill().await;
        for kill in kills_to_make {
            let place = start_and_kill(agent, &url, &kill).await;
            *ended_at.entry(place).or_default() += 1;
        }
        let args = ["--journal-size", LARGE_JOURNAL_MIB];
        agent.start_again_with(&url, &args).await;
        agent.until_state(LinkState::Connected).await;
        done.set(true);
    };
    tokio::join!(
        killing,
        people.write_until(sim, &done),
        sent_messages.send_until(&done)
    );
    world.all_acked().await;
    let recorded = Recorded::of(&world, &people).await;
    println!("ended at {ended_at:?}; {recorded}, and {sent_messages}");
    recorded.check(&people);
    sent_messages.check_delivered_once(&world.sim).await;
    assert_eq!(world.phone().companions().len(), 1, "the same device");
    // A lost message is an ERROR, a duplicate is not.
    let errors = world.agent.errors();
    let unexpected: Vec<_> = errors.iter().filter(|error| *error != NOT_KEPT).collect();
    assert_eq!(unexpected, [""; 0]);
    // The simulator has verified every signature and MAC, and that no message key was used twice.
    world.finish().await;
    ended_at
}

/// Starts an agent and kills it. Returns the failpoint.
async fn start_and_kill(agent: &mut Agent, url: &str, kill: &Kill) -> &'static str {
    match kill {
        Kill::At(place, passes) => {
            agent.start_with_failpoint(url, Some(&format!("{place}:{passes}")));
            if agent.kills_itself_within(LIMIT).await {
                return place;
            }
        }
        Kill::After(moment) => {
            agent.start_with_failpoint(url, None);
            tokio::time::sleep(*moment).await;
        }
    }
    agent.kill().await;
    "any"
}

fn kills(usual: usize) -> usize {
    let set = std::env::var("OPENCLAW_TEST_KILLS").ok();
    set.map_or(usual, |kills| kills.parse().unwrap())
}
