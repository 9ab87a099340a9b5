//! A process that uses a secret on the heap as typical programs do, and frees every copy.

use std::hint::black_box;

use super::child::{Child, command, step};
use super::scan::{LENGTH, halves_in, write_secret};

/// The number of halves found while the copies were held, and after they were freed.
pub(crate) struct Found {
    /// While held.
    pub(crate) held: usize,
    /// After.
    pub(crate) freed: usize,
}

/// The role: creates copies of every kind, then frees them.
pub(crate) fn role(arguments: &[String]) {
    let number = arguments[0].parse().expect("a number");
    let mut copies: Vec<Vec<u8>> = Vec::new();
    for size in [LENGTH, 40, 100, 1000, 5000, 60_000] {
        // At the end of the block, because the C library writes into the start of freed blocks.
        let mut block = vec![0; size];
        write_secret(number, &mut block[size - LENGTH..]);
        // Moves to a larger block, and to a smaller one.
        let mut grown = block.clone();
        grown.reserve_exact(size * 3);
        let mut shrunk = grown.clone();
        shrunk.truncate(size - 1);
        shrunk.shrink_to_fit();
        copies.extend([block, grown, shrunk]);
    }
    // A block that shrinks in place, with the secret in the freed part.
    let mut cut = vec![1; 4000 + LENGTH];
    write_secret(number, &mut cut[4000..]);
    cut.truncate(4000);
    cut.shrink_to_fit();
    black_box(&mut copies);
    step("held");
    drop(copies);
    step("freed");
    black_box(&cut);
}

/// Runs the role and scans its memory twice.
pub(crate) fn look(number: u64) -> Found {
    let mut child = Child::start(command("heap").arg(number.to_string()));
    child.expect("held");
    let held = halves_in(child.id(), number);
    child.resume();
    child.expect("freed");
    let freed = halves_in(child.id(), number);
    Found { held, freed }
}
