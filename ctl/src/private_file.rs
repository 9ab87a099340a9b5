//! A small file that only its owner may read, replaced atomically.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Replaces the file at `path` by `content`, so that no reader sees a partial file.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    put(path, content, |_| Ok(()), |fresh| fs::rename(fresh, path))
}

/// Creates the file at `path`. An existing one is not changed: [`io::ErrorKind::AlreadyExists`].
pub(crate) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let name = |fresh: &Path| {
        renameat_with(CWD, fresh, CWD, path, RenameFlags::NOREPLACE).or_else(|error| match error {
            // Fallback for file systems without such a rename: a hard link does not replace a file either.
            Errno::INVAL | Errno::NOSYS => {
                fs::hard_link(fresh, path).and_then(|()| fs::remove_file(fresh))
            }
            error => Err(error.into()),
        })
    };
    put(path, content, |_| Ok(()), name)
}

/// Like [`replace`], and durable on return.
pub(crate) fn replace_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    put(path, content, File::sync_all, |fresh| {
        fs::rename(fresh, path)
    })?;
    path.parent()
        .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

fn put(
    path: &Path,
    content: &[u8],
    sync: impl Fn(&File) -> io::Result<()>,
    name_it: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidFilename)?
        .to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|mut file| file.write_all(content).and_then(|()| sync(&file)))
        .and_then(|()| name_it(&fresh));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written
}
