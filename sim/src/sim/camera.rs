//! A phone's camera in front of a terminal: it finds the QR code in recorded terminal output, and decodes it.
//!
//! Decoding uses rqrr, an independent implementation, so that it verifies the code that a client draws.

use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use crate::sim::phone::Phone;
use crate::state::pairing::Linked;

/// The terminal that is looked at: larger than any that shows a code, so that no line wraps.
const LINES: NonZero<u16> = NonZero::new(250).expect("not zero");
const COLUMNS: NonZero<u16> = NonZero::new(400).expect("not zero");
/// Pixels along half a cell; a decoder needs a few for each module.
const SCALE: usize = 2;
/// How often a screen is looked at.
const GLANCE: Duration = Duration::from_millis(100);
/// How much of a recording is looked at, from its end: enough for several codes.
const SIGHT: usize = 1 << 20;

/// The text in the QR code that a terminal shows after it was sent `output`, escape sequences included. `None` when
/// it shows none that can be read.
#[must_use]
pub fn read(output: &[u8]) -> Option<String> {
    let mut emulator = vt100::Parser::new(LINES, COLUMNS, 0);
    for line in output[output.len().saturating_sub(SIGHT)..].split_inclusive(|byte| *byte == b'\n')
    {
        // A recording of a pipe has no carriage returns.
        let (text, newline) = match line {
            [text @ .., b'\n'] => (text, true),
            text => (text, false),
        };
        emulator.process(text);
        if newline {
            emulator.process(b"\r\n");
        }
    }
    let picture = Picture::of(emulator.screen());
    picture.decode(false).or_else(|| picture.decode(true))
}

/// Watches the recording of a terminal, as script(1) and tee(1) write it, until `phone` has scanned a code on it.
///
/// A code that is refused is not tried again; the next one is.
pub async fn watch(recording: &Path, phone: &Phone) -> Linked {
    let mut refused = None;
    let mut looked_at = 0;
    loop {
        tokio::time::sleep(GLANCE).await;
        // Not there yet, or not changed: look again later.
        let Ok(output) = tokio::fs::read(recording).await else {
            continue;
        };
        if output.len() == std::mem::replace(&mut looked_at, output.len()) {
            continue;
        }
        // Decoding takes a while, and must not block the server.
        let code = tokio::task::spawn_blocking(move || read(&output))
            .await
            .ok()
            .flatten();
        let Some(code) = code.filter(|code| refused.as_ref() != Some(code)) else {
            continue;
        };
        match phone.scan(&code).await {
            Ok(linked) => return linked,
            Err(error) => {
                tracing::warn!(%error, "the phone could not use the code on the screen");
                refused = Some(code);
            }
        }
    }
}

/// A screen in grey, two dots a cell, one above the other.
struct Picture {
    width: usize,
    rows: Vec<Vec<u8>>,
}

impl Picture {
    fn of(screen: &vt100::Screen) -> Self {
        let rows = (0..LINES.get()).flat_map(|line| {
            let cells = (0..COLUMNS.get()).filter_map(move |column| screen.cell(line, column));
            let (top, bottom): (Vec<u8>, Vec<u8>) = cells.map(halves).unzip();
            [top, bottom]
        });
        Self {
            width: usize::from(COLUMNS.get()),
            rows: rows.collect(),
        }
    }

    fn decode(&self, inverted: bool) -> Option<String> {
        let shade = |x: usize, y: usize| {
            let shade = self.rows[y / SCALE][x / SCALE];
            if inverted { u8::MAX - shade } else { shade }
        };
        let (width, height) = (self.width * SCALE, self.rows.len() * SCALE);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, shade);
        image
            .detect_grids()
            .into_iter()
            .find_map(|grid| grid.decode().ok())
            .map(|(_, text)| text)
    }
}

/// The shades of a cell's upper and lower half. Text that is no block counts as its ground: print is thin.
fn halves(cell: &vt100::Cell) -> (u8, u8) {
    let ink = shade(cell.fgcolor(), 0xdd);
    let ground = shade(cell.bgcolor(), 0x00);
    match cell.contents() {
        "█" | "#" => (ink, ink),
        "▀" => (ink, ground),
        "▄" => (ground, ink),
        _ => (ground, ground),
    }
}

/// Black and white of the 256 colours; anything else a program sets is taken for its default.
fn shade(color: vt100::Color, default: u8) -> u8 {
    match color {
        vt100::Color::Idx(0 | 16) => 0x00,
        vt100::Color::Idx(15 | 231) => 0xff,
        vt100::Color::Rgb(r, g, b) => r / 3 + g / 3 + b / 3,
        vt100::Color::Idx(_) | vt100::Color::Default => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code of version 1 in half blocks, light on dark: `HELLO WORLD`, drawn by another program.
    const HELLO: &str = include_str!("../../tests/hello.txt");

    #[test]
    fn reads_a_code_among_other_text() {
        let screen = format!("$ openclawctl pair\n{HELLO}\nexpires in 59 s\n");
        assert_eq!(read(screen.as_bytes()).as_deref(), Some("HELLO WORLD"));
    }

    #[test]
    fn reads_what_is_left_on_the_screen_not_what_was() {
        let wiped = format!("{HELLO}\x1b[2J\x1b[H");
        assert_eq!(read(wiped.as_bytes()), None);
        assert_eq!(read(b""), None);
    }
}
