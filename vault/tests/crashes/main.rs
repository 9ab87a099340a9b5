//! Crashes without number: random lives of a store on a simulated disk, each from a seed.
//!
//! `VAULT_CRASH_SECONDS` says for how long; built for speed it goes on until 100,000 crashes are through, too.
//! `VAULT_CRASH_SEED` lives one life again, as a failure tells it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod disk;
mod inode;
mod ledger;
mod model;
mod run;
mod usage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use run::Run;

/// Crashes that a build made for speed goes through at least.
const CRASHES: u64 = if cfg!(debug_assertions) { 100 } else { 100_000 };

fn seconds() -> u64 {
    let told = std::env::var("VAULT_CRASH_SECONDS").ok();
    let told = told.map(|seconds| seconds.parse().unwrap());
    told.unwrap_or(if cfg!(debug_assertions) { 2 } else { 60 })
}

#[test]
fn whatever_ends_it_a_store_opens_with_all_that_was_durable() {
    if let Ok(seed) = std::env::var("VAULT_CRASH_SEED") {
        Run::new(seed.parse().unwrap()).live();
        return;
    }
    let (crashes, lives, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let start = Instant::now();
    let least = Duration::from_secs(seconds());
    let goes_on = || {
        let short = start.elapsed() < least || crashes.load(Ordering::Relaxed) < CRASHES;
        short && !failed.load(Ordering::Relaxed)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while goes_on() {
                    let seed = fastrand::u64(..);
                    match catch_unwind(AssertUnwindSafe(|| Run::new(seed).live())) {
                        Ok(lived) => {
                            crashes.fetch_add(u64::from(lived), Ordering::Relaxed);
                            lives.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => {
                            eprintln!("again with VAULT_CRASH_SEED={seed}");
                            failed.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    println!(
        "{} crashes in {} lives, {:.0} s",
        crashes.into_inner(),
        lives.into_inner(),
        start.elapsed().as_secs_f64()
    );
    assert!(!failed.into_inner(), "see the seed above");
}
