//! Randomised tests. The seed is fixed, so that a failure is due to the current change; `scripts/test-random` tries
//! other seeds.

use fastrand::Rng;

/// A generator with the test's own seed, or that in `OPENCLAW_TEST_SEED`.
pub(crate) fn chance(seed: u64) -> Rng {
    let given = std::env::var("OPENCLAW_TEST_SEED").ok();
    let seed = given.map_or(seed, |given| given.parse().unwrap());
    println!("OPENCLAW_TEST_SEED={seed}");
    Rng::with_seed(seed)
}
