//! The layout of a pairing: frames in, lines out. Prints nothing.

use prost_types::Timestamp;

use super::frame::Shown;
use super::passkey::WHY;
use crate::clock::seconds_between;
use crate::qr::Matrix;
use crate::qr::blocks::{self, Ink};
use crate::text::{one_line, wrap};

/// The instruction above a code to compare.
pub(crate) const COMPARE: &str = "Compare this code with the one on the phone. If they are the same, type it here and press Enter";

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) columns: usize,
    pub(crate) lines: usize,
}

/// How a code is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// ASCII instead of half blocks.
    pub(crate) ascii: bool,
    /// True if the terminal can show half blocks.
    pub(crate) utf8: bool,
    /// How dark and light modules are printed.
    pub(crate) ink: Ink,
}

impl Style {
    /// The lines of the code.
    pub(crate) fn draw(self, code: &Matrix) -> Vec<String> {
        if self.ascii {
            blocks::ascii(code, self.ink)
        } else {
            blocks::unicode(code, self.ink)
        }
    }

    fn extent(self, code: &Matrix) -> (usize, usize) {
        if self.ascii {
            blocks::ascii_extent(code.side())
        } else {
            blocks::unicode_extent(code.side())
        }
    }
}

/// The instructions for `shown`, one sentence per line.
pub(crate) fn instructions(shown: &Shown, ascii: bool, now: Timestamp) -> Vec<String> {
    match shown {
        Shown::Waiting => vec!["Waiting for WhatsApp to send a code".to_owned()],
        Shown::Qr {
            expires_at,
            ordinal,
            ..
        } => vec![
            place(ascii, false),
            format!("Code {ordinal}{}", expiry(*expires_at, now)),
        ],
        Shown::PhoneCode { expires_at, .. } => vec![
            place(ascii, true),
            format!("Type this code on the phone{}", expiry(*expires_at, now)),
        ],
        Shown::Passkey(_) => vec![WHY.to_owned()],
        Shown::Compare { .. } => vec![COMPARE.to_owned()],
        Shown::Scanned => {
            vec!["The phone accepted the code; completing the link".to_owned()]
        }
    }
}

/// The lines of a live screen of size `extent`.
pub(crate) fn screen(shown: &Shown, extent: Extent, style: Style, now: Timestamp) -> Vec<String> {
    let mut text = instructions(shown, style.ascii, now);
    let fit = |text: &String| wrap(text, extent.columns);
    match shown {
        Shown::Qr { code, .. } => {
            let footer = text.pop().unwrap_or_default() + ". Ctrl-C stops.";
            let above: Vec<String> = text.iter().flat_map(fit).collect();
            let below = wrap(&footer, extent.columns);
            let needs = |code: &Matrix| {
                let (columns, lines) = style.extent(code);
                let lines = lines + above.len() + below.len();
                Extent { columns, lines }
            };
            let compact = code.compact();
            let fitting = [code, &compact].into_iter().find(|code| {
                let Extent { columns, lines } = needs(code);
                columns <= extent.columns && lines <= extent.lines
            });
            match fitting {
                Some(code) => [above, style.draw(code), below].concat(),
                None => too_small(&compact, needs(&compact), extent, style),
            }
        }
        Shown::PhoneCode { code, .. } => {
            let lines: Vec<String> = text.iter().flat_map(fit).collect();
            let code = format!("    {}", grouped(code));
            [
                lines,
                vec![String::new(), code, String::new()],
                vec!["Ctrl-C stops.".to_owned()],
            ]
            .concat()
        }
        Shown::Compare { code } => {
            let lines: Vec<String> = text.iter().flat_map(fit).collect();
            [
                lines,
                vec![String::new(), format!("    {}", one_line(code))],
            ]
            .concat()
        }
        Shown::Waiting | Shown::Passkey(_) | Shown::Scanned => text.iter().flat_map(fit).collect(),
    }
}

fn too_small(code: &Matrix, needs: Extent, has: Extent, style: Style) -> Vec<String> {
    let mut text = vec![
        format!(
            "This terminal is too small for the code: it has {} columns and {} lines, the code needs {} and {}.",
            has.columns, has.lines, needs.columns, needs.lines
        ),
        "Make the window larger or its font smaller: the code is drawn as soon as it fits."
            .to_owned(),
    ];
    let (columns, lines) = blocks::unicode_extent(code.side());
    if style.ascii && style.utf8 && columns <= has.columns && lines + 3 <= has.lines {
        text.push("Or stop with Ctrl-C and use `--format unicode`: it fits here.".to_owned());
    } else {
        text.push(
            "Or stop with Ctrl-C and use `--format png=FILE`, or link without a QR code: `--phone NUMBER`."
                .to_owned(),
        );
    }
    text.iter()
        .flat_map(|text| wrap(text, has.columns))
        .collect()
}

