//! One line on stderr that says how far something is, on a terminal only.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// More often than this no one can read it.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// The line, until it is dropped.
pub(crate) struct Progress {
    live: bool,
    last: Option<Instant>,
}

impl Progress {
    /// Silent for programs, and where there is no terminal.
    pub(crate) fn new(json: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Self {
            live: io::stderr().is_terminal() && !dumb && !json,
            last: None,
        }
    }

    /// Replaces the line, unless that was done a moment ago.
    pub(crate) fn show(&mut self, text: impl FnOnce() -> String) {
        if !self.live
            || self
                .last
                .is_some_and(|last| last.elapsed() < REDRAW_INTERVAL)
        {
            return;
        }
        self.last = Some(Instant::now());
        put(&format!("\r\x1b[K{}", text()));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.last.is_some() {
            put("\r\x1b[K");
        }
    }
}

/// When that fails there is no way to report it.
fn put(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}
