//! A QR code in characters. A cell is about twice as high as wide, so it shows two modules, one above the other (half
//! blocks), or a module takes two cells side by side (ASCII).

use super::Matrix;

/// How dark and light modules are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// With colours, independent of the terminal's own.
    Colour,
    /// Light modules are printed: correct on a dark terminal, and inverted on a light one, which most scanners accept.
    Light,
    /// Dark modules are printed: correct on a light terminal and on paper.
    Dark,
}

// Colours 16 and 231 of 256 are black and white in every theme; the first 16 are not.
const DARK_ON_LIGHT: &str = "\x1b[38;5;16;48;5;231m";
const ALL_DARK: &str = "\x1b[48;5;16m";
const RESET: &str = "\x1b[0m";

/// Columns and lines of a code in half blocks.
pub(crate) fn unicode_extent(side: usize) -> (usize, usize) {
    (side, side.div_ceil(2))
}

/// Columns and lines of a code in ASCII.
pub(crate) fn ascii_extent(side: usize) -> (usize, usize) {
    (2 * side, side)
}

/// The code in half blocks.
pub(crate) fn unicode(code: &Matrix, ink: Ink) -> Vec<String> {
    let side = code.side();
    (0..side)
        .step_by(2)
        .map(|y| {
            let cells = (0..side).map(|x| (code.is_dark(x, y), code.is_dark(x, y + 1)));
            match ink {
                Ink::Colour => coloured(cells.map(|cell| match cell {
                    // Full cells use the background colour: a glyph may leave gaps between lines.
                    (true, true) => (true, " "),
                    (true, false) => (false, "▀"),
                    (false, true) => (false, "▄"),
                    (false, false) => (false, " "),
                })),
                Ink::Light => cells.map(|(top, bottom)| half(!top, !bottom)).collect(),
                Ink::Dark => cells.map(|(top, bottom)| half(top, bottom)).collect(),
            }
        })
        .collect()
}

/// The code in ASCII.
pub(crate) fn ascii(code: &Matrix, ink: Ink) -> Vec<String> {
    let side = code.side();
    (0..side)
        .map(|y| {
            let modules = (0..side).map(|x| code.is_dark(x, y));
            match ink {
                Ink::Colour => coloured(modules.map(|dark| (dark, "  "))),
                Ink::Light => modules.map(|dark| if dark { "  " } else { "##" }).collect(),
                Ink::Dark => modules.map(|dark| if dark { "##" } else { "  " }).collect(),
            }
        })
        .collect()
}

fn half(top: bool, bottom: bool) -> char {
    match (top, bottom) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    }
}

/// One line of cells, each with a dark or light background; colours are set where they change.
fn coloured(cells: impl Iterator<Item = (bool, &'static str)>) -> String {
    let mut line = String::new();
    let mut ground = None;
    for (dark, cell) in cells {
        if ground != Some(dark) {
            line.push_str(if dark { ALL_DARK } else { DARK_ON_LIGHT });
            ground = Some(dark);
        }
        line.push_str(cell);
    }
    line.push_str(RESET);
    line
}