/// The menu path on the phone.
fn place(ascii: bool, by_number: bool) -> String {
    let mut steps = vec!["WhatsApp", "Settings", "Linked devices", "Link a device"];
    if by_number {
        steps.push("Link with phone number instead");
    }
    steps.join(if ascii { " -> " } else { " → " })
}

fn expiry(at: Option<Timestamp>, now: Timestamp) -> String {
    // Rounded up: a code of 20 s starts at 20, and has expired at 0.
    match at.map(|at| seconds_between(at, now).saturating_neg()) {
        None => String::new(),
        Some(seconds @ 1..) => format!(", expires in {seconds} s"),
        Some(_) => " has expired, the next one is coming".to_owned(),
    }
}

/// A code as the phone shows it: `ABCD-EFGH`.
pub(crate) fn grouped(code: &str) -> String {
    let shown = one_line(code);
    match shown.split_at_checked(4) {
        Some((first, second)) if shown.len() == 8 => format!("{first}-{second}"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp {
        seconds: 1_000,
        nanos: 0,
    };
    const STYLE: Style = Style {
        ascii: false,
        utf8: true,
        ink: Ink::Light,
    };

    fn code(expires_in: i64) -> Shown {
        Shown::Qr {
            // A QR code of version 10, the size of WhatsApp's.
            code: Matrix::read(57, &[0x55; 407]).unwrap(),
            payload: String::new(),
            expires_at: Some(Timestamp {
                seconds: NOW.seconds + expires_in,
                nanos: 0,
            }),
            ordinal: 2,
        }
    }

    fn shown(columns: usize, lines: usize, style: Style) -> Vec<String> {
        screen(&code(18), Extent { columns, lines }, style, NOW)
    }

    #[test]
    fn a_code_is_shown_between_the_instructions_and_the_countdown() {
        let lines = shown(65, 35, STYLE);
        assert_eq!(lines.len(), 35);
        assert_eq!(
            lines[0],
            "WhatsApp → Settings → Linked devices → Link a device"
        );
        assert_eq!(lines[34], "Code 2, expires in 18 s. Ctrl-C stops.");
        assert!(lines[1..34].iter().all(|line| line.chars().count() == 65));
    }

    #[test]
    fn a_code_that_does_not_fit_gets_half_the_quiet_zone() {
        for (columns, lines) in [(64, 35), (65, 34), (61, 33)] {
            let lines = shown(columns, lines, STYLE);
            assert_eq!(lines.len(), 33);
            assert!(lines[1..32].iter().all(|line| line.chars().count() == 61));
        }
    }

    #[test]
    fn a_code_that_does_not_fit_is_not_drawn() {
        for (columns, lines) in [(60, 33), (61, 32), (1, 1), (0, 0)] {
            let text = shown(columns, lines, STYLE).join(" ");
            assert!(text.starts_with("This"), "{text}");
            assert!(text.contains("png=FILE") && !text.contains('█'), "{text}");
        }
    }

    #[test]
    fn ascii_that_does_not_fit_suggests_half_blocks_if_they_do() {
        let style = Style {
            ascii: true,
            ..STYLE
        };
        assert!(shown(100, 40, style).join(" ").contains("--format unicode"));
        assert!(shown(60, 40, style).join(" ").contains("--format png=FILE"));
        // Not suggested if the terminal cannot show them.
        let style = Style {
            utf8: false,
            ..style
        };
        assert!(
            shown(100, 40, style)
                .join(" ")
                .contains("--format png=FILE")
        );
        assert!(shown(130, 67, style).join(" ").is_ascii());
    }

    #[test]
    fn an_expired_code_is_shown_as_expired() {
        let lines = screen(
            &code(0),
            Extent {
                columns: 80,
                lines: 40,
            },
            STYLE,
            NOW,
        );
        assert!(lines.last().unwrap().starts_with("Code 2 has expired"));
    }

    #[test]
    fn a_phone_code_is_grouped_as_on_the_phone() {
        assert_eq!(grouped("ABCDEFGH"), "ABCD-EFGH");
        assert_eq!(grouped("ABC"), "ABC");
        assert_eq!(grouped("AB\x1b[2J"), "AB\\u{1b}[2J");
    }
}
