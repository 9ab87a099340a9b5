//! Renders what a camera would see, and decodes it with an independent reader.

/// A greyscale picture; 0 is black.
pub(crate) struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Pixels of a terminal cell, which is twice as high as wide.
const CELL: (usize, usize) = (4, 8);

impl Picture {
    /// A picture from rows of pixels.
    pub(crate) fn new(width: usize, pixels: Vec<u8>) -> Self {
        Self {
            width,
            height: pixels.len() / width,
            pixels,
        }
    }

    /// Renders terminal cells: `at(column, line)` is the character with foreground and background.
    pub(crate) fn of_cells(
        columns: usize,
        lines: usize,
        at: impl Fn(usize, usize) -> (char, u8, u8),
    ) -> Self {
        let (width, height) = (columns * CELL.0, lines * CELL.1);
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let (glyph, ink, ground) = at(x / CELL.0, y / CELL.1);
                let upper = y % CELL.1 < CELL.1 / 2;
                pixels.push(match glyph {
                    '█' | '#' => ink,
                    '▀' if upper => ink,
                    '▄' if !upper => ink,
                    ' ' | '▀' | '▄' => ground,
                    // Other characters are rendered as noise.
                    _ => ink / 2 + ground / 2,
                });
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Renders plain text with one foreground on one background.
    pub(crate) fn of_text(text: &str, ink: u8, ground: u8) -> Self {
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let columns = lines.iter().map(Vec::len).max().unwrap_or(1);
        // The terminal is larger than the text.
        Self::of_cells(columns + 8, lines.len() + 4, |column, line| {
            let glyph = line
                .checked_sub(2)
                .and_then(|line| lines.get(line))
                .and_then(|line| line.get(column.checked_sub(4)?))
                .copied();
            (glyph.unwrap_or(' '), ink, ground)
        })
    }

    /// Renders an SVG image.
    pub(crate) fn of_svg(file: &[u8]) -> Self {
        let tree = resvg::usvg::Tree::from_data(file, &resvg::usvg::Options::default()).unwrap();
        let size = tree.size().to_int_size();
        let mut canvas = resvg::tiny_skia::Pixmap::new(size.width(), size.height()).unwrap();
        resvg::render(
            &tree,
            resvg::tiny_skia::Transform::identity(),
            &mut canvas.as_mut(),
        );
        let pixels = canvas.pixels().iter().map(|pixel| pixel.red()).collect();
        Self::new(usize::try_from(size.width()).unwrap(), pixels)
    }

    /// The text of the single QR code in the picture, if it decodes.
    pub(crate) fn read(&self) -> Option<String> {
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(self.width, self.height, |x, y| {
                self.pixels[y * self.width + x]
            });
        match image.detect_grids().as_slice() {
            [grid] => grid.decode().ok().map(|(_, text)| text),
            _ => None,
        }
    }
}
