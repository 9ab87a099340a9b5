//! A QR code as an SVG image: one white square, one black path.

use std::fmt::Write as _;

use super::Matrix;

/// The dark modules as the path of an image: one rectangle per run in a row.
pub(crate) fn path(code: &Matrix) -> String {
    let side = code.side();
    let mut path = String::new();
    for y in 0..side {
        let mut x = 0;
        while x < side {
            let start = x;
            while code.is_dark(x, y) {
                x += 1;
            }
            if x > start {
                let run = x - start;
                let _ = write!(path, "M{start} {y}h{run}v1h-{run}z");
            }
            x += 1;
        }
    }
    path
}

/// The complete file.
pub(crate) fn image(code: &Matrix) -> String {
    let (side, path) = (code.side(), path(code));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{pixels}\" height=\"{pixels}\" \
         viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\"/></svg>\n",
        pixels = side * 8
    )
}
