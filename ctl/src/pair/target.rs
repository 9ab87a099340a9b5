//! The format and destination of a QR code: `--format` and `--output`, in all common spellings.

use std::path::PathBuf;

use crate::cli::PairArgs;
use crate::console;
use crate::failure::Failure;
use crate::pair::view::Style;
use crate::qr::blocks::Ink;

/// The format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Half blocks.
    Unicode,
    /// `#` and spaces, or spaces in colour.
    Ascii,
    /// The encoded text.
    Raw,
    /// A PNG file.
    Png(PathBuf),
    /// An SVG file.
    Svg(PathBuf),
}

impl Target {
    /// `png FILE`, `png=FILE`, and `png` with `--output FILE` are equivalent.
    pub(crate) fn parse(args: &PairArgs) -> Result<Self, Failure> {
        let usual = if console::is_utf8() {
            "unicode"
        } else {
            "ascii"
        };
        let (format, attached) = match args.format.as_slice() {
            [] => (usual, None),
            [one] => match one.split_once('=') {
                Some((format, file)) => (format, Some(PathBuf::from(file))),
                None => (one.as_str(), None),
            },
            [format, file] => (format.as_str(), Some(PathBuf::from(file))),
            _ => {
                return Err(Failure::usage(
                    "--format takes a format and at most one file",
                ));
            }
        };
        let file = match (attached, &args.output) {
            (Some(_), Some(_)) => {
                return Err(Failure::usage("--format names two files for one code"));
            }
            (Some(file), None) => Some(file),
            (None, output) => output.clone(),
        };
        let needs_file = || {
            Failure::usage(format!("--format {format} needs a file"))
                .with_hint(format!("write `--format {format}=FILE`"))
        };
        let target = match format {
            "png" => Self::Png(file.clone().ok_or_else(needs_file)?),
            "svg" => Self::Svg(file.clone().ok_or_else(needs_file)?),
            "unicode" | "utf8" => Self::Unicode,
            "ascii" => Self::Ascii,
            "raw" => Self::Raw,
            _ => {
                return Err(Failure::usage(format!("`{format}` is not a format"))
                    .with_hint("use unicode, ascii, raw, png=FILE or svg=FILE"));
            }
        };
        match (&target, file) {
            (Self::Unicode | Self::Ascii | Self::Raw, Some(_)) => Err(Failure::usage(format!(
                "--format {format} goes to stdout, not to a file"
            ))),
            _ => Ok(target),
        }
    }
}

/// The drawing style for `target` on this stdout.
pub(crate) fn style(target: &Target, invert: bool) -> Style {
    Style {
        ascii: *target == Target::Ascii,
        utf8: console::is_utf8(),
        ink: match (console::is_coloured(), invert) {
            (true, _) => Ink::Colour,
            (false, false) => Ink::Light,
            (false, true) => Ink::Dark,
        },
    }
}
