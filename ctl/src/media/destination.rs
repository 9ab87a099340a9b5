//! The destination of a downloaded file, and the output before the file is verified.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use openclaw_proto::v1::DownloadStart;

use super::name;
use crate::failure::Failure;
use crate::part_file::PartFile;
use crate::secret::is_dash;
use crate::{console, text};

/// The destination of files.
#[derive(Debug)]
pub(crate) enum Destination {
    /// This file.
    File { path: PathBuf, force: bool },
    /// In this directory, with the sender's name.
    Dir { dir: PathBuf, force: bool },
    /// In this directory, with seq and name: unique for each message.
    Numbered { dir: PathBuf },
    /// stdout.
    Stdout,
}

impl Destination {
    /// The destination in the argument. Without one, the current directory.
    pub(super) fn of(output: Option<&Path>, force: bool) -> Result<Self, Failure> {
        let Some(path) = output else {
            let dir = PathBuf::new();
            return Ok(Self::Dir { dir, force });
        };
        if is_dash(path) {
            refuse_terminal()?;
            return Ok(Self::Stdout);
        }
        let path = path.to_owned();
        if path.is_dir() {
            return Ok(Self::Dir { dir: path, force });
        }
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(not_a_directory(&path));
        }
        Ok(Self::File { path, force })
    }

    /// A directory for files named by seq.
    pub(crate) fn numbered(dir: &Path) -> Result<Self, Failure> {
        match dir.is_dir() {
            true => Ok(Self::Numbered {
                dir: dir.to_owned(),
            }),
            false => Err(not_a_directory(dir)),
        }
    }

    /// True if there is room for several files.
    pub(super) const fn is_dir(&self) -> bool {
        matches!(self, Self::Dir { .. } | Self::Numbered { .. })
    }

    /// Opens the output for a file.
    pub(super) fn open(&self, start: &DownloadStart) -> Result<Output, Failure> {
        let media = start.media.clone().unwrap_or_default();
        let name = name::of(&media, start.seq);
        let (path, part) = match self {
            Self::Stdout => return Ok(Output::Stdout { started: false }),
            Self::File { path, force } => (path.clone(), PartFile::create(path, *force)?),
            Self::Dir { dir, force } => free(dir, &name, *force)?,
            Self::Numbered { dir } => {
                let path = dir.join(format!("{}-{name}", start.seq));
                let part = PartFile::create(&path, false)?;
                (path, part)
            }
        };
        Ok(Output::File { path, part })
    }
}

fn refuse_terminal() -> Result<(), Failure> {
    match io::stdout().is_terminal() {
        true => Err(Failure::usage("a file is not written to a terminal")
            .with_hint("name a file, or send stdout to one")),
        false => Ok(()),
    }
}

/// The first free name. A name whose `.part` another download holds is not free.
fn free(dir: &Path, name: &str, force: bool) -> Result<(PathBuf, PartFile), Failure> {
    let mut taken = None;
    for path in name::candidates(dir, name) {
        match PartFile::create(&path, force) {
            Ok(part) => return Ok((path, part)),
            Err(failure) if failure.is_taken() => taken = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(taken.unwrap_or_else(|| Failure::new("no name is free")))
}

fn not_a_directory(path: &Path) -> Failure {
    let shown = text::one_line(&path.to_string_lossy());
    Failure::usage(format!("{shown} is not a directory")).with_hint("create it first")
}

/// A file that is being written.
pub(crate) enum Output {
    File { path: PathBuf, part: PartFile },
    Stdout { started: bool },
}

impl Output {
    /// Opens the output for one file with this name; `-` is stdout.
    pub(crate) fn at(path: &Path, force: bool) -> Result<Self, Failure> {
        if is_dash(path) {
            refuse_terminal()?;
            return Ok(Self::Stdout { started: false });
        }
        let part = PartFile::create(path, force)?;
        let path = path.to_owned();
        Ok(Self::File { path, part })
    }

    /// The path for output to a person or a program.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File { path, .. } => path.to_string_lossy().into_owned(),
            Self::Stdout { .. } => "-".to_owned(),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::File { part, .. } => part.write(bytes),
            Self::Stdout { started } => {
                *started = true;
                console::bytes(bytes)
            }
        }
    }

    /// Discards what was written: it was a bad copy.
    pub(super) fn restart(&mut self) -> Result<(), Failure> {
        match self {
            Self::File { part, .. } => part.restart(),
            Self::Stdout { started: false } => Ok(()),
            Self::Stdout { started: true } => Err(Failure::new(
                "WhatsApp sent a bad copy of the file first, and it is on stdout already",
            )
            .with_reason("RESTARTED")
            .with_hint("run it again, with a file as output")),
        }
    }

    /// Completes the file: it is verified.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::File { mut part, .. } => {
                part.sync()?;
                part.finish()
            }
            Self::Stdout { .. } => Ok(()),
        }
    }
}
