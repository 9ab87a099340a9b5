//! The live screen on the terminal's alternate buffer, so that the code stays neither on the main screen nor in the
//! scrollback. The drop restores the terminal in every case.

use std::io::{self, Write as _};

use prost_types::Timestamp;
use rustix::termios::tcgetwinsize;

use super::frame::Shown;
use super::keyboard::Quiet;
use super::view::{self, Extent, Style};
use crate::failure::Failure;

// Alternate buffer, no cursor, no wrapping; and the reverse.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J";
const LEAVE: &str = "\x1b[0m\x1b[H\x1b[2J\x1b[?7h\x1b[?25h\x1b[?1049l";
const CLEAR: &str = "\x1b[0m\x1b[H\x1b[2J";

/// The screen; restored on drop.
pub(crate) struct Screen {
    style: Style,
    shown: Shown,
    drawn: Vec<String>,
    extent: Extent,
    /// Restored after the screen.
    _input: Option<Quiet>,
}

impl Screen {
    /// Switches the terminal to the live screen.
    pub(crate) fn enter(style: Style) -> Result<Self, Failure> {
        let screen = Self {
            style,
            shown: Shown::Waiting,
            drawn: Vec::new(),
            extent: extent(),
            _input: Quiet::input(),
        };
        put(ENTER)?;
        Ok(screen)
    }

    /// How codes are drawn.
    pub(crate) const fn style(&self) -> Style {
        self.style
    }

    /// Shows another frame.
    pub(crate) fn show(&mut self, shown: Shown, now: Timestamp) -> Result<(), Failure> {
        self.shown = shown;
        self.refresh(false, now)
    }

    /// Draws what has changed, or everything after a resize.
    pub(crate) fn refresh(&mut self, resized: bool, now: Timestamp) -> Result<(), Failure> {
        let mut changes = String::new();
        if resized {
            self.extent = extent();
            self.drawn.clear();
            changes.push_str(CLEAR);
        }
        let lines = view::screen(&self.shown, self.extent, self.style, now);
        changes.push_str(&difference(&self.drawn, &lines));
        self.drawn = lines;
        if changes.is_empty() {
            return Ok(());
        }
        put(&changes)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = put(LEAVE);
    }
}

/// The control sequence that turns the lines `before` into `after`.
fn difference(before: &[String], after: &[String]) -> String {
    let mut changes = String::new();
    for (i, line) in after.iter().enumerate() {
        if before.get(i) != Some(line) {
            // Erased before the text: after a full line, the cursor stays on the last cell, which erasing would clear.
            changes.push_str(&format!("\x1b[{};1H\x1b[2K{line}", i + 1));
        }
    }
    if before.len() > after.len() {
        changes.push_str(&format!("\x1b[{};1H\x1b[J", after.len() + 1));
    }
    changes
}

fn extent() -> Extent {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Extent {
            columns: usize::from(size.ws_col),
            lines: usize::from(size.ws_row),
        },
        _ => Extent {
            columns: 80,
            lines: 24,
        },
    }
}

fn put(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::new(format!("cannot write to the terminal: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_changed_lines_are_drawn_again() {
        let before = lines(&["way", "code", "expires in 9 s"]);
        let after = lines(&["way", "code", "expires in 8 s"]);
        assert_eq!(
            difference(&before, &after),
            "\x1b[3;1H\x1b[2Kexpires in 8 s"
        );
        assert_eq!(difference(&after, &after), "");
        assert_eq!(difference(&after, &lines(&["way"])), "\x1b[2;1H\x1b[J");
    }
}
