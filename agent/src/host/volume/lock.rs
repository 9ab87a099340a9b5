//! The exclusive lock of a volume: a lock on the directory and one on a file in it. The kernel releases both when the
//! process ends, for whatever reason.
//!
//! The lock on the directory holds whatever its name and path; a lock file could be deleted or replaced unnoticed. The
//! file's lock is for file systems that lock files only (NFS), and for earlier versions, which use only that. The
//! file's content is for the error message of a waiting process; without a lock, the file has no meaning. The store's
//! header has its own lock (vault/src/headers.rs), and its presence is checked while the store is open.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use openclaw_state::clock;
use serde::{Deserialize, Serialize};

use super::Error;

const NAME: &str = "lock";
/// The polling interval for a lock that another process holds.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The read limit for a file that others can write.
const MAX_HOLDER_BYTES: u64 = 1024;

/// Released on drop.
pub struct Lock {
    _folder: File,
    _file: File,
}

/// The holder of a lock, as it describes itself.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Holder {
    pid: u32,
    host: String,
    /// The machine's boot id: a process id is only meaningful during one boot.
    boot: String,
    since: String,
}

impl Lock {
    /// Takes the lock, waiting up to `lock_timeout`; `waiting` is called once with the holder.
    pub(super) fn acquire(
        dir: &Path,
        lock_timeout: Duration,
        now: SystemTime,
        waiting: impl FnOnce(&str),
    ) -> Result<Self, Error> {
        let folder = File::open(dir).map_err(|source| Error::folder(dir, source))?;
        let deadline = Instant::now() + lock_timeout;
        let mut waiting = Some(waiting);
        loop {
            match Self::take(&folder, dir) {
                Ok(Some(mut file)) => {
                    Holder::this(now).write(&mut file);
                    return Ok(Self {
                        _folder: folder,
                        _file: file,
                    });
                }
                Ok(None) => {}
                Err(source) => return Err(Error::folder(dir, source)),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Locked {
                    dir: dir.to_owned(),
                    holder: Holder::of(dir).to_string(),
                    waited: lock_timeout,
                });
            }
            if let Some(waiting) = waiting.take() {
                waiting(&Holder::of(dir).to_string());
            }
            std::thread::sleep(POLL_INTERVAL.min(left));
        }
    }

    /// Locks the directory and the file in it, and returns the file. `None` if another process has locked either.
    fn take(folder: &File, dir: &Path) -> io::Result<Option<File>> {
        match folder.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Some file systems cannot lock directories.
            Err(TryLockError::Error(error)) if is_unsupported(&error) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let file = open(dir, true)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => {
                let _ = folder.unlock();
                Ok(None)
            }
        }
    }
}

fn open(dir: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(create)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(dir.join(NAME))
}

fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let unsupported = [Errno::BADF, Errno::INVAL, Errno::NOLCK, Errno::OPNOTSUPP];
    Errno::from_io_error(error).is_some_and(|errno| unsupported.contains(&errno))
}

impl Holder {
    fn this(now: SystemTime) -> Self {
        Self {
            pid: std::process::id(),
            host: line("/proc/sys/kernel/hostname"),
            boot: line("/proc/sys/kernel/random/boot_id"),
            since: clock::utc(now),
        }
    }

    /// The process that holds the lock of this directory.
    fn of(dir: &Path) -> Self {
        let opened = open(dir, false).ok();
        opened.map_or_else(Self::default, |mut file| Self::read(&mut file))
    }

    fn read(file: &mut File) -> Self {
        let mut text = String::new();
        let read = file
            .rewind()
            .and_then(|()| file.take(MAX_HOLDER_BYTES).read_to_string(&mut text));
        let holder = read.ok().and_then(|_| serde_json::from_str(&text).ok());
        holder.unwrap_or_default()
    }

    /// Best effort: a full disk must not prevent the start.
    fn write(&self, file: &mut File) {
        let text = serde_json::to_string(self).unwrap_or_default();
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{text}"));
    }
}

/// `process 7 on web-1 (this machine), since 2026-11-22 11:12:08 UTC`
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pid,
            host,
            boot,
            since,
        } = self;
        if *pid == 0 {
            return f.write_str("another process");
        }
        let here = *boot == line("/proc/sys/kernel/random/boot_id");
        let machine = if here {
            "this machine"
        } else {
            "another machine"
        };
        write!(
            f,
            "process {pid} on {} ({machine}), since {}",
            plain(host),
            plain(since)
        )
    }
}

fn line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

/// Sanitises text from the file, which anyone with write access to the volume can change.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(80)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn take(dir: &Path, lock_timeout: Duration) -> Result<Lock, Error> {
        Lock::acquire(dir, lock_timeout, NOW, |_| {})
    }

    #[test]
    fn the_second_process_gets_the_name_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let _first = take(dir.path(), Duration::ZERO).unwrap();
        let Err(Error::Locked { holder, .. }) = take(dir.path(), Duration::ZERO) else {
            panic!("locked twice");
        };
        let this = format!("process {} on ", std::process::id());
        assert!(holder.starts_with(&this), "{holder}");
        assert!(
            holder.ends_with("(this machine), since 1970-01-01 00:00:00 UTC"),
            "{holder}"
        );
    }

    #[test]
    fn the_lock_file_of_an_ended_process_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        drop(take(dir.path(), Duration::ZERO).unwrap());
        fs::write(dir.path().join(NAME), "{\"pid\": 1, \"host\": \"gone\"").unwrap();
        take(dir.path(), Duration::ZERO).unwrap();
    }

    #[test]
    fn an_unreadable_holder_is_another_process() {
        let dir = tempfile::tempdir().unwrap();
        let first = take(dir.path(), Duration::ZERO).unwrap();
        for text in ["", "\u{1b}[2J", "{\"pid\": -1}"] {
            fs::write(dir.path().join(NAME), text).unwrap();
            let Err(Error::Locked { holder, .. }) = take(dir.path(), Duration::ZERO) else {
                panic!("locked twice");
            };
            assert_eq!(holder, "another process");
        }
        drop(first);
    }

    #[test]
    fn the_lock_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let first = take(dir.path(), Duration::ZERO).unwrap();
        let (sender, wait) = std::sync::mpsc::sync_channel(1);
        let path = dir.path().to_owned();
        let second = std::thread::spawn(move || {
            Lock::acquire(&path, Duration::from_secs(20), NOW, |holder| {
                sender.send(holder.to_owned()).unwrap();
            })
            .is_ok()
        });
        assert!(wait.recv().unwrap().starts_with("process "));
        drop(first);
        assert!(second.join().unwrap());
    }
}
