//! The storage of contexts: one file each in `$XDG_CONFIG_HOME/openclaw/contexts`, and the name of the current one in a
//! file next to them.
//!
//! Files that others could have read are refused, and so are all files in a directory that others can write to.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use openclaw_client::Endpoint;
use zeroize::Zeroizing;

use super::file;
use super::{Context, Name, Pending};
use crate::failure::{Exit, Failure};
use crate::{private_file, text};

const KEPT: &str = "json";
const PENDING: &str = "pending";

/// The contexts of this user.
pub(crate) struct Store {
    dir: Option<PathBuf>,
}

impl Store {
    /// `$XDG_CONFIG_HOME/openclaw`, else `~/.config/openclaw`.
    pub(crate) fn of_user() -> Self {
        let var = |name| {
            let path = PathBuf::from(std::env::var_os(name)?);
            path.is_absolute().then_some(path)
        };
        let config = var("XDG_CONFIG_HOME").or_else(|| Some(var("HOME")?.join(".config")));
        Self {
            dir: config.map(|config| config.join("openclaw")),
        }
    }

    /// In the given directory.
    #[cfg(test)]
    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self {
            dir: Some(dir.to_owned()),
        }
    }

    /// The names of all contexts, sorted.
    pub(crate) fn names(&self) -> Result<Vec<Name>, Failure> {
        let Some(dir) = &self.dir else {
            return Ok(Vec::new());
        };
        let dir = dir.join("contexts");
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(broken("read", &dir, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| broken("read", &dir, &error))?.path();
            let kept = path.extension().is_some_and(|extension| extension == KEPT);
            let name = path.file_stem().and_then(|stem| stem.to_str());
            names.extend(name.filter(|_| kept).and_then(|name| name.parse().ok()));
        }
        names.sort();
        Ok(names)
    }

    /// Loads a context by name.
    pub(crate) fn load(&self, name: &Name) -> Result<Context, Failure> {
        self.find(name)?.ok_or_else(|| self.missing(name))
    }

    /// Loads a context by name, if it exists.
    pub(crate) fn find(&self, name: &Name) -> Result<Option<Context>, Failure> {
        let path = self.path(name, KEPT)?;
        let Some(text) = read(&path)? else {
            return Ok(None);
        };
        let context = file::read(name.clone(), &text).map_err(|_| garbled(&path))?;
        Ok(Some(context))
    }

    /// The context with this endpoint; the current one, if several have it.
    ///
    /// Unreadable contexts are skipped, unless no other matches.
    pub(crate) fn with_endpoint(&self, endpoint: &Endpoint) -> Result<Option<Context>, Failure> {
        let mut found = Vec::new();
        let mut unreadable = None;
        for name in self.names()? {
            match self.find(&name) {
                Ok(context) => found.extend(context.filter(|one| one.endpoint() == endpoint)),
                Err(failure) => unreadable = Some(failure),
            }
        }
        match (found.len(), unreadable) {
            (0, Some(failure)) => Err(failure),
            (0 | 1, _) => Ok(found.pop()),
            _ => {
                let current = self.current()?;
                let names: Vec<&str> = found.iter().map(|one| one.name().as_str()).collect();
                let names = names.join(", ");
                let mut found = found.into_iter();
                match found.find(|one| Some(one.name()) == current.as_ref()) {
                    Some(context) => Ok(Some(context)),
                    None => Err(Failure::usage(format!(
                        "several contexts have the endpoint {endpoint}: {names}"
                    ))
                    .with_hint("name one with --context")),
                }
            }
        }
    }

    /// Saves a context, replacing one of the same name.
    pub(crate) fn save(&self, context: &Context) -> Result<(), Failure> {
        self.put(&self.path(context.name(), KEPT)?, &file::write(context))
    }

    /// Removes a context. If it was the current one, none is current afterwards.
    pub(crate) fn remove(&self, name: &Name) -> Result<(), Failure> {
        let path = self.path(name, KEPT)?;
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.missing(name));
            }
            Err(error) => return Err(broken("remove", &path, &error)),
        }
        if self.current()?.as_ref() == Some(name) {
            discard(&self.root()?.join("current"))?;
        }
        Ok(())
    }

    /// Renames a context to `new`. If it was the current one, it still is.
    pub(crate) fn rename(&self, old: &Name, new: &Name) -> Result<(), Failure> {
        let context = self.load(old)?;
        let taken = self.path(new, KEPT)?;
        if taken.symlink_metadata().is_ok() {
            return Err(Failure::usage(format!("a context `{new}` exists already"))
                .with_hint("choose another name, or remove that one first"));
        }
        let current = self.current()?.as_ref() == Some(old);
        self.save(&Context {
            name: new.clone(),
            ..context
        })?;
        // In this order, the current context exists at every moment.
        if current {
            self.set_current(new)?;
        }
        discard(&self.path(old, KEPT)?)
    }

    /// The name of the current context.
    pub(crate) fn current(&self) -> Result<Option<Name>, Failure> {
        let Some(dir) = &self.dir else {
            return Ok(None);
        };
        let path = dir.join("current");
        let Some(text) = read(&path)? else {
            return Ok(None);
        };
        let name = std::str::from_utf8(&text).map_err(|_| garbled(&path))?;
        name.trim().parse().map(Some).map_err(|_| garbled(&path))
    }

    /// Makes an existing context the current one.
    pub(crate) fn set_current(&self, name: &Name) -> Result<(), Failure> {
        self.put(
            &self.root()?.join("current"),
            format!("{name}\n").as_bytes(),
        )
    }

    /// The pending key of an interrupted enrolment with this endpoint and name.
    pub(crate) fn pending(
        &self,
        name: &Name,
        endpoint: &Endpoint,
    ) -> Result<Option<Pending>, Failure> {
        let path = self.path(name, PENDING)?;
        let Some(text) = read(&path)? else {
            return Ok(None);
        };
        // An unreadable pending file is useless, and is replaced.
        let pending = file::read_pending(&text).ok();
        Ok(pending.filter(|one| one.endpoint == *endpoint))
    }

    /// Saves a key until the agent has responded.
    pub(crate) fn save_pending(&self, name: &Name, pending: &Pending) -> Result<(), Failure> {
        self.put(&self.path(name, PENDING)?, &file::write_pending(pending))
    }

    /// Removes a pending key.
    pub(crate) fn remove_pending(&self, name: &Name) -> Result<(), Failure> {
        discard(&self.path(name, PENDING)?)
    }

    fn missing(&self, name: &Name) -> Failure {
        let hint = match self.names() {
            Ok(names) if names.is_empty() => "`openclawctl enroll HOST:PORT` makes one",
            _ => "`openclawctl context list` shows them",
        };
        Failure::usage(format!("there is no context `{name}`"))
            .with_reason("NO_CONTEXT")
            .with_hint(hint)
    }

    fn root(&self) -> Result<&Path, Failure> {
        self.dir.as_deref().ok_or_else(|| {
            Failure::new("no directory for contexts: neither XDG_CONFIG_HOME nor HOME is set")
                .with_exit(Exit::Configuration)
                .with_hint("set one of them to a directory of yours")
        })
    }

    fn path(&self, name: &Name, extension: &str) -> Result<PathBuf, Failure> {
        Ok(self
            .root()?
            .join("contexts")
            .join(format!("{name}.{extension}")))
    }

    fn put(&self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        let dir = path.parent().unwrap_or(path);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .and_then(|()| private_file::replace_durably(path, content))
            .map_err(|error| broken("write", path, &error))
    }
}

