//! Where the secret is that opens the store. It is read when it is needed, and again after an unpair; in between it is
//! nowhere in the process.

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

/// The variables with secrets in them. They are taken out of the environment before anything else happens.
pub const SECRETS: &[&str] = &[KEY, PASSPHRASE];

/// No secret is longer.
const MAX_SECRET_BYTES: u64 = 4096;

/// One place with a secret.
#[derive(Clone)]
pub struct KeySource(SecretSource);

#[derive(Clone)]
enum SecretSource {
    KeyFile { path: PathBuf, make: bool },
    PassphraseFile(PathBuf),
    Key(Arc<Secrets>),
    Passphrase(Arc<Secrets>),
}

/// Why a place gives no secret.
#[derive(Debug, thiserror::Error)]
pub enum BadSource {
    /// The file does not open.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A pipe, a folder or a device: it could not be read again.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Everyone on the machine may read it.
    #[error("{} can be read by everyone (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// What is there is no secret.
    #[error("cannot use {place}")]
    Bad {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        source: BadSecret,
    },
    /// What is there cannot be read as a key.
    #[error("{place} {flaw}")]
    Flawed {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// A passphrase that should seal nothing new.
    #[error("the passphrase in {place} {fault}")]
    Unfit {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The variable was not kept.
    #[error(transparent)]
    Environment(#[from] environment::Error),
    /// The key file could not be made.
    #[error("cannot make the key file {}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The system has no random numbers.
    #[error(transparent)]
    NoRandom(openclaw_vault::NoRandom),
}

impl BadSource {
    /// Whether there is no file, or no secret in it: another one would be another secret.
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

    /// What to do about it.
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

    /// Those in the environment, each with its variable.
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

    /// Reads the secret.
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

    /// What is wrong with the passphrase, if it is one and anything is: to be reported where it opens something.
    pub fn fault(&self) -> Result<Option<Fault>, BadSource> {
        match &self.0 {
            SecretSource::KeyFile { .. } | SecretSource::Key(_) => Ok(None),
            SecretSource::PassphraseFile(_) | SecretSource::Passphrase(_) => {
                Ok(Fault::of(&self.given()?))
            }
        }
    }

    /// That something new may be sealed to it.
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

    /// What is there, as it is.
    fn given(&self) -> Result<Zeroizing<String>, BadSource> {
        match &self.0 {
            SecretSource::KeyFile { path, .. } | SecretSource::PassphraseFile(path) => read(path),
            SecretSource::Key(secrets) => Ok(secrets.read(KEY)?.unwrap_or_default()),
            SecretSource::Passphrase(secrets) => Ok(secrets.read(PASSPHRASE)?.unwrap_or_default()),
        }
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            SecretSource::KeyFile { path, .. } | SecretSource::PassphraseFile(path) => Some(path),
            SecretSource::Key(_) | SecretSource::Passphrase(_) => None,
        }
    }

    /// A key file that is to be made if it is not there.
    #[must_use]
    pub fn file_to_make(&self) -> Option<&Path> {
        match &self.0 {
            SecretSource::KeyFile { path, make: true } => Some(path),
            _ => None,
        }
    }

    /// The file may be read by its group: no mistake where a platform mounts secrets so, and worth a word. systemd's
    /// credentials are this service's alone, whatever their mode shows of the access list behind it.
    #[must_use]
    pub fn is_open_to_group(&self) -> bool {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        self.file()
            .filter(|path| !credentials.is_some_and(|dir| path.starts_with(dir)))
            .and_then(|path| fs::metadata(path).ok())
            .is_some_and(|metadata| metadata.mode() & 0o040 != 0)
    }
}

/// Where the secret is, as a person named it. Never the secret.
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

/// Reads the key in a file.
pub fn read_key(path: &Path) -> Result<Secret, BadSource> {
    KeySource::key_file(path.to_owned(), false).secret()
}

/// Reads the passphrase in a file.
pub fn read_passphrase(path: &Path) -> Result<Secret, BadSource> {
    KeySource::passphrase_file(path.to_owned()).secret()
}

/// The same, to seal something new to it.
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
    // A pipe must not keep the start waiting for its writer.
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

/// As platforms mount secrets, with modes that no one on the machine chose.
fn is_mounted_read_only(file: &File) -> bool {
    rustix::fs::fstatvfs(file).is_ok_and(|system| {
        system
            .f_flag
            .contains(rustix::fs::StatVfsMountFlags::RDONLY)
    })
}

/// Makes a file with a new key, unless there is one; false when there is. The key is durable before anything is sealed
/// with it.
pub fn make_key_file(path: &Path) -> Result<bool, BadSource> {
    let failed = |source| BadSource::Make {
        path: path.to_owned(),
        source,
    };
    // What a power cut left between the file and its content; no store was made with it.
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
    fn a_key_file_is_made_once_and_read_back() {
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
    fn an_empty_key_file_after_a_power_cut_is_made_again() {
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
