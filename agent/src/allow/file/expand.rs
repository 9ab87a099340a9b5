//! `${NAME}` and `${NAME:-default}` in a text of the file, as OpenClaw has them; `$${` is a `${` that means itself.
//!
//! The values are put into texts that were read already: a variable cannot add keys or lines.

/// Why a text could not be completed. Never repeats a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("the variable {0} is not set; set it, or write ${{{0}:-}} for a default of nothing")]
    Unset(String),
    #[error("${{ has no matching }}")]
    Unclosed,
    #[error("between ${{ and }} stands NAME, or NAME:-default")]
    Name,
}

/// The text with every variable in its place.
pub(super) fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, Error> {
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

/// As in a shell: with `:-` an empty variable counts as unset.
fn value(inside: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, Error> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(Error::Name);
    }
    match (lookup(name), default) {
        (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Error::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in_and_defaults_stand_in_for_them() {
        let lookup = |name: &str| match name {
            "ONE" => Some("1".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, done) in [
            ("a", "a"),
            ("${ONE}", "1"),
            ("a${ONE}b${ONE}", "a1b1"),
            ("${ONE:-2}", "1"),
            ("${EMPTY:-2}", "2"),
            ("${EMPTY}", ""),
            ("${NONE:-[]}", "[]"),
            ("${NONE:-}", ""),
            ("$${ONE}", "${ONE}"),
            ("$ONE $", "$ONE $"),
        ] {
            assert_eq!(expand(text, &lookup).as_deref(), Ok(done), "{text}");
        }
        assert_eq!(expand("${NONE}", &lookup), Err(Error::Unset("NONE".into())));
        assert_eq!(expand("${ONE", &lookup), Err(Error::Unclosed));
        for wrong in ["${}", "${1}", "${a b}", "${ONE-2}"] {
            assert_eq!(expand(wrong, &lookup), Err(Error::Name), "{wrong}");
        }
    }

    #[test]
    fn what_a_variable_holds_is_not_looked_at_again() {
        let lookup = |_: &str| Some("${B}".to_owned());
        assert_eq!(expand("${A}", &lookup).as_deref(), Ok("${B}"));
    }
}
