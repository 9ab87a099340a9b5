//! Tests that chance steers. It steers them the same way each time, so that a red run is a fault that was made just now;
//! `scripts/test-random` looks for others.

use fastrand::Rng;

/// Chance with the test's own seed, or with the one in `OPENCLAW_TEST_SEED`.
pub(crate) fn chance(seed: u64) -> Rng {
    let given = std::env::var("OPENCLAW_TEST_SEED").ok();
    let seed = given.map_or(seed, |given| given.parse().unwrap());
    println!("OPENCLAW_TEST_SEED={seed}");
    Rng::with_seed(seed)
}
