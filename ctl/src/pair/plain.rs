//! A pairing without a live screen: to a pipe, a file, or as JSON. Each frame is printed once, without cursor control:
//! codes to stdout, instructions to stderr.

use openclaw_proto::v1::PairFrame;
use prost_types::Timestamp;

use super::file::CodeFile;
use super::frame::Shown;
use super::target::{Target, style};
use super::view::{self, Style};
use crate::cli::PairArgs;
use crate::failure::Failure;
use crate::qr::{Matrix, png, svg};
use crate::{console, text};

/// The output.
pub(crate) struct Plain {
    form: Form,
    json: bool,
}

enum Form {
    Text(Style),
    Raw,
    Png(CodeFile),
    Svg(CodeFile),
}

impl Plain {
    /// Writes codes to `target`; with `json`, every frame as a line too.
    ///
    /// # Errors
    /// The file exists already, or is not a regular file.
    pub(crate) fn new(target: Target, args: &PairArgs, json: bool) -> Result<Self, Failure> {
        let form = match target {
            Target::Unicode | Target::Ascii => Form::Text(style(&target, args.invert)),
            Target::Raw => Form::Raw,
            Target::Png(path) => Form::Png(CodeFile::new(path, args.force)?),
            Target::Svg(path) => Form::Svg(CodeFile::new(path, args.force)?),
        };
        Ok(Self { form, json })
    }

    /// Writes codes as text.
    pub(crate) const fn text(style: Style) -> Self {
        let form = Form::Text(style);
        Self { form, json: false }
    }

    /// True if stdout contains only codes.
    pub(crate) fn is_raw(&self) -> bool {
        matches!(self.form, Form::Raw)
    }

    /// Shows a frame.
    pub(crate) fn show(
        &mut self,
        shown: &Shown,
        frame: &PairFrame,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if let Shown::Qr { code, .. } = shown {
            self.write_file(code)?;
        }
        if self.json {
            return console::json(frame);
        }
        match shown {
            Shown::Qr { code, payload, .. } => {
                for line in view::instructions(shown, self.is_ascii(), now) {
                    console::note(&line);
                }
                self.print(code, payload)
            }
            Shown::PhoneCode { code, .. } => {
                for line in view::instructions(shown, self.is_ascii(), now) {
                    console::note(&line);
                }
                console::line(&view::grouped(code))
            }
            Shown::Compare { code } => {
                console::note(view::COMPARE);
                console::line(&text::one_line(code))
            }
            // The dialog explains the passkey.
            Shown::Waiting | Shown::Passkey(_) => Ok(()),
            Shown::Scanned => {
                for line in view::instructions(shown, self.is_ascii(), now) {
                    console::note(&line);
                }
                Ok(())
            }
        }
    }

    fn is_ascii(&self) -> bool {
        matches!(&self.form, Form::Text(style) if style.ascii)
    }

    fn write_file(&mut self, code: &Matrix) -> Result<(), Failure> {
        match &mut self.form {
            Form::Png(file) => file.write(&png::image(code)),
            Form::Svg(file) => file.write(svg::image(code).as_bytes()),
            Form::Text(_) | Form::Raw => Ok(()),
        }
    }

    fn print(&self, code: &Matrix, payload: &str) -> Result<(), Failure> {
        match &self.form {
            // Separates this code from the next.
            Form::Text(style) => console::line(&format!("{}\n", style.draw(code).join("\n"))),
            Form::Raw => console::line(&text::one_line(payload)),
            Form::Png(file) | Form::Svg(file) => {
                console::note(&format!("code written to {}", file.path().display()));
                Ok(())
            }
        }
    }
}
