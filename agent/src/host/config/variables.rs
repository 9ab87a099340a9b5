//! The variables of the environment behind the flags: each is read by the one rule of `openclaw_settings`, and stands in for
//! its flag. A mistake names what was really set.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use openclaw_settings::Refused;

use super::Error;
use crate::host::volume::Mistake;

/// Which flags have a variable, and which variables cannot be used.
pub(crate) struct Variables {
    behind: Vec<FlagVariable>,
    refused: Vec<Refused>,
}

/// A flag and its variable.
struct FlagVariable {
    id: String,
    flag: String,
    variable: String,
}

impl Variables {
    /// Puts what the environment says behind the flags of `command`, in place of clap's own reading of it: for that one
    /// an empty variable is a mistake in the flag, and one that is not UTF-8 is a mistake of the command line.
    pub(crate) fn put_behind(
        command: Command,
        read: &dyn Fn(&str) -> Result<Option<String>, Refused>,
    ) -> (Command, Self) {
        let mut variables = Self {
            behind: Vec::new(),
            refused: Vec::new(),
        };
        let command = command.mut_args(|arg| variables.put_behind_one(arg, read));
        (command, variables)
    }

    fn put_behind_one(
        &mut self,
        arg: Arg,
        read: &dyn Fn(&str) -> Result<Option<String>, Refused>,
    ) -> Arg {
        let Some((flag, variable)) = named(&arg) else {
            return arg;
        };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let hidden = arg.is_hide_set();
        let id = arg.get_id().to_string();
        let arg = arg
            .env(None)
            .hide_default_value(true)
            .help(format!("{help} [env: {variable}]"))
            .hide(hidden);
        let arg = match read(&variable) {
            Ok(Some(value)) => arg.default_value(value),
            Ok(None) => arg,
            Err(refused) => {
                self.refused.push(refused);
                arg
            }
        };
        self.behind.push(FlagVariable { id, flag, variable });
        arg
    }

    /// Those that cannot be used.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let refused = self.refused.iter();
        refused
            .map(|refused| Mistake::from(refused.to_string()))
            .collect()
    }

    /// The same error, with the variable's name where a variable was set and not its flag.
    pub(crate) fn named(&self, error: Error, matches: &ArgMatches) -> Error {
        let Error::Values(mut mistakes) = error else {
            return error;
        };
        let set = self
            .behind
            .iter()
            .filter(|behind| matches.value_source(&behind.id) == Some(ValueSource::DefaultValue));
        for FlagVariable { flag, variable, .. } in set {
            for mistake in &mut mistakes {
                mistake.text = renamed(&mistake.text, flag, variable);
            }
        }
        Error::Values(mistakes)
    }
}

/// The names of an argument's flag and of its variable, if it has both.
fn named(arg: &Arg) -> Option<(String, String)> {
    let flag = format!("--{}", arg.get_long()?);
    let variable = arg.get_env()?.to_str()?.to_owned();
    Some((flag, variable))
}

/// The text with another name where this flag stands as a whole.
fn renamed(text: &str, flag: &str, variable: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(flag) {
        let after = &rest[at + flag.len()..];
        let is_whole = !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        done.push_str(&rest[..at]);
        done.push_str(if is_whole { variable } else { flag });
        rest = after;
    }
    done.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_renamed_as_a_whole_or_not_at_all() {
        let renamed = |text| renamed(text, "--listen", "OPENCLAW_LISTEN");
        assert_eq!(renamed("--listen: no"), "OPENCLAW_LISTEN: no");
        assert_eq!(renamed("--listen"), "OPENCLAW_LISTEN");
        assert_eq!(renamed("--listen-plaintext: no"), "--listen-plaintext: no");
        assert_eq!(
            renamed("--http, --listen: one"),
            "--http, OPENCLAW_LISTEN: one"
        );
    }
}
