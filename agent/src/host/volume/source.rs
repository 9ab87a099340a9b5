//! The source of the secret that opens the store. The secret is read when needed, and again after an unpair; in
//! between, the process does not hold it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openclaw_harden::environment::{self, Secrets};
use openclaw_settings::Flaw;
use openclaw_vault::{BadSecret, Key32, Secret};
use zeroize::Zeroizing;

use super::fault::Fault;

const KEY: &str = "OPENCLAW_AUTH_KEY";
const PASSPHRASE: &str = "OPENCLAW_AUTH_PASSPHRASE";

/// The variables that contain secrets. They are removed from the environment first, before anything else can read them.
pub const SECRETS: &[&str] = &[KEY, PASSPHRASE];

const MAX_SECRET_BYTES: u64 = 4096;

/// A source of the secret.
#[derive(Clone)]
pub struct KeySource(SecretSource);

#[derive(Clone)]
enum SecretSource {
    KeyFile { path: PathBuf, make: bool },
    PassphraseFile(PathBuf),
    Key(Arc<Secrets>),
    Passphrase(Arc<Secrets>),
}

/// Why a source provides no secret.
#[derive(Debug, thiserror::Error)]
pub enum BadSource {
    /// The file cannot be opened.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A pipe, a directory or a device, which could not be read a second time.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Every user of the machine can read it.
    #[error("{} can be read by everyone (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The content is not a valid secret.
    #[error("cannot use {place}")]
    Bad {
        /// The file or variable.
        place: String,
        /// Why the secret is invalid.
        source: BadSecret,
    },
    /// The content has characters that make it ambiguous.
    #[error("{place} {flaw}")]
    Flawed {
        /// The file or variable.
        place: String,
        /// The flaw.
        flaw: Flaw,
    },
    /// A passphrase that must not be used for a new slot.
    #[error("the passphrase in {place} {fault}")]
    Unfit {
        /// The file or variable.
        place: String,
        /// The flaw.
        fault: Fault,
    },
    /// The variable's value is not available.
    #[error(transparent)]
    Environment(#[from] environment::Error),
    /// The key file could not be created.
    #[error("cannot make the key file {}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The system cannot provide random numbers.
    #[error(transparent)]
    NoRandom(openclaw_vault::NoRandom),
}

impl BadSource {
    /// True if the file is missing or has no secret: creating one would make a different secret.
    pub(super) fn is_no_secret(&self) -> bool {
        match self {
            Self::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Bad { .. } | Self::Flawed { .. } => true,
            Self::NotAFile(_)
            | Self::Exposed { .. }
            | Self::Unfit { .. }
            | Self::Environment(_)
            | Self::Make { .. }
            | Self::NoRandom(_) => false,
        }
    }

    /// The next step.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Read { path, source } if source.kind() == io::ErrorKind::NotFound => format!(
                "for a new store, make a key with `openclaw-agent keys generate --out {}`",
                path.display()
            ),
            Self::Read { .. } => format!(
                "the agent runs as user {}: give the file to it, or set {KEY} instead",
                rustix::process::geteuid().as_raw()
            ),
            Self::NotAFile(_) => {
                "name a regular file; it is read again when a new store is created".to_owned()
            }
            Self::Exposed { path, .. } => format!("run `chmod 600 {}`", path.display()),
            Self::Unfit { fault, .. } => fault.hint().to_owned(),
            Self::Bad { .. } | Self::Flawed { .. } => {
                "`openclaw-agent keys generate` prints a valid key".to_owned()
            }
            Self::Environment(_) => {
                "set the variable to the secret itself, and nothing else".to_owned()
            }
            Self::Make { .. } => format!(
                "in a container set {KEY} to the output of `openclaw-agent keys generate`: a file there is lost with the container"
            ),
            Self::NoRandom(_) => "start again; the machine may still be booting".to_owned(),
        }
    }
}

impl KeySource {
    pub(super) fn key_file(path: PathBuf, make: bool) -> Self {
        Self(SecretSource::KeyFile { path, make })
    }

