//! A `chown -R` that cannot be led out of the directory.
//!
//! Every entry is first opened itself (`O_PATH`, `O_NOFOLLOW`), then inspected and changed through that descriptor.
//! So the file that was inspected is the one that is changed, even if its name is replaced meanwhile.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::process::{Gid, Uid};

use super::{Dropped, Error};

/// Deeper than the agent's own directories; each level keeps a descriptor open.
const DEEPEST: usize = 32;

/// Gives `dir` and everything below it on the same file system to `dropped.identity`, and counts.
pub(super) fn give(dir: &Path, dropped: &mut Dropped) -> Result<(), Error> {
    // The directory itself may be a link, because the operator chose that name.
    let entry = rustix::fs::open(
        dir,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let walk = entry.and_then(|entry| Ok((rustix::fs::fstat(&entry)?, entry)));
    let (stat, entry) = walk.map_err(|error| failed(dir, error.into()))?;
    give_one(entry.as_fd(), &stat, dir, dropped)?;
    give_inside(entry.as_fd(), dir, stat.st_dev, dropped, DEEPEST)
}

fn give_inside(
    dir: BorrowedFd<'_>,
    path: &Path,
    device: u64,
    dropped: &mut Dropped,
    levels: usize,
) -> Result<(), Error> {
    if levels == 0 {
        return Err(failed(
            path,
            io::Error::other("directories are nested too deep"),
        ));
    }
    for name in names(dir).map_err(|error| failed(path, error))? {
        let path = path.join(OsStr::from_bytes(name.as_bytes()));
        let (entry, stat) = match open_itself(dir, &name) {
            Ok(found) => found,
            // Removed since the directory was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&path, error)),
        };
        if stat.st_dev != device {
            continue;
        }
        give_one(entry.as_fd(), &stat, &path, dropped)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            give_inside(entry.as_fd(), &path, device, dropped, levels - 1)?;
        }
    }
    Ok(())
}

fn names(dir: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // An O_PATH descriptor cannot be listed; opening `.` relative to it yields the same directory, whatever its name
    // is now.
    let listing = rustix::fs::openat(dir, c".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(listing)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
    }
    Ok(names)
}

fn open_itself(dir: BorrowedFd<'_>, name: &CString) -> io::Result<(OwnedFd, Stat)> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let entry = rustix::fs::openat(dir, name.as_c_str(), flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&entry)?;
    Ok((entry, stat))
}

fn give_one(
    entry: BorrowedFd<'_>,
    stat: &Stat,
    path: &Path,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    let (uid, gid) = (dropped.identity.uid, dropped.identity.gid);
    if stat.st_uid == uid && stat.st_gid == gid {
        return Ok(());
    }
    let folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    if !folder && stat.st_nlink > 1 {
        dropped.linked.push(path.to_owned());
        return Ok(());
    }
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    rustix::fs::chownat(entry, c"", uid, gid, AtFlags::EMPTY_PATH)
        .map_err(|error| failed(path, error.into()))?;
    dropped.given += 1;
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Give {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::super::Identity;
    use super::*;

    fn other_user() -> Dropped {
        Dropped {
            identity: Identity::NONROOT,
            given: 0,
            linked: Vec::new(),
        }
    }

    fn owner(path: &Path) -> (u32, u32) {
        let found = fs::symlink_metadata(path).expect("it is there");
        (found.uid(), found.gid())
    }

    /// True for root, the only user that can give files away.
    fn root() -> bool {
        let root = rustix::process::geteuid().is_root();
        if !root {
            eprintln!("SKIPPED: not root");
        }
        root
    }

    #[test]
    fn targets_of_links_keep_their_owner() {
        if !root() {
            return;
        }
        let outside = tempfile::tempdir().expect("a folder");
        let secret = outside.path().join("secret");
        fs::write(&secret, "x").expect("a file");
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("deep")).expect("a folder");
        fs::write(dir.path().join("deep/file"), "x").expect("a file");
        symlink(&secret, dir.path().join("file-link")).expect("a link");
        symlink(outside.path(), dir.path().join("dir-link")).expect("a link");
        fs::hard_link(&secret, dir.path().join("hard-link")).expect("a link");

        let mut dropped = other_user();
        give(dir.path(), &mut dropped).expect("given");
        for given in ["", "deep", "deep/file", "file-link", "dir-link"] {
            assert_eq!(owner(&dir.path().join(given)), (65532, 65532), "{given}");
        }
        assert_eq!(dropped.given, 5);
        assert_eq!(dropped.linked, [dir.path().join("hard-link")]);
        assert_eq!(owner(&secret), (0, 0));
        assert_eq!(owner(outside.path()), (0, 0));
    }

    #[test]
    fn files_of_the_new_user_are_not_changed() {
        if !root() {
            return;
        }
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("file"), "x").expect("a file");
        let mut first = other_user();
        give(dir.path(), &mut first).expect("given");
        let mut second = other_user();
        give(dir.path(), &mut second).expect("given");
        assert_eq!((first.given, second.given), (2, 0));
    }

    #[test]
    fn excessive_nesting_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut deep = dir.path().to_owned();
        for _ in 0..=DEEPEST {
            deep.push("d");
        }
        fs::create_dir_all(&deep).expect("folders");
        let mut mine = other_user();
        (mine.identity.uid, mine.identity.gid) = owner(dir.path());
        let error = give(dir.path(), &mut mine).expect_err("too deep");
        assert!(matches!(error, Error::Give { .. }));
    }
}
