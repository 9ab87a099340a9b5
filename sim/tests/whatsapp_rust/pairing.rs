//! Linking, 515, logging in again, and the three handshakes.

use std::time::{Duration, Instant};

use openclaw_sim::{Config, Sim};

use crate::client::{Companion, assert_clean};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_leads_to_connected_within_seconds() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let started = Instant::now();
    let companion = Companion::linked(&sim, "+15550100001").await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    let phone = sim.phone("+15550100001").expect("phone");
    let devices = phone.companions();
    assert_eq!(devices.len(), 1);
    assert!(devices[0].online && devices[0].active && devices[0].prekeys > 0);
    assert_clean(&sim);
    companion.stop().await;
}
