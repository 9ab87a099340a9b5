//! A phone's camera: finds the QR code in recorded terminal output, and decodes it.
//!
//! Decoding uses rqrr, an implementation independent of the client's encoder, and so verifies the code that the client
//! draws.

use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use crate::sim::phone::Phone;
use crate::state::pairing::Linked;

/// The size of the emulated terminal: larger than any that shows a code, so that no line wraps.
const MAX_LINES: NonZero<u16> = NonZero::new(250).expect("not zero");
const MAX_COLUMNS: NonZero<u16> = NonZero::new(400).expect("not zero");
/// Pixels per half cell; the decoder needs several pixels per module.
const PIXELS_PER_HALF_CELL: usize = 2;
/// The interval between looks at the screen.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The number of bytes read from the end of a recording: enough for several codes.
const MAX_RECORDING_BYTES: usize = 1 << 20;

/// The text in the QR code that a terminal shows after it received `output`, including escape sequences. `None` if no
/// readable code is shown.
#[must_use]
pub fn read(output: &[u8]) -> Option<String> {
    let mut emulator = vt100::Parser::new(MAX_LINES, MAX_COLUMNS, 0);
    for line in output[output.len().saturating_sub(MAX_RECORDING_BYTES)..]
        .split_inclusive(|byte| *byte == b'\n')
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

/// Watches the recording of a terminal, as written by script(1) and tee(1), until `phone` has scanned a code in it.
///
/// A rejected code is not tried again; the next one is.
pub async fn watch(recording: &Path, phone: &Phone) -> Linked {
    let mut refused = None;
    let mut looked_at = 0;
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        // The recording does not exist yet, or has not changed: look again later.
        let Ok(output) = tokio::fs::read(recording).await else {
            continue;
        };
        if output.len() == std::mem::replace(&mut looked_at, output.len()) {
            continue;
        }
        // Decoding is slow, and must not block the server.
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

/// A screen in greyscale, with two pixels per cell, one above the other.
struct Picture {
    width: usize,
    rows: Vec<Vec<u8>>,
}

impl Picture {
    fn of(screen: &vt100::Screen) -> Self {
        let rows = (0..MAX_LINES.get()).flat_map(|line| {
            let cells = (0..MAX_COLUMNS.get()).filter_map(move |column| screen.cell(line, column));
            let (top, bottom): (Vec<u8>, Vec<u8>) = cells.map(halves).unzip();
            [top, bottom]
        });
        Self {
            width: usize::from(MAX_COLUMNS.get()),
            rows: rows.collect(),
        }
    }

    fn decode(&self, inverted: bool) -> Option<String> {
        let shade = |x: usize, y: usize| {
            let shade = self.rows[y / PIXELS_PER_HALF_CELL][x / PIXELS_PER_HALF_CELL];
            if inverted { u8::MAX - shade } else { shade }
        };
        let (width, height) = (
            self.width * PIXELS_PER_HALF_CELL,
            self.rows.len() * PIXELS_PER_HALF_CELL,
        );
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, shade);
        image
            .detect_grids()
            .into_iter()
            .find_map(|grid| grid.decode().ok())
            .map(|(_, text)| text)
    }
}

/// The shades of a cell's upper and lower half. A character that is not a block counts as background.
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

/// Black or white for the 256 colours; any other colour counts as the default.
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

    /// A QR code of version 1 in half blocks, light on dark: `HELLO WORLD`, drawn by another program.
    const HELLO: &str = include_str!("../../tests/hello.txt");

    #[test]
    fn a_code_is_found_among_other_text() {
        let screen = format!("$ openclawctl pair\n{HELLO}\nexpires in 59 s\n");
        assert_eq!(read(screen.as_bytes()).as_deref(), Some("HELLO WORLD"));
    }

    #[test]
    fn only_the_current_screen_is_read() {
        let wiped = format!("{HELLO}\x1b[2J\x1b[H");
        assert_eq!(read(wiped.as_bytes()), None);
        assert_eq!(read(b""), None);
    }
}
