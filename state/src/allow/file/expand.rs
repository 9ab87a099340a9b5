//! Expands `${NAME}` and `${NAME:-default}` in a text of the file, with OpenClaw's syntax; `$${` stands for a literal
//! `${`.
//!
//! Values are inserted after the YAML was parsed, so a variable cannot add keys or lines. An empty variable is a
//! mistake unless the text has a default.

use std::env::VarError;

/// Reads an environment variable.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Result<String, VarError> + 'a;

/// Why a text cannot be expanded. Never contains a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("the variable {0} is not set; set it, or write ${{{0}:-}} for an empty default")]
    Unset(String),
    #[error("the variable {0} is empty; set it, or write ${{{0}:-}} for an empty default")]
    Empty(String),
    #[error("the variable {0} is not UTF-8 text; set it again")]
    NotUnicode(String),
    #[error("${{ has no matching }}")]
    Unclosed,
    #[error("write NAME or NAME:-default between ${{ and }}")]
    Name,
}

/// The text with all variables expanded.
pub(super) fn expand(text: &str, lookup: &Lookup<'_>) -> Result<String, Error> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            done.push_str(&rest[..at - 1]);
            done.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        done.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let end = inside.find('}').ok_or(Error::Unclosed)?;
        done.push_str(&value(&inside[..end], lookup)?);
        rest = &inside[end + 1..];
    }
    done.push_str(rest);
    Ok(done)
}

/// With `:-` an empty variable counts as unset, as in a shell.
fn value(inside: &str, lookup: &Lookup<'_>) -> Result<String, Error> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(Error::Name);
    }
    match (lookup(name), default) {
        (Err(VarError::NotUnicode(_)), _) => Err(Error::NotUnicode(name.to_owned())),
        (Ok(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
        (Ok(value), None) if value.trim().is_empty() => Err(Error::Empty(name.to_owned())),
        (Ok(value), _) => Ok(value),
        (Err(VarError::NotPresent), Some(default)) => Ok(default.to_owned()),
        (Err(VarError::NotPresent), None) => Err(Error::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn variables_are_expanded_and_defaults_replace_missing_ones() {
        let lookup = |name: &str| match name {
            "ONE" => Ok("1".to_owned()),
            "EMPTY" => Ok(String::new()),
            "BLANK" => Ok(" ".to_owned()),
            "BYTES" => Err(VarError::NotUnicode(OsString::from_vec(vec![0xa0]))),
            _ => Err(VarError::NotPresent),
        };
        for (text, done) in [
            ("a", "a"),
            ("${ONE}", "1"),
            ("a${ONE}b${ONE}", "a1b1"),
            ("${ONE:-2}", "1"),
            ("${EMPTY:-2}", "2"),
            ("${EMPTY:-}", ""),
            ("${BLANK:-2}", " "),
            ("${NONE:-[]}", "[]"),
            ("${NONE:-}", ""),
            ("$${ONE}", "${ONE}"),
            ("$ONE $", "$ONE $"),
        ] {
            assert_eq!(expand(text, &lookup).as_deref(), Ok(done), "{text}");
        }
        assert_eq!(expand("${NONE}", &lookup), Err(Error::Unset("NONE".into())));
        for empty in ["EMPTY", "BLANK"] {
            let text = format!("${{{empty}}}");
            assert_eq!(expand(&text, &lookup), Err(Error::Empty(empty.into())));
        }
        for text in [
            "${BYTES}",
            "${BYTES:-}",
            "${BYTES:-*}",
            "a${ONE}${BYTES:-2}",
        ] {
            assert_eq!(
                expand(text, &lookup),
                Err(Error::NotUnicode("BYTES".into()))
            );
        }
        assert_eq!(expand("${ONE", &lookup), Err(Error::Unclosed));
        for wrong in ["${}", "${1}", "${a b}", "${ONE-2}"] {
            assert_eq!(expand(wrong, &lookup), Err(Error::Name), "{wrong}");
        }
    }

    #[test]
    fn the_value_of_a_variable_is_not_expanded_again() {
        let lookup = |_: &str| Ok("${B}".to_owned());
        assert_eq!(expand("${A}", &lookup).as_deref(), Ok("${B}"));
    }
}
