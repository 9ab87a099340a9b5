//! Where a file goes, and what is written there before it is known to be whole.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use openclaw_proto::v1::DownloadStart;

use super::name;
use crate::failure::Failure;
use crate::part_file::PartFile;
use crate::secret::is_dash;
use crate::{console, text};

/// Where files go.
#[derive(Debug)]
pub(crate) enum Place {
    /// To this file.
    File { path: PathBuf, force: bool },
    /// Into this directory, under a name of their own.
    Dir { dir: PathBuf, force: bool },
    /// Into this directory, under their seq and their name: one message has one name.
    Numbered { dir: PathBuf },
    /// To stdout.
    Stdout,
}

impl Place {
    /// As an argument says. Without one, the current directory.
    pub(super) fn of(output: Option<&Path>, force: bool) -> Result<Self, Failure> {
        let Some(path) = output else {
            let dir = PathBuf::new();
            return Ok(Self::Dir { dir, force });
        };
        if is_dash(path) {
            if io::stdout().is_terminal() {
                return Err(Failure::usage("a file is not written to a terminal")
                    .with_hint("name a file, or send stdout to one"));
            }
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

    /// A directory for files by seq.
    pub(crate) fn numbered(dir: &Path) -> Result<Self, Failure> {
        match dir.is_dir() {
            true => Ok(Self::Numbered {
                dir: dir.to_owned(),
            }),
            false => Err(not_a_directory(dir)),
        }
    }

    /// Several files fit.
    pub(super) const fn is_dir(&self) -> bool {
        matches!(self, Self::Dir { .. } | Self::Numbered { .. })
    }

    /// Opens what the file is written to.
    pub(super) fn open(&self, start: &DownloadStart) -> Result<Output, Failure> {
        let media = start.media.clone().unwrap_or_default();
        let name = name::of(&media, start.seq);
        let (path, part) = match self {
            Self::Stdout => return Ok(Output::Stdout { begun: false }),
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

/// The first name that is free. A name that another download is writing is not.
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
pub(super) enum Output {
    File { path: PathBuf, part: PartFile },
    Stdout { begun: bool },
}

impl Output {
    /// The name, for a person and for programs.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::File { path, .. } => path.to_string_lossy().into_owned(),
            Self::Stdout { .. } => "-".to_owned(),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::File { part, .. } => part.write(bytes),
            Self::Stdout { begun } => {
                *begun = true;
                console::bytes(bytes)
            }
        }
    }

    /// What was written is not the file.
    pub(super) fn restart(&mut self) -> Result<(), Failure> {
        match self {
            Self::File { part, .. } => part.restart(),
            Self::Stdout { begun: false } => Ok(()),
            Self::Stdout { begun: true } => Err(Failure::new(
                "WhatsApp sent a bad copy of the file first, and it is on stdout already",
            )
            .with_reason("RESTARTED")
            .with_hint("run it again, with a file as output")),
        }
    }

    /// It is whole.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::File { mut part, .. } => {
                part.sync()?;
                part.finish()
            }
            Self::Stdout { .. } => Ok(()),
        }
    }
}
