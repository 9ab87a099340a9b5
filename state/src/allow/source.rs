//! Finds the rules: a file given by the user, `openclaw.yml` in the working directory, or only the environment.
//!
//! A file given by the user must exist and be valid, and a file that was loaded once must not disappear. Otherwise a
//! missing file would allow everyone.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::file::{self, MAX_BYTES, Mistake};
use super::policy::Rules;
use super::variables::Variables;

/// The default file name.
pub const FILE: &str = "openclaw.yml";
/// Similar names that OpenClaw or people use, and that the agent does not read.
const NEAR: [&str; 3] = ["openclaw.yaml", "openclaw.json", "openclaw.json5"];

/// Where the rules are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    /// True if the user gave the path, so that the file must exist.
    named: bool,
    /// A directory in which a rules file is not read, but people put one.
    unread: Option<PathBuf>,
}

/// The loaded rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The rules; `None` if there are none.
    pub rules: Option<Rules>,
    /// True if the rules are from a file.
    pub from_file: bool,
}

/// Why the rules could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Reading a pipe would block the start until someone writes to it; a directory or a device is a mistake.
    #[error("{0} is not a regular file")]
    NotAFile(String),
    /// There is a rules file that is not read, and none that is.
    #[error("{0} is not read: the agent reads its rules from {FILE} in its working directory")]
    Unread(String),
    /// The file is not UTF-8, or too large.
    #[error("{path} is {what}")]
    NotText {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file that was loaded before no longer exists.
    #[error("{0} no longer exists")]
    Gone(String),
    /// The rules have mistakes.
    #[error("{place}: {}", Listed(mistakes))]
    Mistaken {
        /// The file, or the environment.
        place: String,
        /// The mistakes.
        mistakes: Vec<Mistake>,
    },
}

struct Listed<'a>(&'a [Mistake]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, mistake) in self.0.iter().enumerate() {
            let between = if n == 0 { "" } else { "; " };
            write!(f, "{between}{mistake}")?;
        }
        Ok(())
    }
}

impl Error {
    /// What the user should do.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => {
                "make it readable for the agent's user, or name another file with --config"
            }
            Self::NotText { .. } | Self::NotAFile(_) => "name the right file with --config",
            Self::Unread(_) => {
                "if it has the rules, name it with --config or rename it to openclaw.yml; if not, move it away"
            }
            Self::Gone(_) => "put it back; to run without rules, start again without it",
            Self::Mistaken { .. } => "correct it; docs/allowlist.md lists the keys of the file",
        }
    }
}

impl Source {
    /// The given file, or the default one in the working directory.
    #[must_use]
    pub fn new(named: Option<PathBuf>) -> Self {
        let given = named.is_some();
        let path = named.unwrap_or_else(|| PathBuf::from(FILE));
        Self {
            // Absolute, so that a later change of the working directory has no effect.
            path: std::path::absolute(&path).unwrap_or(path),
            named: given,
            unread: None,
        }
    }

    /// Also rejects a rules file in `dir` instead of ignoring it, unless it is the given one.
    #[must_use]
    pub fn not_in(self, dir: &Path) -> Self {
        Self {
            unread: Some(dir.to_owned()),
            ..self
        }
    }

    /// The path of the file, whether it exists or not.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the file, if it was given or exists.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        (self.named || is_there(&self.path)).then_some(self.path.as_path())
    }

    /// A file that probably has rules but is not the one that is read.
    fn unread(&self) -> Option<PathBuf> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let near = NEAR.iter().map(|name| folder.join(name));
        let unread = self.unread.iter();
        let elsewhere =
            unread.flat_map(|dir| [FILE].iter().chain(&NEAR).map(|name| dir.join(name)));
        near.chain(elsewhere).find(|path| is_there(path))
    }

    /// Loads the rules. `had_file` means that the previous rules were from a file.
    ///
    /// # Errors
    /// There should be rules, but none that are valid.
    pub fn load(&self, had_file: bool) -> Result<Loaded, Error> {
        let place = || self.path.display().to_string();
        let variables = Variables::of_process();
        let lookup = |name: &str| variables.lookup(name);
        let mistaken = |place, mistakes| Error::Mistaken { place, mistakes };
        let text = match self.text() {
            Ok(text) => text,
            Err(Error::Read { source, .. })
                if source.kind() == io::ErrorKind::NotFound
                    && !self.named
                    && !is_there(&self.path) =>
            {
                if had_file {
                    return Err(Error::Gone(place()));
                }
                if let Some(path) = self.unread() {
                    return Err(Error::Unread(path.display().to_string()));
                }
                let rules = file::without(&lookup);
                variables.check()?;
                let rules =
                    rules.map_err(|mistakes| mistaken("the environment".to_owned(), mistakes))?;
                return Ok(Loaded {
                    rules,
                    from_file: false,
                });
            }
            Err(error) => return Err(error),
        };
        let rules = file::read(&text, &lookup);
        variables.check()?;
        let rules = rules.map_err(|mistakes| mistaken(place(), mistakes))?;
        Ok(Loaded {
            rules: Some(rules),
            from_file: true,
        })
    }

    fn text(&self) -> Result<String, Error> {
        let path = || self.path.display().to_string();
        let failed = |source| Error::Read {
            path: path(),
            source,
        };
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(nonblocking)
            .open(&self.path)
            .map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(Error::NotAFile(path()));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let not_text = |what| Error::NotText { path: path(), what };
        if bytes.len() > MAX_BYTES {
            return Err(not_text("longer than 4 MiB"));
        }
        let text = String::from_utf8(bytes).map_err(|_| not_text("not UTF-8 text"))?;
        // Some editors write a byte order mark, which is not part of the first key.
        Ok(text
            .strip_prefix('\u{feff}')
            .map_or_else(|| text.clone(), str::to_owned))
    }
}

