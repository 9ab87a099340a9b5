//! Parsing of settings: the same rules for every environment variable and for every file with a single value (a key,
//! a passphrase, a code), in the agent and in `openclawctl`.
//!
//! | Input | a value: address, number, path, key, code | free text: passphrase, other secret |
//! | --- | --- | --- |
//! | nothing, blanks, an empty pair of quotes | unset | unset |
//! | not UTF-8 | refused | refused |
//! | a byte order mark, blanks and line ends around it | dropped | one line end is dropped, anything else is a flaw |
//! | a pair of quotes around it | dropped | a flaw |
//! | a quote at one end only | refused | a flaw |
//! | `NAME=` before it, as in a line of an env file; a literal `\n` after it | left to its parser | a flaw |
//! | a line break or another control character in it | refused | a flaw |
//!
//! Every value has a parser, so the dropped characters cannot change its meaning. For free text the intention is
//! unknown: a quote may be part of a passphrase, or come from a file that another program would have unquoted. So
//! nothing is dropped from it. A text with a flaw is rejected for sealing or signing something new; for opening
//! something that was sealed earlier, the flaw is only reported.
//!
//! Secrets are not copied: the result borrows from the input. Errors never contain the input.

pub mod names;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

/// What is wrong with a setting. Never contains the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The bytes are not UTF-8.
    #[error("is not UTF-8 text")]
    NotText,
    /// There is a quotation mark at one end only.
    #[error("has a quotation mark at one end only")]
    HalfQuoted,
    /// There is a line break or another control character.
    #[error("has a line break or another control character in it")]
    Control,
    /// Free text begins with U+FEFF, as some editors write it.
    #[error("begins with a byte order mark")]
    ByteOrderMark,
    /// Free text in quotes.
    #[error("is in quotation marks")]
    Quoted,
    /// Free text begins with the name of one of our variables, like a line of an env file.
    #[error("begins with NAME=, as a line of an env file does")]
    Assignment,
    /// Free text ends in a backslash and an n, where a line end was probably meant.
    #[error("ends in a literal \\n")]
    WrittenLineEnd,
    /// Free text begins or ends with invisible blanks.
    #[error("has a space at its beginning or at its end")]
    BlankEnd,
}

/// A setting with a flaw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {flaw}")]
pub struct Refused {
    /// The variable, or the other origin of the setting.
    pub name: String,
    /// The flaw.
    pub flaw: Flaw,
}

/// A free text as given, except for its line end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FreeText<'a> {
    text: &'a str,
    flaw: Option<Flaw>,
}

impl<'a> FreeText<'a> {
    /// The text, for opening something that was sealed with it.
    #[must_use]
    pub const fn as_given(self) -> &'a str {
        self.text
    }

    /// The flaw, if the text may not be what was meant.
    #[must_use]
    pub const fn flaw(self) -> Option<Flaw> {
        self.flaw
    }

    /// The text, for sealing or signing something new.
    ///
    /// # Errors
    /// The text has a flaw.
    pub fn without_flaw(self) -> Result<&'a str, Flaw> {
        self.flaw.map_or(Ok(self.text), Err)
    }
}

/// Pairs of quotation marks that are often pasted along with a value.
const QUOTES: [(char, char); 5] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('\u{201c}', '\u{201d}'),
    ('\u{2018}', '\u{2019}'),
];

/// White space, and characters that are invisible in a terminal.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

fn unquoted(text: &str) -> Option<&str> {
    QUOTES.iter().find_map(|(open, close)| {
        text.strip_prefix(*open)
            .and_then(|rest| rest.strip_suffix(*close))
    })
}

fn is_quote(c: char) -> bool {
    QUOTES.iter().any(|(open, close)| c == *open || c == *close)
}

/// Reads a value whose format the caller checks. `None` if it is not set.
///
/// # Errors
/// See [`Flaw`]: not UTF-8, a quote at one end only, a control character.
pub fn value(given: &[u8]) -> Result<Option<&str>, Flaw> {
    let mut text = std::str::from_utf8(given)
        .map_err(|_| Flaw::NotText)?
        .trim_matches(is_blank);
    // Removes all levels, so that reading the result again does not change it.
    while let Some(inside) = unquoted(text) {
        text = inside.trim_matches(is_blank);
    }
    if text.starts_with(is_quote) || text.ends_with(is_quote) {
        return Err(Flaw::HalfQuoted);
    }
    if text.chars().any(char::is_control) {
        return Err(Flaw::Control);
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// True if anything is set, even if it would be rejected.
#[must_use]
pub fn is_set(given: &[u8]) -> bool {
    !matches!(value(given), Ok(None))
}

/// Reads a free text. `None` if it is not set, which includes only quotes or blanks.
///
/// # Errors
/// It is not UTF-8.
pub fn free_text(given: &[u8]) -> Result<Option<FreeText<'_>>, Flaw> {
    let text = std::str::from_utf8(given).map_err(|_| Flaw::NotText)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if !is_set(given) {
        return Ok(None);
    }
    let flaw = if text.starts_with('\u{feff}') {
        Some(Flaw::ByteOrderMark)
    } else if text.chars().any(char::is_control) {
        Some(Flaw::Control)
    } else if text.starts_with(is_blank) || text.ends_with(is_blank) {
        Some(Flaw::BlankEnd)
    } else if unquoted(text).is_some() {
        Some(Flaw::Quoted)
    } else if text.starts_with(is_quote) || text.ends_with(is_quote) {
        Some(Flaw::HalfQuoted)
    } else if is_assignment(text) {
        Some(Flaw::Assignment)
    } else if text.ends_with("\\n") || text.ends_with("\\r") {
        Some(Flaw::WrittenLineEnd)
    } else {
        None
    };
    Ok(Some(FreeText { text, flaw }))
}

/// `OPENCLAW_X=…`, with or without `export`. Limited to our own names, because any text may contain a `=`.
fn is_assignment(text: &str) -> bool {
    let text = text.strip_prefix("export ").unwrap_or(text);
    let name = text.split('=').next().unwrap_or_default();
    name.len() < text.len()
        && name.starts_with("OPENCLAW_")
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Reads a variable of this process.
///
/// # Errors
/// Those of [`value`], with the name of the variable.
pub fn variable(name: &str) -> Result<Option<String>, Refused> {
    variable_in(name, &|name| std::env::var_os(name))
}

/// Reads a variable of another environment.
///
/// # Errors
/// Those of [`value`], with the name of the variable.
pub fn variable_in(
    name: &str,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<String>, Refused> {
    let Some(given) = environment(name) else {
        return Ok(None);
    };
    value(OsStr::as_bytes(&given))
        .map(|value| value.map(str::to_owned))
        .map_err(|flaw| Refused {
            name: name.to_owned(),
            flaw,
        })
}
