//! Spoilt stanzas from the server, to a linked account: the agent's session with WhatsApp's library, in this process and
//! without a socket, against the simulator, which spoils what it sends (`openclaw_sim::Tamper`).
//!
//! Whatever came, the session gets the next whole message: on the connection that it has, or on the next one. No message is
//! in the journal twice.

#![no_main]

mod world;

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;

use world::World;

/// A world is left behind after so many programs: what one has spoilt for good is not the next one's.
const PROGRAMS_PER_WORLD: u32 = 200;

thread_local! {
    static WORLD: RefCell<Option<(World, u32)>> = const { RefCell::new(None) };
}

fuzz_target!(|bytes: &[u8]| {
    WORLD.with_borrow_mut(|world| {
        let fresh = world.take().filter(|(_, runs)| *runs < PROGRAMS_PER_WORLD);
        let (mut here, runs) = fresh.unwrap_or_else(|| (World::new(), 0));
        here.run(bytes);
        *world = Some((here, runs + 1));
    });
});
