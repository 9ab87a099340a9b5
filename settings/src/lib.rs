//! How a setting is read: one rule for every variable, and for every file that holds one value (a key, a passphrase, a
//! code), in the agent and in `openclawctl`.
//!
//! | What was set | a value: address, number, path, key, code | free text: passphrase, secret of one's own |
//! | --- | --- | --- |
//! | nothing, blanks, an empty pair of quotes | unset | unset |
//! | not UTF-8 | refused | refused |
//! | a byte order mark, blanks and line ends around it | dropped | a line end is dropped, anything else is a flaw |
//! | a pair of quotes around it | dropped | a flaw |
//! | a quote at one end only | refused | a flaw |
//! | `NAME=` before it, as in a line of an env file; a written-out `\n` behind it | as its parser has it | a flaw |
//! | a line break or another control character in it | refused | a flaw |
//!
//! Every value has a parser behind it, so that what is dropped cannot change what is meant. Of a free text no one can
//! say what is meant: a quote may be a part of a passphrase, or come from a file that another program would have
//! unquoted. So nothing is dropped there. A flaw refuses what is to be sealed or signed from now on, and is only
//! reported where something that was sealed before is to be opened.
//!
//! No secret is copied: what is read is a part of what was given. No error repeats what was read.

pub mod names;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

/// What is wrong with a text that was set. Never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// No program can read it.
    #[error("is not UTF-8 text")]
    NotText,
    /// A quote at one end, without its partner.
    #[error("has a quotation mark at one end only")]
    HalfQuoted,
    /// More than one line, or what no keyboard writes.
    #[error("has a line break or another control character in it")]
    Control,
    /// Free text that begins with U+FEFF, as some editors write it.
    #[error("begins with a byte order mark")]
    ByteOrderMark,
    /// Free text in quotes.
    #[error("is in quotation marks")]
    Quoted,
    /// Free text that begins with the name of a variable of ours: a whole line of an env file.
    #[error("begins with NAME=, as a line of an env file does")]
    Assignment,
    /// Free text that ends in a backslash and an n, where a line end was meant.
    #[error("ends in a literal \\n")]
    WrittenLineEnd,
    /// Free text with blanks that no one sees.
    #[error("has a space at its beginning or at its end")]
    BlankEnd,
}

/// A setting whose text has a flaw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {flaw}")]
pub struct Refused {
    /// The variable, or where else it was set.
    pub name: String,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// A free text as it was given, but for its line end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FreeText<'a> {
    text: &'a str,
    flaw: Option<Flaw>,
}

impl<'a> FreeText<'a> {
    /// The text, to open what was sealed with it.
    #[must_use]
    pub const fn as_given(self) -> &'a str {
        self.text
    }

    /// Why it may be another text than was meant.
    #[must_use]
    pub const fn flaw(self) -> Option<Flaw> {
        self.flaw
    }

    /// The text, for something new.
    ///
    /// # Errors
    /// It has a flaw.
    pub fn without_flaw(self) -> Result<&'a str, Flaw> {
        self.flaw.map_or(Ok(self.text), Err)
    }
}

/// The quotation marks that come along when something is pasted.
const QUOTES: [(char, char); 5] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('\u{201c}', '\u{201d}'),
    ('\u{2018}', '\u{2019}'),
];

/// White space, and marks that no terminal shows.
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

/// Reads a value, whose form is checked by the caller. `None` where nothing is set.
///
/// # Errors
/// See [`Flaw`]: not UTF-8, a quote at one end only, a control character.
pub fn value(given: &[u8]) -> Result<Option<&str>, Flaw> {
    let mut text = std::str::from_utf8(given)
        .map_err(|_| Flaw::NotText)?
        .trim_matches(is_blank);
    // As often as there are any: what is read is read the same a second time.
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

/// Whether anything is set: what is refused is set as well.
#[must_use]
pub fn is_set(given: &[u8]) -> bool {
    !matches!(value(given), Ok(None))
}

/// Reads a free text. `None` where nothing is set, which a value of nothing but quotes or blanks is as well.
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

/// `OPENCLAW_X=…`, with `export` before it or not. Only our own names: any text may have a `=` in it.
fn is_assignment(text: &str) -> bool {
    let text = text.strip_prefix("export ").unwrap_or(text);
    let name = text.split('=').next().unwrap_or_default();
    name.len() < text.len()
        && name.starts_with("OPENCLAW_")
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Reads the value of a variable of this process.
///
/// # Errors
/// As [`value`]; the variable is named.
pub fn variable(name: &str) -> Result<Option<String>, Refused> {
    variable_in(name, &|name| std::env::var_os(name))
}

/// The same of another environment.
///
/// # Errors
/// As [`value`]; the variable is named.
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
