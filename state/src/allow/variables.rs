//! The environment variables that rules can use. Rules with an unreadable variable are rejected.

use std::cell::RefCell;
use std::env::VarError;
use std::ffi::OsString;

use openclaw_settings::{Flaw, Refused};

use super::file::{Mistake, VARIABLE};
use super::source::Error;

/// The environment, and the variables that were looked up but are not UTF-8.
pub(super) struct Variables<'a> {
    environment: &'a dyn Fn(&str) -> Option<OsString>,
    unreadable: RefCell<Vec<Refused>>,
}

impl Variables<'static> {
    pub(super) fn of_process() -> Self {
        Self::of(&|name| std::env::var_os(name))
    }
}

impl<'a> Variables<'a> {
    /// `WHATSAPP_ALLOW` is checked even if the rules do not use it: if it is unreadable, its intention is unknown.
    fn of(environment: &'a dyn Fn(&str) -> Option<OsString>) -> Self {
        let variables = Self {
            environment,
            unreadable: RefCell::default(),
        };
        // Only records an unreadable value.
        let _ = variables.lookup(VARIABLE);
        variables
    }

    /// The whole value of a variable, without a byte order mark, to be inserted into a text.
    pub(super) fn lookup(&self, name: &str) -> Result<String, VarError> {
        let value = (self.environment)(name).ok_or(VarError::NotPresent)?;
        match value.into_string() {
            Ok(text) => Ok(text
                .strip_prefix('\u{feff}')
                .map_or_else(|| text.clone(), str::to_owned)),
            Err(value) => {
                let refused = Refused {
                    name: name.to_owned(),
                    flaw: Flaw::NotText,
                };
                let mut unreadable = self.unreadable.borrow_mut();
                if !unreadable.contains(&refused) {
                    unreadable.push(refused);
                }
                Err(VarError::NotUnicode(value))
            }
        }
    }

    /// Fails if a variable that was looked up is not UTF-8. Call it after the rules were parsed.
    pub(super) fn check(&self) -> Result<(), Error> {
        let unreadable = self.unreadable.borrow();
        if unreadable.is_empty() {
            return Ok(());
        }
        let mistakes = unreadable.iter().map(|refused| Mistake {
            line: None,
            text: refused.to_string(),
        });
        Err(Error::Mistaken {
            place: "the environment".to_owned(),
            mistakes: mistakes.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_variable_that_is_not_text_is_unset_and_invalidates_the_rules() {
        let environment = |name: &str| match name {
            "ONE" => Some("1".into()),
            "MARKED" => Some("\u{feff}1".into()),
            "BAD" => Some(OsString::from_vec(b"1\xa0".to_vec())),
            _ => None,
        };
        let variables = Variables::of(&environment);
        assert_eq!(variables.lookup("ONE").as_deref(), Ok("1"));
        assert_eq!(variables.lookup("MARKED").as_deref(), Ok("1"));
        assert_eq!(variables.lookup("NONE"), Err(VarError::NotPresent));
        assert!(variables.check().is_ok());
        for _ in 0..2 {
            let bad = variables.lookup("BAD");
            assert!(matches!(bad, Err(VarError::NotUnicode(_))));
        }
        let error = variables.check().unwrap_err().to_string();
        assert_eq!(error, "the environment: BAD is not UTF-8 text");
    }

    #[test]
    fn whatsapp_allow_is_checked_even_if_unused() {
        let environment = |_: &str| Some(OsString::from_vec(b"\xff".to_vec()));
        let error = Variables::of(&environment).check().unwrap_err();
        assert!(
            error
                .to_string()
                .contains("WHATSAPP_ALLOW is not UTF-8 text")
        );
    }
}