/// The content of `path`, if it exists and no one else could have read or replaced it.
fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(broken("read", path, &error)),
    };
    let mut content = Zeroizing::new(Vec::with_capacity(file::MAX_FILE_BYTES + 1));
    let dir = path.parent().unwrap_or(path);
    let taken = fs::metadata(dir)
        .and_then(|about| Ok((about, file.metadata()?)))
        .and_then(|abouts| {
            let room = u64::try_from(file::MAX_FILE_BYTES + 1).unwrap_or(u64::MAX);
            (&mut file).take(room).read_to_end(&mut content)?;
            Ok(abouts)
        });
    let (folder, own) = taken.map_err(|error| broken("read", path, &error))?;
    if allows(&folder, 0o022) {
        return Err(exposed(dir, "others may write to it", "go-w"));
    }
    if allows(&own, 0o077) {
        return Err(exposed(path, "others may read it", "600"));
    }
    if content.len() > file::MAX_FILE_BYTES {
        return Err(garbled(path));
    }
    Ok(Some(content))
}

fn allows(about: &Metadata, mode: u32) -> bool {
    about.permissions().mode() & mode != 0
}

fn discard(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(broken("remove", path, &error))
        }
        _ => Ok(()),
    }
}

fn exposed(path: &Path, why: &str, mode: &str) -> Failure {
    let shown = text::one_line(&path.to_string_lossy());
    Failure::new(format!("{shown} is not used: {why}"))
        .with_exit(Exit::Configuration)
        .with_reason("EXPOSED")
        .with_hint(format!(
            "if no one did, run `chmod {mode} {shown}`; otherwise enroll again and have the old key revoked: `openclawctl clients revoke NAME`"
        ))
}

fn garbled(path: &Path) -> Failure {
    let shown = text::one_line(&path.to_string_lossy());
    Failure::new(format!("this version cannot read {shown}"))
        .with_exit(Exit::Configuration)
        .with_reason("CONTEXT_UNREADABLE")
        .with_hint("remove it, and enroll again")
}

fn broken(verb: &str, path: &Path, error: &io::Error) -> Failure {
    let shown = text::one_line(&path.to_string_lossy());
    Failure::new(format!("{verb} {shown}: {error}"))
}

#[cfg(test)]
mod tests;
