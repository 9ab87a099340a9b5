//! A text from an argument or from stdin.

use std::io::{self, IsTerminal as _, Read as _};

use openclaw_types::{MAX_TEXT_CHARS, Text, TextError};

use crate::failure::Failure;

/// How much of stdin is read: more than the longest text of four-byte characters, so that the error can state the
/// length.
const MAX_PIPED_BYTES: u64 = 1024 * 1024;
/// The text from the argument or from stdin.
pub(super) fn text_to_send(argument: Option<&str>) -> Result<String, Failure> {
    let text = match argument {
        Some("-") => from_stdin()?,
        Some(text) => text.to_owned(),
        None if io::stdin().is_terminal() => {
            return Err(Failure::usage("no text to send")
                .with_hint("give it as the second argument, or pipe it into stdin"));
        }
        None => from_stdin()?,
    };
    match Text::try_from(text) {
        Ok(text) => Ok(String::from(text)),
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}

fn from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_PIPED_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("cannot read stdin: {error}")))?;
    piped_text(bytes)
}

/// Removes the trailing newline of piped text.
fn piped_text(mut bytes: Vec<u8>) -> Result<String, Failure> {
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        } else {
            break;
        }
    }
    // Checked before the encoding: a truncated text may end within a character.
    let chars = bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
    if chars > MAX_TEXT_CHARS {
        return Err(Failure::usage(TextError::TooLong { chars }.to_string()));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage("stdin is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piped_text_loses_only_its_trailing_newline() {
        for (piped, text) in [
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a\r", " a\r"),
        ] {
            assert_eq!(piped_text(piped.into()).ok().as_deref(), Some(text));
        }
        assert!(piped_text(vec![0xff]).is_err());
    }

    #[test]
    fn a_text_cut_within_a_character_is_reported_as_too_long() {
        let mut bytes = "é".repeat(MAX_TEXT_CHARS).into_bytes();
        assert!(piped_text(bytes.clone()).is_ok());
        bytes.push(0xc3);
        let refused = piped_text(bytes).map_err(|failure| format!("{failure:?}"));
        assert!(refused.is_err_and(|failure| failure.contains("65537 characters")));
    }
}