    pub(super) fn passphrase_file(path: PathBuf) -> Self {
        Self(SecretSource::PassphraseFile(path))
    }

    /// The sources in the environment, each with its variable.
    pub(super) fn in_environment(secrets: &Arc<Secrets>) -> Vec<(&'static str, Self)> {
        let places = [
            (KEY, Self(SecretSource::Key(Arc::clone(secrets)))),
            (
                PASSPHRASE,
                Self(SecretSource::Passphrase(Arc::clone(secrets))),
            ),
        ];
        let mut places = Vec::from(places);
        places.retain(|(name, _)| {
            let held = secrets.read(name).ok().flatten();
            held.is_some_and(|text| openclaw_settings::is_set(text.as_bytes()))
        });
        places
    }

    /// Loads the secret.
    pub fn secret(&self) -> Result<Secret, BadSource> {
        let bad = |source| BadSource::Bad {
            place: self.to_string(),
            source,
        };
        match &self.0 {
            SecretSource::KeyFile { .. } | SecretSource::Key(_) => {
                let given = self.given()?;
                let value = openclaw_settings::value(given.as_bytes());
                let value = value.map_err(|flaw| self.flawed(flaw))?;
                Secret::parse_key(value.unwrap_or_default()).map_err(bad)
            }
            SecretSource::PassphraseFile(_) | SecretSource::Passphrase(_) => {
                let given = self.given()?;
                let text = openclaw_settings::free_text(given.as_bytes());
                text.map_err(|flaw| self.flawed(flaw))?
                    .map_or(Err(BadSecret::EmptyPassphrase), |_| {
                        Secret::parse_passphrase(&given)
                    })
                    .map_err(bad)
            }
        }
    }

    /// The flaw of the passphrase, if the secret is a passphrase and has one; to be reported when it opens a store.
    pub fn fault(&self) -> Result<Option<Fault>, BadSource> {
        match &self.0 {
            SecretSource::KeyFile { .. } | SecretSource::Key(_) => Ok(None),
            SecretSource::PassphraseFile(_) | SecretSource::Passphrase(_) => {
                Ok(Fault::of(&self.given()?))
            }
        }
    }

    /// Checks that the secret may be used for a new slot.
    pub fn check_for_new(&self) -> Result<(), BadSource> {
        let fault = self.fault()?;
        fault.map_or(Ok(()), |fault| {
            Err(BadSource::Unfit {
                place: self.to_string(),
                fault,
            })
        })
    }

    fn flawed(&self, flaw: Flaw) -> BadSource {
        BadSource::Flawed {
            place: self.to_string(),
            flaw,
        }
    }

    /// The unparsed content.
    fn given(&self) -> Result<Zeroizing<String>, BadSource> {
        match &self.0 {
            SecretSource::KeyFile { path, .. } | SecretSource::PassphraseFile(path) => read(path),
            SecretSource::Key(secrets) => Ok(secrets.read(KEY)?.unwrap_or_default()),
            SecretSource::Passphrase(secrets) => Ok(secrets.read(PASSPHRASE)?.unwrap_or_default()),
        }
    }

    /// The file, if the source is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            SecretSource::KeyFile { path, .. } | SecretSource::PassphraseFile(path) => Some(path),
            SecretSource::Key(_) | SecretSource::Passphrase(_) => None,
        }
    }

    /// A key file to create if it does not exist.
    #[must_use]
    pub fn file_to_make(&self) -> Option<&Path> {
        match &self.0 {
            SecretSource::KeyFile { path, make: true } => Some(path),
            _ => None,
        }
    }

    /// True if the file's group can read it: accepted, since platforms mount secrets that way, but worth a warning.
    /// systemd's credentials are private to the service, although their mode shows the mask of an access list.
    #[must_use]
    pub fn is_open_to_group(&self) -> bool {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        self.file()
            .filter(|path| !credentials.is_some_and(|dir| path.starts_with(dir)))
            .and_then(|path| fs::metadata(path).ok())
            .is_some_and(|metadata| metadata.mode() & 0o040 != 0)
    }
}

