//! A progress line on stderr, on a terminal only.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// The line; removed on drop.
pub(crate) struct Progress {
    live: bool,
    last: Option<Instant>,
}

impl Progress {
    /// Prints nothing with `json` or without a terminal.
    pub(crate) fn new(json: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Self {
            live: io::stderr().is_terminal() && !dumb && !json,
            last: None,
        }
    }

    /// Replaces the line, at most once per interval.
    pub(crate) fn show(&mut self, text: impl FnOnce() -> String) {
        if !self.live
            || self
                .last
                .is_some_and(|last| last.elapsed() < REDRAW_INTERVAL)
        {
            return;
        }
        self.replace(&text());
    }

    /// Replaces the line, which then stays for longer.
    pub(crate) fn replace(&mut self, text: &str) {
        if self.live {
            self.last = Some(Instant::now());
            put(&format!("\r\x1b[K{text}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.last.is_some() {
            put("\r\x1b[K");
        }
    }
}

/// Errors are ignored: there is no other way to report them.
fn put(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}
