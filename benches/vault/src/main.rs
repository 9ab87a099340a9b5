//! Runs one step of the comparison in a process of its own: `load`, `open`, `commit` or `compact`, with a store of
//! the given number of records.
//!
//!     openclaw-vault-bench STEP DIR RECORDS
//!
//! Prints `name value` lines, which `benches/vault/run` combines into tables. It does not evaluate them.

#[cfg(not(any(feature = "vault", feature = "redb", feature = "sqlite")))]
#[path = "none.rs"]
mod engine;
#[cfg(feature = "redb")]
#[path = "redb.rs"]
mod engine;
#[cfg(feature = "sqlite")]
#[path = "sqlite.rs"]
mod engine;
#[cfg(feature = "vault")]
#[path = "vault.rs"]
mod engine;
mod heap;

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::Engine;

type Failure = Box<dyn Error + Send + Sync>;

/// The number of measured commits.
const COMMITS: u32 = 1_000;
/// Records per commit while loading.
const LOADED: u32 = 500;

/// Records like the agent's: nine small ones (mappings, secrets, keys), then a session.
fn record(number: u32) -> (String, Vec<u8>) {
    let length = if number % 10 == 0 {
        1_500
    } else {
        60 + number as usize % 100
    };
    (
        format!("1555{number:08}@s.whatsapp.net"),
        noise(number, length),
    )
}

/// Incompressible bytes.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// A counter from a file in /proc/self.
fn count(file: &str, field: &str) -> Result<u64, Failure> {
    let text = std::fs::read_to_string(format!("/proc/self/{file}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let word = line.and_then(|line| line.split_whitespace().next());
    Ok(word
        .ok_or_else(|| format!("no {field} in {file}"))?
        .parse()?)
}

/// CPU time of this process in microseconds: the most reliable figure on a machine that is shared.
fn computed() -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().ok_or("no schedstat")?;
    Ok(nanoseconds.parse::<u64>()? / 1_000)
}

fn print(name: &str, value: impl std::fmt::Display) {
    println!("{name} {value}");
}

fn micros(duration: Duration) -> u128 {
    duration.as_micros()
}

fn load(dir: &Path, records: u32) -> Result<(), Failure> {
    let mut engine = Engine::open(dir)?;
    for first in (0..records).step_by(LOADED as usize) {
        let puts: Vec<_> = (first..records.min(first + LOADED)).map(record).collect();
        engine.commit(&puts, None)?;
    }
    engine.close()?;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        bytes += entry?.metadata()?.len();
    }
    print("disk_bytes", bytes);
    Ok(())
}

fn open(dir: &Path, records: u32) -> Result<(), Failure> {
    let (anon, heap) = (count("status", "RssAnon:")?, heap::live());
    let (start, before) = (Instant::now(), computed()?);
    let engine = Engine::open(dir)?;
    print("open_us", micros(start.elapsed()));
    print("open_cpu_us", computed()? - before);
    print("open_rss_kib", count("status", "VmRSS:")?);
    print("open_anon_kib", count("status", "RssAnon:")? - anon);
    print("open_heap_bytes", heap::live() - heap);
    let (name, value) = record(records / 2);
    let start = Instant::now();
    let found = engine.load(&name)?;
    print("load_us", micros(start.elapsed()));
    if engine::STORES && found.as_deref() != Some(&*value) {
        return Err("another value".into());
    }
    Ok(())
}

/// The writes of one inbound message: a session, a row of the inbox, and a deletion.
fn commit(dir: &Path, _records: u32) -> Result<(), Failure> {
    let mut engine = Engine::open(dir)?;
    let (bytes, calls) = (count("io", "wchar:")?, count("io", "syscw:")?);
    let mut took = Vec::with_capacity(COMMITS as usize);
    for number in 0..COMMITS {
        let session = (record(number * 10).0, noise(number, 1_500));
        let inbox = (format!("inbox {number}"), noise(number, 600));
        let deleted = number
            .checked_sub(1)
            .map(|number| format!("inbox {number}"));
        let start = Instant::now();
        engine.commit(&[session, inbox], deleted.as_deref())?;
        took.push(start.elapsed());
    }
    let per_commit = |total: u64| total as f64 / f64::from(COMMITS);
    print("commit_bytes", per_commit(count("io", "wchar:")? - bytes));
    print("commit_writes", per_commit(count("io", "syscw:")? - calls));
    print("commit_rss_kib", count("status", "VmRSS:")?);
    took.sort_unstable();
    print("commit_us", micros(took[took.len() / 2]));
    print("commit_p99_us", micros(took[took.len() * 99 / 100]));
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, step, dir, records] = &arguments[..] else {
        return Err("usage: openclaw-vault-bench STEP DIR RECORDS".into());
    };
    let (dir, records) = (Path::new(dir), records.parse()?);
    match step.as_str() {
        "load" => load(dir, records),
        "open" => open(dir, records),
        "commit" => commit(dir, records),
        "compact" => engine::compact(dir),
        _ => Err("a step is load, open, commit or compact".into()),
    }
}