/// True if the name exists, even as a dangling symlink.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source with the default file in this directory, and the store in another.
    fn usual(folder: &Path) -> Source {
        Source {
            path: folder.join(FILE),
            named: false,
            unread: Some(folder.join("auth")),
        }
    }

    fn text_of(error: &Error) -> String {
        assert!(!error.hint().is_empty());
        error.to_string()
    }

    #[test]
    fn a_given_file_must_exist_and_the_default_one_need_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yml");
        let named = Source::new(Some(path.clone()));
        assert!(text_of(&named.load(false).unwrap_err()).starts_with("cannot read "));
        assert_eq!(named.file(), Some(path.as_path()));
        let usual = Source {
            path: path.clone(),
            named: false,
            unread: None,
        };
        assert_eq!(usual.file(), None);
        let nowhere = usual.load(false).unwrap();
        assert!(nowhere.rules.is_none() && !nowhere.from_file);
        assert!(text_of(&usual.load(true).unwrap_err()).ends_with("no longer exists"));
        fs::write(&path, "channels: {whatsapp: {}}\n").unwrap();
        for source in [&named, &usual] {
            assert_eq!(source.file(), Some(path.as_path()));
            assert!(source.load(true).unwrap().from_file);
        }
    }

    #[test]
    fn a_mistake_is_reported_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yml");
        let source = Source::new(Some(path.clone()));
        fs::write(
            &path,
            "channels:\n  whatsapp:\n    dmPolicy: shut\n    group: {}\n",
        )
        .unwrap();
        let text = text_of(&source.load(false).unwrap_err());
        let begins = format!("{}: line 3: dmPolicy", path.display());
        assert!(
            text.starts_with(&begins) && text.contains("; line 4: "),
            "{text}"
        );
        fs::write(&path, b"channels: \xff\n").unwrap();
        assert!(text_of(&source.load(false).unwrap_err()).ends_with("not UTF-8 text"));
        fs::write(&path, "#".repeat(MAX_BYTES + 1)).unwrap();
        assert!(text_of(&source.load(false).unwrap_err()).ends_with("longer than 4 MiB"));
    }

    #[test]
    fn only_a_missing_file_means_no_rules() {
        let folder = tempfile::tempdir().unwrap();
        let source = usual(folder.path());
        let path = folder.path().join(FILE);
        let link = |to: &str| std::os::unix::fs::symlink(to, &path).unwrap();
        assert!(source.load(false).unwrap().rules.is_none());
        for (to, why) in [
            ("nowhere", "read "),
            ("..data/openclaw.yml", "read "),
            (FILE, "read "),
            (".", "is not a regular file"),
            ("/dev/null", "is not a regular file"),
        ] {
            link(to);
            let text = text_of(&source.load(false).unwrap_err());
            assert!(text.contains(why) && text.contains(FILE), "{to}: {text}");
            assert_eq!(source.file(), Some(path.as_path()), "{to}");
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_pipe_instead_of_the_file_does_not_block_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for source in [usual(folder.path()), Source::new(Some(path.clone()))] {
            let text = text_of(&source.load(false).unwrap_err());
            assert_eq!(text, format!("{} is not a regular file", path.display()));
        }
    }

    #[test]
    fn a_rules_file_that_is_not_read_prevents_the_start() {
        for name in [
            "openclaw.yaml",
            "openclaw.json",
            "openclaw.json5",
            "auth/openclaw.yml",
            "auth/openclaw.yaml",
            "auth/openclaw.json5",
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("auth")).unwrap();
            let source = usual(folder.path());
            fs::write(folder.path().join(name), "channels: {whatsapp: {}}\n").unwrap();
            let text = text_of(&source.load(false).unwrap_err());
            assert!(
                text.contains(name) && text.contains("is not read"),
                "{text}"
            );
            // If the file that is read exists, the other one belongs to another program.
            fs::write(folder.path().join(FILE), "channels: {whatsapp: {}}\n").unwrap();
            assert!(source.load(false).unwrap().from_file, "{name}");
        }
    }
}