/// The source, as the operator named it. Never the secret.
impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            SecretSource::KeyFile { path, .. } | SecretSource::PassphraseFile(path) => {
                path.display().fmt(f)
            }
            SecretSource::Key(_) => f.write_str(KEY),
            SecretSource::Passphrase(_) => f.write_str(PASSPHRASE),
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySource({self})")
    }
}

/// Reads a key from a file.
pub fn read_key(path: &Path) -> Result<Secret, BadSource> {
    KeySource::key_file(path.to_owned(), false).secret()
}

/// Reads a passphrase from a file.
pub fn read_passphrase(path: &Path) -> Result<Secret, BadSource> {
    KeySource::passphrase_file(path.to_owned()).secret()
}

/// The same, for a new slot: the passphrase must have no flaw.
pub fn read_new_passphrase(path: &Path) -> Result<Secret, BadSource> {
    let source = KeySource::passphrase_file(path.to_owned());
    source.check_for_new()?;
    source.secret()
}

fn read(path: &Path) -> Result<Zeroizing<String>, BadSource> {
    let failed = |source| BadSource::Read {
        path: path.to_owned(),
        source,
    };
    // Non-blocking: opening a pipe must not wait for its writer.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
        .map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(BadSource::NotAFile(path.to_owned()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o004 != 0 && !is_mounted_read_only(&file) {
        return Err(BadSource::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES as usize + 1));
    file.take(MAX_SECRET_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| BadSource::Flawed {
        place: path.display().to_string(),
        flaw: Flaw::NotText,
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// True for read-only mounts, as platforms use for secrets: no one on the machine chose their modes.
fn is_mounted_read_only(file: &File) -> bool {
    rustix::fs::fstatvfs(file).is_ok_and(|system| {
        system
            .f_flag
            .contains(rustix::fs::StatVfsMountFlags::RDONLY)
    })
}

/// Creates a file with a new key; `false` if it exists. The key is durable before anything is encrypted with it.
pub fn make_key_file(path: &Path) -> Result<bool, BadSource> {
    let failed = |source| BadSource::Make {
        path: path.to_owned(),
        source,
    };
    // An empty file is left by a power failure during creation; no store was created with it.
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0) {
        fs::remove_file(path).map_err(failed)?;
    }
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    let mut text = Key32::random().map_err(BadSource::NoRandom)?.to_text();
    text.push('\n');
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| File::open(folder.unwrap_or(Path::new(".")))?.sync_all())
        .map_err(failed)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_file_is_created_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth.key");
        assert!(make_key_file(&path).unwrap());
        let made = fs::read_to_string(&path).unwrap();
        assert!(!make_key_file(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), made);
        assert!(matches!(read_key(&path), Ok(Secret::Raw(_))));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_empty_key_file_after_a_power_failure_is_created_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth.key");
        write(&path, "", 0o600);
        assert!(make_key_file(&path).unwrap());
        assert!(read_key(&path).is_ok());
    }

    #[test]
    fn a_world_readable_key_file_is_refused_and_a_group_readable_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passphrase");
        write(&path, "correct horse\n", 0o640);
        assert!(read_passphrase(&path).is_ok());
        assert!(KeySource::passphrase_file(path.clone()).is_open_to_group());
        write(&path, "correct horse\n", 0o644);
        let refused = read_passphrase(&path).err().expect("refused");
        assert!(matches!(refused, BadSource::Exposed { mode: 0o644, .. }));
        assert_eq!(
            refused.hint(),
            format!("run `chmod 600 {}`", path.display())
        );
    }

    #[test]
    fn only_a_regular_file_with_a_secret_is_accepted() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(read_key(dir.path()), Err(BadSource::NotAFile(_))));
        let path = dir.path().join("key");
        assert!(matches!(read_key(&path), Err(BadSource::Read { .. })));
        write(&path, "password", 0o600);
        let bad = read_key(&path).err().expect("refused");
        assert!(matches!(bad, BadSource::Bad { .. }));
        assert!(!format!("{bad} {bad:?}").contains("password"));
    }
}
