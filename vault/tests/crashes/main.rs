//! Crash tests: random histories of a store and of its journal on a simulated disk, each from a seed.
//!
//! `VAULT_CRASH_SECONDS` sets the duration; a release build also continues until it has done 100,000 crashes. The
//! seeds are 0, 1, 2 and so on, or start at `OPENCLAW_TEST_SEED`. `VAULT_CRASH_SEED`, `JOURNAL_CRASH_SEED`,
//! `ERASURE_CRASH_SEED` and `REPLACEMENT_CRASH_SEED` reproduce one failed history.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod disk;
mod erasure;
mod inode;
mod journal;
mod ledger;
mod model;
mod records;
mod replacement;
mod run;
mod usage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use journal::Life;
use run::Run;

/// The minimum number of crashes.
const CRASHES: u64 = if cfg!(debug_assertions) { 100 } else { 100_000 };

fn seconds() -> u64 {
    let seconds = std::env::var("VAULT_CRASH_SECONDS").ok();
    let seconds = seconds.map(|seconds| seconds.parse().unwrap());
    seconds.unwrap_or(if cfg!(debug_assertions) { 2 } else { 60 })
}

#[test]
fn after_any_crash_a_store_has_all_durable_records() {
    crash("VAULT_CRASH_SEED", 1, |seed| Run::new(seed).live());
}

#[test]
fn after_any_crash_a_journal_has_all_durable_events_once_and_in_order() {
    // A history of the journal writes far more than one of the store.
    crash("JOURNAL_CRASH_SEED", 20, |seed| Life::new(seed).live());
}

#[test]
fn a_crashed_erasure_leaves_everything_or_what_outlives_it() {
    crash("ERASURE_CRASH_SEED", 20, erasure::end);
}

#[test]
fn a_crashed_replacement_leaves_the_old_records_or_the_new_ones() {
    crash("REPLACEMENT_CRASH_SEED", 20, replacement::replace);
}

/// Runs histories for this share of the time and of the crashes.
fn crash(variable: &str, part: u32, live: impl Fn(u64) -> u32 + Sync) {
    if let Ok(seed) = std::env::var(variable) {
        live(seed.parse().unwrap());
        return;
    }
    let (crashes, lives, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let first = std::env::var("OPENCLAW_TEST_SEED").ok();
    let next = AtomicU64::new(first.map_or(0, |seed| seed.parse().unwrap()));
    let start = Instant::now();
    let least = Duration::from_secs(seconds()) / part;
    let enough = CRASHES / u64::from(part);
    let goes_on = || {
        let short = start.elapsed() < least || crashes.load(Ordering::Relaxed) < enough;
        short && !failed.load(Ordering::Relaxed)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while goes_on() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    match catch_unwind(AssertUnwindSafe(|| live(seed))) {
                        Ok(lived) => {
                            crashes.fetch_add(u64::from(lived), Ordering::Relaxed);
                            lives.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => {
                            eprintln!("reproduce with {variable}={seed}");
                            failed.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    println!(
        "{} crashes in {} histories, {:.0} s",
        crashes.into_inner(),
        lives.into_inner(),
        start.elapsed().as_secs_f64()
    );
    assert!(!failed.into_inner(), "a history failed; see the seed above");
}
