//! Ports for programs that need a known port, or the same one after a restart.

use std::net::{Ipv4Addr, TcpListener};

use rand::RngExt as _;

/// Below the ports that Linux gives to those who ask for any port (`ip_local_port_range`, by default from 32768), so that
/// no other test takes the port before the program listens on it.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A loopback port that nothing listens on.
///
/// # Panics
///
/// If none of many ports can be bound.
pub fn spare_port() -> u16 {
    let unused = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(|| rand::rng().random_range(PORTS))
        .take(1000)
        .find(unused)
        .expect("a loopback port can be bound")
}
