//! Corrupted stanzas from the server to a linked account. The agent's session with WhatsApp's library runs in this
//! process, without a socket, against the simulator, which corrupts what it sends (`openclaw_sim::Tamper`).
//!
//! Whatever arrives, the session must still receive the next intact message, on its current connection or on the next
//! one, and no message may be in the journal twice.

#![no_main]

mod world;

use std::sync::Mutex;

use libfuzzer_sys::fuzz_target;

use world::World;

/// The number of programs before a world is replaced, so that lasting corruption does not affect all later programs.
const PROGRAMS_PER_WORLD: u32 = 200;

/// The current world and the number of programs that it has run. Global and never dropped, because its tasks outlive
/// threads.
static WORLD: Mutex<Option<(World, u32)>> = Mutex::new(None);

fuzz_target!(|bytes: &[u8]| {
    let mut world = WORLD.lock().expect("a program that fails ends the process");
    let fresh = world.take().filter(|(_, runs)| *runs < PROGRAMS_PER_WORLD);
    let (mut here, runs) = fresh.unwrap_or_else(|| (World::new(), 0));
    here.run(bytes);
    *world = Some((here, runs + 1));
});
