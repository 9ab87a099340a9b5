//! Spoilt stanzas from the server, to a linked account: the agent's session with WhatsApp's library, in this process and
//! without a socket, against the simulator, which spoils what it sends (`openclaw_sim::Tamper`).
//!
//! Whatever came, the session gets the next whole message: on the connection that it has, or on the next one. No message is
//! in the journal twice.

#![no_main]

mod world;

use std::sync::Mutex;

use libfuzzer_sys::fuzz_target;

use world::World;

/// A world is left behind after so many programs: what one has spoilt for good is not the next one's.
const PROGRAMS_PER_WORLD: u32 = 200;

/// The present world, and how many programs it has run. Of the process, which never drops it: its tasks outlive threads.
static WORLD: Mutex<Option<(World, u32)>> = Mutex::new(None);

fuzz_target!(|bytes: &[u8]| {
    let mut world = WORLD.lock().expect("a program that fails ends the process");
    let fresh = world.take().filter(|(_, runs)| *runs < PROGRAMS_PER_WORLD);
    let (mut here, runs) = fresh.unwrap_or_else(|| (World::new(), 0));
    here.run(bytes);
    *world = Some((here, runs + 1));
});
