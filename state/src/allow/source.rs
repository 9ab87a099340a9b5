//! Where the rules are: a file that is named, `openclaw.yml` where the agent was started, or the environment alone.
//!
//! A file that was named must be there and without a mistake; one that was read once must stay. Anything else would
//! allow people because a file went missing.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::file::{self, MAX_BYTES, Mistake};
use super::policy::Rules;
use super::variables::Variables;

/// The file's name where none is given.
pub const FILE: &str = "openclaw.yml";
/// Names of the same file that OpenClaw or a person gives it, and that are not read.
const NEAR: [&str; 3] = ["openclaw.yaml", "openclaw.json", "openclaw.json5"];

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    /// Whether someone named it, so that it must be there.
    named: bool,
    /// A folder where a file of rules is not read, and people put one.
    unread: Option<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The rules; `None` where no one made any.
    pub rules: Option<Rules>,
    /// Whether they are a file's.
    pub from_file: bool,
}

/// Why there are no rules, although there should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A pipe would keep the start waiting for its writer; a folder or a device is a mistake.
    #[error("{0} is not a regular file")]
    NotAFile(String),
    /// A file with rules that are not read, and none that is.
    #[error("{0} is not read: the agent reads its rules from {FILE} in its working directory")]
    Unread(String),
    /// The file is no text of a reasonable length.
    #[error("{path} is {what}")]
    NotText {
        /// Which.
        path: String,
        /// What it is instead.
        what: &'static str,
    },
    /// The file was read before and is no more.
    #[error("{0} no longer exists")]
    Gone(String),
    /// What it says cannot be meant.
    #[error("{place}: {}", Listed(mistakes))]
    Mistaken {
        /// The file, or the environment.
        place: String,
        /// What is wrong.
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
    /// What to do next.
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
    /// The file that was named, or the usual one in the folder the agent was started in.
    #[must_use]
    pub fn new(named: Option<PathBuf>) -> Self {
        let given = named.is_some();
        let path = named.unwrap_or_else(|| PathBuf::from(FILE));
        Self {
            // The folder is that of the start, whatever happens to it.
            path: std::path::absolute(&path).unwrap_or(path),
            named: given,
            unread: None,
        }
    }

    /// The same, and a file in `dir` that was not named is refused rather than passed over.
    #[must_use]
    pub fn not_in(self, dir: &Path) -> Self {
        Self {
            unread: Some(dir.to_owned()),
            ..self
        }
    }

    /// The file, whether or not it is there.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, if it was named or is there.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        (self.named || is_there(&self.path)).then_some(self.path.as_path())
    }

    /// A file with rules, most likely, that is not the one that is read.
    fn unread(&self) -> Option<PathBuf> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let near = NEAR.iter().map(|name| folder.join(name));
        let unread = self.unread.iter();
        let elsewhere =
            unread.flat_map(|dir| [FILE].iter().chain(&NEAR).map(|name| dir.join(name)));
        near.chain(elsewhere).find(|path| is_there(path))
    }

    /// Reads the rules. `had_file` says that they were a file's before.
    ///
    /// # Errors
    /// There should be rules, and there are none that can be meant.
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
        // Some editors write one; it is no part of the first key's name.
        Ok(text
            .strip_prefix('\u{feff}')
            .map_or_else(|| text.clone(), str::to_owned))
    }
}

/// Whether anything has the name, be it a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The usual file in this folder, with the store in another.
    fn usual(folder: &Path) -> Source {
        Source {
            path: folder.join(FILE),
            named: false,
            unread: Some(folder.join("auth")),
        }
    }

    fn says(error: &Error) -> String {
        assert!(!error.hint().is_empty());
        error.to_string()
    }

    #[test]
    fn a_file_that_is_named_must_be_there_and_the_usual_one_need_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yml");
        let named = Source::new(Some(path.clone()));
        assert!(says(&named.load(false).unwrap_err()).starts_with("cannot read "));
        assert_eq!(named.file(), Some(path.as_path()));
        let usual = Source {
            path: path.clone(),
            named: false,
            unread: None,
        };
        assert_eq!(usual.file(), None);
        let nowhere = usual.load(false).unwrap();
        assert!(nowhere.rules.is_none() && !nowhere.from_file);
        assert!(says(&usual.load(true).unwrap_err()).ends_with("no longer exists"));
        fs::write(&path, "channels: {whatsapp: {}}\n").unwrap();
        for source in [&named, &usual] {
            assert_eq!(source.file(), Some(path.as_path()));
            assert!(source.load(true).unwrap().from_file);
        }
    }

    #[test]
    fn a_mistake_names_the_file_and_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yml");
        let source = Source::new(Some(path.clone()));
        fs::write(
            &path,
            "channels:\n  whatsapp:\n    dmPolicy: shut\n    group: {}\n",
        )
        .unwrap();
        let said = says(&source.load(false).unwrap_err());
        let begins = format!("{}: line 3: dmPolicy", path.display());
        assert!(
            said.starts_with(&begins) && said.contains("; line 4: "),
            "{said}"
        );
        fs::write(&path, b"channels: \xff\n").unwrap();
        assert!(says(&source.load(false).unwrap_err()).ends_with("not UTF-8 text"));
        fs::write(&path, "#".repeat(MAX_BYTES + 1)).unwrap();
        assert!(says(&source.load(false).unwrap_err()).ends_with("longer than 4 MiB"));
    }

    #[test]
    fn only_a_file_that_is_not_there_is_no_rules() {
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
            let said = says(&source.load(false).unwrap_err());
            assert!(said.contains(why) && said.contains(FILE), "{to}: {said}");
            assert_eq!(source.file(), Some(path.as_path()), "{to}");
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_pipe_in_the_files_place_does_not_keep_the_start_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for source in [usual(folder.path()), Source::new(Some(path.clone()))] {
            let said = says(&source.load(false).unwrap_err());
            assert_eq!(said, format!("{} is not a regular file", path.display()));
        }
    }

    #[test]
    fn a_file_of_rules_that_is_not_read_refuses_the_start() {
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
            let said = says(&source.load(false).unwrap_err());
            assert!(
                said.contains(name) && said.contains("is not read"),
                "{said}"
            );
            // With the file that is read, the other one is someone's own.
            fs::write(folder.path().join(FILE), "channels: {whatsapp: {}}\n").unwrap();
            assert!(source.load(false).unwrap().from_file, "{name}");
        }
    }
}
