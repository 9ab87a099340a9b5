//! Settings for the location of the store and its key, shared by the agent and its commands.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use openclaw_harden::environment::Secrets;

use super::{KeySource, StoreLocation, foreign_files, inspect, is_inside};

/// The mount path of the volume in the documented deployments.
const DEFAULT_DIR: &str = "/app/auth";
/// How long the previous process may take to stop.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The hint for opening an existing store.
pub(super) const OWN_KEY: &str = "a store is there, and only its own key or passphrase opens it: set \
OPENCLAW_AUTH_KEY to that key, or name the file that holds it with --auth-key-file; a new key opens nothing here";

/// The raw flags.
#[derive(Args, Debug, Default)]
#[group(skip)]
#[command(next_help_heading = "The volume")]
pub struct Flags {
    /// Directory of the encrypted store; created if its parent exists [default: /app/auth]
    #[arg(long, env = "OPENCLAW_AUTH_DIR", value_name = "DIR", global = true)]
    pub auth_dir: Option<PathBuf>,
    /// File with the key that opens the store, as `openclaw-agent keys generate` prints it
    #[arg(
        long,
        env = "OPENCLAW_AUTH_KEY_FILE",
        value_name = "FILE",
        global = true
    )]
    pub auth_key_file: Option<PathBuf>,
    /// File with a passphrase that opens the store
    #[arg(
        long,
        env = "OPENCLAW_AUTH_PASSPHRASE_FILE",
        value_name = "FILE",
        global = true
    )]
    pub auth_passphrase_file: Option<PathBuf>,
    /// Seconds to wait for another process to release the store [default: 10]
    #[arg(
        long,
        env = "OPENCLAW_LOCK_WAIT",
        value_name = "SECONDS",
        global = true
    )]
    pub lock_wait: Option<String>,
}

/// An invalid setting, with a hint if the next step is not obvious.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The setting, and what is wrong with it.
    pub text: String,
    /// The next step, if the help text of the setting does not give it.
    pub hint: Option<String>,
}

impl From<String> for Mistake {
    fn from(text: String) -> Self {
        Self { text, hint: None }
    }
}

impl Flags {
    /// Validates the location of the store.
    pub fn place(&self, mistakes: &mut Vec<Mistake>) -> StoreLocation {
        let lock_timeout = match &self.lock_wait {
            Some(text) if !text.is_empty() => match text.parse() {
                Ok(seconds @ 0..=3600) => Duration::from_secs(seconds),
                _ => {
                    mistakes.push(Mistake::from(format!(
                        "--lock-wait: {text:?} is not a number of seconds from 0 to 3600"
                    )));
                    LOCK_TIMEOUT
                }
            },
            _ => LOCK_TIMEOUT,
        };
        let dir = given(&self.auth_dir).unwrap_or(Path::new(DEFAULT_DIR));
        if dir.canonicalize().is_ok_and(|real| real == Path::new("/")) {
            mistakes.push(Mistake {
                text: format!(
                    "--auth-dir: {} is the root directory, not one for a store",
                    dir.display()
                ),
                hint: Some("name a separate directory, for example /app/auth".to_owned()),
            });
        } else if let Some(name) = foreign_files::first_in(dir) {
            mistakes.push(Mistake {
                text: format!(
                    "--auth-dir: {} has no store, but files that are not the agent's ({name})",
                    dir.display()
                ),
                hint: Some(
                    "name an empty or new directory; the agent takes ownership of it and makes it private"
                        .to_owned(),
                ),
            });
        }
        StoreLocation {
            dir: given(&self.auth_dir).map_or_else(|| PathBuf::from(DEFAULT_DIR), PathBuf::from),
            lock_timeout,
        }
    }

