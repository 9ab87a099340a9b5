//! The command line: the agent itself, and the commands that work on its volume.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use openclaw_harden::environment::Secrets;
use openclaw_harden::sandbox;
use openclaw_settings::names::{Unknown, unknown};
use openclaw_state::allow;

use crate::alerts;
use crate::host::config::{Config, ENROLL_CODE, Error, Flags, PROXIES, Variables, version};
use crate::host::keys;
use crate::host::volume::{self, KeySource, Mistake, StoreLocation, no_key, off_the_volume};

/// The variables that contain secrets. They are removed from the environment first, before anything else can read them.
pub const SECRETS: [&str; 10] = [
    volume::SECRETS[0],
    volume::SECRETS[1],
    alerts::SECRETS[0],
    alerts::SECRETS[1],
    ENROLL_CODE,
    PROXIES[0],
    PROXIES[1],
    PROXIES[2],
    PROXIES[3],
    PROXIES[4],
];

/// Run a WhatsApp companion device with a gRPC API.
///
/// Without a command it runs the agent.
#[derive(Parser, Debug)]
#[command(
    name = "openclaw-agent",
    version = version(),
    after_help = "Set the key in OPENCLAW_AUTH_KEY, or a passphrase in OPENCLAW_AUTH_PASSPHRASE. There are no flags for \
                  them, because every user of the machine can read flags."
)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    agent: Flags,
    #[command(flatten)]
    volume: volume::Flags,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Manage the keys of the store
    #[command(subcommand)]
    Keys(keys::Command),
    /// Check the health of the agent in the same container; exits with 0 if healthy, else 1
    Healthcheck {
        /// Also require a connection to WhatsApp
        #[arg(long)]
        ready: bool,
    },
}

/// The command line with the environment variables of its flags; the man page is generated from it.
pub fn line() -> clap::Command {
    Variables::put_behind(Line::command(), &|_| Ok(None)).0
}

/// The command to run.
#[derive(Debug)]
pub enum Task {
    /// Run the agent.
    Run(Box<Config>),
    /// List or change the key slots of the store.
    Keys {
        /// The subcommand.
        command: keys::Command,
        /// The location of the store.
        place: StoreLocation,
        /// The key, if one is given.
        source: Option<KeySource>,
    },
    /// Query the health of a running agent.
    Healthcheck {
        /// The agent's HTTP address.
        http: SocketAddr,
        /// Require a connection to WhatsApp.
        ready: bool,
    },
}

impl Task {
    /// Parses the arguments, and the environment for flags that are not given.
    pub fn read(
        args: impl IntoIterator<Item = OsString>,
        secrets: &Arc<Secrets>,
    ) -> Result<Self, Error> {
        let (line, variables) =
            Variables::put_behind(Line::command(), &openclaw_settings::variable);
        let matches = line.try_get_matches_from(args).map_err(Error::Usage)?;
        let line = Line::from_arg_matches(&matches).map_err(Error::Usage)?;
        Self::of(line, secrets, variables.mistakes())
            .map_err(|error| variables.named(error, &matches))
    }

    /// The task of a command line; `mistakes` are those found earlier.
    fn of(line: Line, secrets: &Arc<Secrets>, mut mistakes: Vec<Mistake>) -> Result<Self, Error> {
        let Line {
            command,
            agent,
            volume,
        } = line;
        let place = volume.place(&mut mistakes);
        let source = volume.source(secrets, agent.create_key_file, &mut mistakes);
        let alerts = agent.alerts.alerts(secrets, &mut mistakes);
        let (needs_key, may_begin) = match &command {
            None => (true, true),
            Some(Command::Keys(command)) => (command.opens_the_store(), false),
            Some(Command::Healthcheck { .. }) => (false, false),
        };
        if needs_key && source.is_none() && mistakes.is_empty() {
            mistakes.push(no_key(&place));
        }
        // Checked before anything is created there.
        mistakes.extend(may_begin.then(|| off_the_volume(&place.dir)).flatten());
        match (command, source) {
            (None, source) => Config::check(agent, place, source, alerts, secrets, mistakes)
                .map(|config| Self::Run(Box::new(config))),
            _ if !mistakes.is_empty() => Err(Error::Values(mistakes)),
            (Some(Command::Keys(command)), source) => Ok(Self::Keys {
                command,
                place,
                source,
            }),
            (Some(Command::Healthcheck { ready }), _) => Ok(Self::Healthcheck {
                http: agent.http()?,
                ready,
            }),
        }
    }
}

/// Variables with our prefix that belong to other programs, or to other container images of this one.
const OF_OTHERS: [&str; 4] = [
    "OPENCLAW_AGENT",
    "OPENCLAW_CONTEXT",
    // Dockerfile.distroless passes it to the build.
    "OPENCLAW_COMMIT",
    sandbox::VARIABLE,
];

/// Variables that only a simulator build reads: see `failpoint` and `clock`.
const OF_THE_SIMULATOR: [&str; 3] = [
    "OPENCLAW_KILL_AT",
    "OPENCLAW_SLOW_DISK_MS",
    "OPENCLAW_CLOCK_OFFSET_FILE",
];

/// Variables that look like a setting of the agent but are not. The known ones are derived from the command line, so
/// the list cannot be out of date.
#[must_use]
pub fn unknown_variables() -> Vec<Unknown> {
    let line = Line::command();
    let flags = line
        .get_arguments()
        .filter_map(|arg| arg.get_env()?.to_str());
    let places = SECRETS.map(|name| format!("{name}_FD"));
    let known: Vec<&str> = flags
        .chain(SECRETS)
        .chain(places.iter().map(String::as_str))
        .chain([allow::file::VARIABLE])
        .chain(OF_OTHERS)
        .chain(
            OF_THE_SIMULATOR
                .into_iter()
                .filter(|_| cfg!(feature = "sim")),
        )
        .collect();
    unknown(std::env::vars_os(), &known)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn read(args: &[&str]) -> Result<Task, Error> {
        let secrets = openclaw_harden::environment::take(&[]).expect("no variable is taken");
        let args = ["openclaw-agent"].iter().chain(args);
        Task::read(args.map(OsString::from), &secrets.into())
    }

    fn mistakes(args: &[&str]) -> Vec<String> {
        match read(args) {
            Err(Error::Values(mistakes)) => mistakes.into_iter().map(|it| it.text).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Line::command().debug_assert();
    }

    #[test]
    fn the_volume_flag_works_before_and_after_the_command() {
        for args in [
            ["--auth-dir", "/srv/one", "keys", "list"],
            ["keys", "--auth-dir", "/srv/one", "list"],
            ["keys", "list", "--auth-dir", "/srv/one"],
        ] {
            let Ok(Task::Keys { place, .. }) = read(&args) else {
                panic!("{args:?}");
            };
            assert_eq!(place.dir, PathBuf::from("/srv/one"));
        }
    }

    #[test]
    fn only_commands_that_open_the_store_need_a_key() {
        for args in [
            &["keys", "add", "laptop"][..],
            &["keys", "rotate-data"],
            &[],
        ] {
            let mistakes = mistakes(args);
            assert!(
                mistakes
                    .iter()
                    .any(|text| text.starts_with("no key is given")),
                "{args:?}: {mistakes:?}"
            );
        }
        assert!(read(&["keys", "generate"]).is_ok());
        assert!(read(&["keys", "list"]).is_ok());
    }
}
