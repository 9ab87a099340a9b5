//! A file or pipe with a secret: `<(pass show openclaw)` and /dev/stdin are pipes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, StatVfsMountFlags, fstatvfs};

/// The program that writes to the pipe may prompt a person. Without a timeout, a pipe without a writer would block
/// forever: Ctrl-C is caught at that point.
const PIPE_TIMEOUT: Duration = Duration::from_secs(60);

/// An open file or pipe.
pub(crate) enum Input {
    /// A file or a device.
    File(File),
    /// A pipe, with its deadline.
    Pipe(File, Instant),
}

impl Input {
    /// Opens it without waiting for a writer.
    ///
    /// # Errors
    /// It cannot be opened, or is a directory.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::open_until(path, Instant::now() + PIPE_TIMEOUT)
    }

    fn open_until(path: &Path, until: Instant) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(path)?;
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(if found.file_type().is_fifo() {
            Self::Pipe(file, until)
        } else if found.is_file() {
            Self::File(file)
        } else {
            // A terminal has no deadline.
            Self::File(File::open(path)?)
        })
    }

    /// The mode of a file that everyone can read. Read-only mounts are exempt: platforms choose their modes.
    pub(crate) fn exposed(&self) -> Option<u32> {
        let Self::File(file) = self else { return None };
        let found = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let mode = found.mode() & 0o7777;
        let mounted =
            fstatvfs(file).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY));
        (mode & 0o004 != 0 && !mounted).then_some(mode)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (file, until) = match self {
            Self::File(file) => return file.read(buffer),
            Self::Pipe(file, until) => (file, *until),
        };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut polled = [PollFd::new(&*file, PollFlags::IN)];
            let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
            if poll(&mut polled, Some(&timeout))? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "it is a pipe, and no one wrote to it",
                ));
            }
            match file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn pipe(dir: &Path) -> std::path::PathBuf {
        let path = dir.join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        path
    }

    #[test]
    fn a_pipe_without_a_writer_times_out() {
        let dir = tempfile::tempdir().unwrap();
        let until = Instant::now() + Duration::from_millis(50);
        let mut input = Input::open_until(&pipe(dir.path()), until).unwrap();
        let error = input.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_pipe_is_read_to_its_end_in_either_order_of_opening() {
        let dir = tempfile::tempdir().unwrap();
        let path = pipe(dir.path());
        let mut input = Input::open(&path).unwrap();
        let writer = std::thread::spawn(move || std::fs::write(path, "some fine words"));
        let mut read = String::new();
        input.read_to_string(&mut read).unwrap();
        assert_eq!(read, "some fine words");
        assert_eq!(input.exposed(), None);
        writer.join().unwrap().unwrap();
    }

    #[test]
    fn a_world_readable_file_is_exposed() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "x").unwrap();
        for (mode, exposed) in [(0o644, Some(0o644)), (0o604, Some(0o604)), (0o640, None)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Input::open(&path).unwrap().exposed(), exposed);
        }
        assert!(Input::open(dir.path()).is_err());
    }
}
