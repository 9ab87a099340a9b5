//! The environment variables of the flags. `openclaw_settings` reads each by one rule, and the value replaces a missing
//! flag. A mistake names the variable if the value was from it.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use openclaw_settings::Refused;

use super::Error;
use crate::host::volume::Mistake;

/// The flags with a variable, and the variables with unusable values.
pub(crate) struct Variables {
    behind: Vec<FlagVariable>,
    refused: Vec<Refused>,
}

struct FlagVariable {
    id: String,
    flag: String,
    variable: String,
}

impl Variables {
    /// Sets the environment's values as defaults for the flags of `command`, in place of clap's own handling: clap
    /// reports an empty variable as a mistake in the flag, and non-UTF-8 as a mistake of the command line.
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

    /// The variables with unusable values.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let refused = self.refused.iter();
        refused
            .map(|refused| Mistake::from(refused.to_string()))
            .collect()
    }

    /// The same error, with the variable's name in place of the flag's if the value was from the variable.
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

/// The names of an argument's flag and variable, if it has both.
fn named(arg: &Arg) -> Option<(String, String)> {
    let flag = format!("--{}", arg.get_long()?);
    let variable = arg.get_env()?.to_str()?.to_owned();
    Some((flag, variable))
}

/// Replaces the flag in the text, but only as a whole word.
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
    fn only_whole_flags_are_renamed() {
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
