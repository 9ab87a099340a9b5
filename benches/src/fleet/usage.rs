//! What processes take while they idle.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::memory::Memory;

/// What processes take in all.
#[derive(Serialize)]
pub(crate) struct Usage {
    pub(crate) processes: usize,
    pub(crate) pss_bytes: u64,
    pub(crate) private_bytes: u64,
    /// Of one core.
    pub(crate) cpu_percent: f64,
}

impl Usage {
    /// Measures the processes for so long.
    pub(crate) async fn of(processes: &[u32], time: Duration) -> io::Result<Self> {
        let before = times(processes)?;
        let started = Instant::now();
        tokio::time::sleep(time).await;
        let after = times(processes)?;
        let elapsed = started.elapsed();
        let busy: u64 = after
            .iter()
            .map(|(task, time)| time - before.get(task).copied().unwrap_or(0))
            .sum();
        let mut usage = Self {
            processes: processes.len(),
            pss_bytes: 0,
            private_bytes: 0,
            cpu_percent: Duration::from_nanos(busy).as_secs_f64() / elapsed.as_secs_f64() * 100.0,
        };
        for process in processes {
            let memory = Memory::of(*process)?;
            usage.pss_bytes += memory.pss;
            usage.private_bytes += memory.private;
        }
        Ok(usage)
    }
}

/// The CPU time of each thread, in nanoseconds: the times of whole processes are in ticks of 10 ms, which is more than an agent takes
/// in seconds of idling. The time of a thread that ends in between is not counted.
fn times(processes: &[u32]) -> io::Result<HashMap<String, u64>> {
    let mut times = HashMap::new();
    for process in processes {
        for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
            let path = task?.path().join("schedstat");
            // Ends in between.
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let time = text
                .split_whitespace()
                .next()
                .and_then(|ns| ns.parse().ok());
            let time = time.ok_or_else(|| io::Error::other("no time in schedstat"))?;
            times.insert(path.display().to_string(), time);
        }
    }
    Ok(times)
}