    /// Validates the source of the secret; exactly one must be set. With `make`, a missing key file is created.
    pub fn source(
        &self,
        secrets: &Arc<Secrets>,
        make: bool,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<KeySource> {
        let mut places = KeySource::in_environment(secrets);
        if let Some(path) = given(&self.auth_key_file) {
            places.push((
                "--auth-key-file",
                KeySource::key_file(path.to_owned(), make),
            ));
        }
        if let Some(path) = given(&self.auth_passphrase_file) {
            let source = KeySource::passphrase_file(path.to_owned());
            places.push(("--auth-passphrase-file", source));
        }
        let with_key_file = places
            .iter()
            .any(|(_, source)| source.file_to_make().is_some());
        if make && !with_key_file {
            let dir = given(&self.auth_dir).unwrap_or(Path::new(DEFAULT_DIR));
            match default_key_path(dir) {
                Some(path) => {
                    places.push(("--create-key-file", KeySource::key_file(path, true)));
                }
                None => mistakes.push(Mistake::from(format!(
                    "--create-key-file: there is no directory next to {} for the key; name a file with --auth-key-file",
                    dir.display()
                ))),
            }
        }
        let dir = given(&self.auth_dir).unwrap_or(Path::new(DEFAULT_DIR));
        for (name, source) in &places {
            if let Some(path) = source.file().filter(|path| is_inside(dir, path)) {
                mistakes.push(on_the_volume(name, path, dir));
            }
        }
        if places.len() > 1 {
            let names: Vec<_> = places.iter().map(|(name, _)| *name).collect();
            mistakes.push(Mistake {
                text: format!("{}: give the key in one place only", names.join(", ")),
                hint: Some("unset all but one; environment variables count too".to_owned()),
            });
        }
        let (_, source) = places.pop()?;
        Some(source)
    }
}

/// The mistake of a missing key: how to supply the key of an existing store, or create one for a new store.
#[must_use]
pub fn no_key(place: &StoreLocation) -> Mistake {
    // A store that cannot be inspected counts as existing.
    let hint = match inspect(&place.dir) {
        Ok(None) => {
            "run `openclaw-agent keys generate` once, keep what it prints, and set OPENCLAW_AUTH_KEY to it \
             (on Railway: the service's Variables); or name a file that holds it with --auth-key-file"
        }
        Ok(Some(_)) | Err(_) => OWN_KEY,
    };
    Mistake {
        text: format!("no key is given for the store in {}", place.dir.display()),
        hint: Some(hint.to_owned()),
    }
}

/// The mistake of a key file that is on the volume it opens.
pub(crate) fn on_the_volume(name: &str, path: &Path, dir: &Path) -> Mistake {
    Mistake {
        text: format!(
            "{name}: {} is on the volume {}: anyone with the volume would have its key",
            path.display(),
            dir.display()
        ),
        hint: Some("use a path outside the volume; symlinks are resolved first".to_owned()),
    }
}

/// `/app/auth.key` for `/app/auth`: outside the volume, so that a copy of the volume does not include its key.
fn default_key_path(dir: &Path) -> Option<PathBuf> {
    let dir = std::path::absolute(dir).ok()?;
    let mut name = dir.file_name()?.to_owned();
    name.push(".key");
    Some(dir.with_file_name(name))
}

/// An empty value counts as unset: some platforms set variables that way.
fn given(path: &Option<PathBuf>) -> Option<&Path> {
    path.as_deref().filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(flags: &Flags, make: bool) -> (Option<KeySource>, Vec<Mistake>) {
        let secrets = openclaw_harden::environment::take(&[]).expect("no variable is taken");
        let mut mistakes = Vec::new();
        let source = flags.source(&Arc::new(secrets), make, &mut mistakes);
        (source, mistakes)
    }

    #[test]
    fn a_missing_key_is_a_mistake() {
        let empty = Flags {
            auth_key_file: Some(PathBuf::new()),
            ..Flags::default()
        };
        let (source, mistakes) = source(&empty, false);
        assert!(source.is_none() && mistakes.is_empty());
        let mistake = no_key(&empty.place(&mut Vec::new()));
        assert_eq!(mistake.text, "no key is given for the store in /app/auth");
        assert!(
            mistake
                .hint
                .unwrap()
                .contains("openclaw-agent keys generate")
        );
    }

    #[test]
    fn no_new_key_is_suggested_for_an_existing_store() {
        let dir = tempfile::tempdir().unwrap();
        let place = StoreLocation {
            dir: dir.path().to_owned(),
            lock_timeout: Duration::ZERO,
        };
        let hint = || no_key(&place).hint.unwrap();
        assert!(hint().contains("keys generate"), "{}", hint());
        std::fs::write(dir.path().join("vault.hdr"), "damaged or not").unwrap();
        assert!(hint().contains("only its own key or passphrase"));
        assert!(!hint().contains("generate"), "{}", hint());
    }

    #[test]
    fn two_sources_are_a_mistake_that_names_both() {
        let both = Flags {
            auth_key_file: Some("/a".into()),
            auth_passphrase_file: Some("/b".into()),
            ..Flags::default()
        };
        let (_, mistakes) = source(&both, false);
        assert!(
            mistakes[0]
                .text
                .starts_with("--auth-key-file, --auth-passphrase-file: ")
        );
    }

    #[test]
    fn a_key_file_is_created_next_to_the_volume_or_where_configured() {
        let beside = |dir: &str| {
            let flags = Flags {
                auth_dir: Some(dir.into()),
                ..Flags::default()
            };
            let (source, mistakes) = source(&flags, true);
            assert!(mistakes.is_empty());
            source.unwrap().file_to_make().unwrap().to_owned()
        };
        assert_eq!(beside("/srv/auth"), Path::new("/srv/auth.key"));
        assert_eq!(beside("/srv/auth/"), Path::new("/srv/auth.key"));
        let named = Flags {
            auth_key_file: Some("/etc/agent.key".into()),
            ..Flags::default()
        };
        let (source, mistakes) = source(&named, true);
        assert!(mistakes.is_empty());
        assert_eq!(
            source.unwrap().file_to_make(),
            Some(Path::new("/etc/agent.key"))
        );
    }

    #[test]
    fn the_wait_for_a_lock_is_bounded() {
        let wait = |text: &str| {
            let flags = Flags {
                lock_wait: Some(text.to_owned()),
                ..Flags::default()
            };
            let mut mistakes = Vec::new();
            (flags.place(&mut mistakes).lock_timeout, mistakes.len())
        };
        assert_eq!(wait("0"), (Duration::ZERO, 0));
        assert_eq!(wait(""), (LOCK_TIMEOUT, 0));
        assert_eq!(wait("soon"), (LOCK_TIMEOUT, 1));
        assert_eq!(wait("3601"), (LOCK_TIMEOUT, 1));
    }
}
