//! Removes secrets from the environment block, before there is a second thread.
//!
//! Many platforms can only pass secrets as environment variables, and the initial environment of a process stays
//! readable in `/proc/PID/environ` even after it changes its variables. So [`take`] moves each value into a sealed
//! memory file (`memfd`), which is not mapped by the process, and replaces the process image: the new image gets the
//! file's descriptor in `<NAME>_FD` instead of the value.
//!
//! ```text
//! OPENCLAW_AUTH_KEY=…  --take-->  memfd, sealed  --exec-->  OPENCLAW_AUTH_KEY_FD=3
//! ```
//!
//! The file survives further replacements (see [`replace_process`](crate::replace_process)), so the secret can be
//! read any number of times. The value is not hidden from the person who configured it: it is still in the platform's
//! settings and in the output of its `inspect` command. Where possible, use a file instead.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::{Errno, FdFlags};
use zeroize::Zeroizing;

use crate::replace;

/// The maximum length of a value, in bytes.
pub const MAX_VALUE_BYTES: usize = 4096;

/// The seals of our memory files; without them, another process that has the descriptor could change the contents.
const SEALS: SealFlags = SealFlags::SEAL
    .union(SealFlags::SHRINK)
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE);

/// Why secrets could not be taken or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The value is too long.
    #[error("{0} is longer than {MAX_VALUE_BYTES} bytes")]
    TooLong(&'static str),
    /// The value is not UTF-8.
    #[error("{0} is not UTF-8 text")]
    NotText(&'static str),
    /// `<NAME>_FD` is set, but not by an earlier image. Nothing was read from it.
    #[error("{0}_FD is set, but not by this program: it is not a sealed memory file; unset it")]
    Foreign(&'static str),
    /// A sealed memory file could not be created.
    #[error("cannot hide {name}: {source}; set it in a file instead")]
    Hide {
        /// The variable.
        name: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The process image could not be replaced, so the values are still in the environment block.
    #[error("cannot hide secrets of the environment: {0}; set them in files instead")]
    Replace(#[source] replace::Error),
    /// A sealed memory file could not be read.
    #[error("cannot read back {name}")]
    Read {
        /// The variable.
        name: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// The secrets from the environment. No `Debug` and no `Clone`; dropping it closes the memory files.
pub struct Secrets {
    /// The names and their memory files, which are close-on-exec except during `replace`.
    held: Vec<(&'static str, OwnedFd)>,
    /// All requested names: none of them is passed to another image.
    names: Vec<&'static str>,
}

/// Takes the secrets in the variables `names` out of the environment.
///
/// If one of them is set, this call does not return: it replaces the process image, and the call in the new image
/// returns. So call it first in `main`, before threads, files and output. An empty or blank variable counts as unset,
/// because that is the result of `KEY=${KEY:-}` in a compose file and of an emptied field in a platform's form.
/// Values are not trimmed.
///
/// # Errors
/// See [`Error`]. The process should end, because it would otherwise run with secrets in its environment.
pub fn take(names: &[&'static str]) -> Result<Secrets, Error> {
    let mut secrets = Secrets {
        held: Vec::new(),
        names: names.to_vec(),
    };
    let mut fresh = false;
    for name in names {
        let value = std::env::var_os(name).map(|value| Zeroizing::new(into_bytes(value)));
        if let Some(value) = value.filter(|value| !value.trim_ascii().is_empty()) {
            secrets.held.push((name, hide(name, &value)?));
            fresh = true;
        } else if let Some(number) = std::env::var_os(variable(name)) {
            secrets.held.push((name, adopt(name, &number)?));
        }
    }
    if fresh {
        return Err(Error::Replace(replace::replace_process(&secrets)));
    }
    Ok(secrets)
}

impl Secrets {
    /// True if `name` was set to a value.
    pub fn contains(&self, name: &str) -> bool {
        self.held.iter().any(|(held, _)| *held == name)
    }

    /// The value of `name`, if it was set. Can be called repeatedly.
    ///
    /// # Errors
    /// The memory file cannot be read, which the kernel should not let happen.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>, Error> {
        let Some((name, file)) = self.held.iter().find(|(held, _)| *held == name) else {
            return Ok(None);
        };
        let mut bytes = content(file.as_fd()).map_err(|error| Error::Read {
            name,
            source: error.into(),
        })?;
        let text = String::from_utf8(std::mem::take(&mut *bytes)).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            Error::NotText(name)
        })?;
        Ok(Some(Zeroizing::new(text)))
    }

    /// True if this variable has a secret or the descriptor of one.
    pub(crate) fn owns(&self, variable_name: &OsStr) -> bool {
        let mut names = self.names.iter();
        names.any(|name| variable_name == *name || *variable_name == *variable(name))
    }

    /// The variables that pass the descriptors to the next image.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> {
        self.held.iter().map(|(name, file)| {
            let number = file.as_raw_fd().to_string();
            (variable(name), OsString::from(number))
        })
    }

    /// Sets whether the memory files survive an exec: only while the image is being replaced.
    pub(crate) fn inherit(&self, inherit: bool) -> io::Result<()> {
        let flags = if inherit {
            FdFlags::empty()
        } else {
            FdFlags::CLOEXEC
        };
        for (_, file) in &self.held {
            rustix::io::fcntl_setfd(file, flags)?;
        }
        Ok(())
    }
}

fn variable(name: &str) -> OsString {
    OsString::from(format!("{name}_FD"))
}

fn into_bytes(value: OsString) -> Vec<u8> {
    std::os::unix::ffi::OsStringExt::into_vec(value)
}

fn hide(name: &'static str, value: &[u8]) -> Result<OwnedFd, Error> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(Error::TooLong(name));
    }
    if std::str::from_utf8(value).is_err() {
        return Err(Error::NotText(name));
    }
    sealed(value).map_err(|source| Error::Hide { name, source })
}

fn sealed(value: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Newer kernels can mark the file as never executable; older ones do not know the flag.
    let file = match rustix::fs::memfd_create(c"openclaw-secret", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => rustix::fs::memfd_create(c"openclaw-secret", flags),
        made => made,
    }?;
    let mut written = 0;
    while written < value.len() {
        let more = rustix::io::pwrite(&file, &value[written..], written as u64)?;
        if more == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        written += more;
    }
    rustix::fs::fcntl_add_seals(&file, SEALS)?;
    Ok(file)
}

/// Duplicates the descriptor of a memory file from an earlier image, after checking that it is one.
fn adopt(name: &'static str, number: &OsStr) -> Result<OwnedFd, Error> {
    let number = std::str::from_utf8(number.as_bytes()).ok();
    let number = number.and_then(|number| number.parse::<RawFd>().ok());
    // 0, 1 and 2 are the standard streams.
    let number = number.filter(|number| *number > 2);
    let inherited = number.ok_or(Error::Foreign(name))?;
    let file = duplicate(inherited).map_err(|_| Error::Foreign(name))?;
    let seals = rustix::fs::fcntl_get_seals(&file).map_err(|_| Error::Foreign(name))?;
    let length = rustix::fs::fstat(&file).map_err(|_| Error::Foreign(name))?;
    if !seals.contains(SEALS) || !(1..=MAX_VALUE_BYTES as i64).contains(&length.st_size) {
        return Err(Error::Foreign(name));
    }
    // The next image inherits our duplicate; child processes must not inherit this one.
    close_on_exec(inherited);
    Ok(file)
}

#[expect(unsafe_code, reason = "the descriptor is only known by its number")]
fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd as _;
    // SAFETY: accesses no memory; the kernel rejects a number that is not open.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just created `copy` for this call.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

#[expect(unsafe_code, reason = "the descriptor is only known by its number")]
fn close_on_exec(number: RawFd) {
    // SAFETY: accesses no memory, and only changes whether the memory file survives an exec.
    unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
}

fn content(file: BorrowedFd<'_>) -> Result<Zeroizing<Vec<u8>>, Errno> {
    let length = usize::try_from(rustix::fs::fstat(file)?.st_size).map_err(|_| Errno::FBIG)?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    let mut filled = 0;
    while filled < length {
        let more = rustix::io::pread(file, &mut bytes[filled..], filled as u64)?;
        if more == 0 {
            return Err(Errno::IO);
        }
        filled += more;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    const NAME: &str = "OPENCLAW_TEST_SECRET";

    fn adopted(file: &impl std::os::fd::AsRawFd) -> Result<OwnedFd, Error> {
        adopt(NAME, OsStr::new(&file.as_raw_fd().to_string()))
    }

    #[test]
    fn a_hidden_secret_can_be_read_many_times() {
        let file = hide(NAME, b"correct horse").expect("hidden");
        let secrets = Secrets {
            held: vec![(NAME, adopted(&file).expect("adopted"))],
            names: vec![NAME],
        };
        for _ in 0..3 {
            let value = secrets.read(NAME).expect("readable").expect("set");
            assert_eq!(*value, "correct horse");
        }
        assert!(secrets.contains(NAME));
        assert!(secrets.read("OPENCLAW_OTHER").expect("readable").is_none());
    }

    #[test]
    fn a_hidden_value_cannot_be_changed() {
        let file = hide(NAME, b"correct horse").expect("hidden");
        assert_eq!(rustix::io::pwrite(&file, b"battery", 0), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&file, 0), Err(Errno::PERM));
    }

    #[test]
    fn values_are_bounded_text() {
        assert!(hide(NAME, &[b'x'; MAX_VALUE_BYTES]).is_ok());
        let long = hide(NAME, &[b'x'; MAX_VALUE_BYTES + 1]);
        assert!(matches!(long, Err(Error::TooLong(NAME))));
        assert!(matches!(
            hide(NAME, &[0xFF, 0xFE]),
            Err(Error::NotText(NAME))
        ));
    }

    #[test]
    fn only_a_sealed_memory_file_is_read() {
        let plain = tempfile::tempfile().expect("a file");
        let zero = File::open("/dev/zero").expect("a device");
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let unsealed = rustix::fs::memfd_create(c"unsealed", flags).expect("a memory file");
        rustix::io::write(&unsealed, b"planted").expect("written");
        let empty = sealed(b"").expect("sealed");
        let long = sealed(&[b'x'; MAX_VALUE_BYTES + 1]).expect("sealed");
        let verdicts = [
            adopted(&plain),
            adopted(&zero),
            adopted(&unsealed),
            adopted(&empty),
            adopted(&long),
        ];
        for verdict in verdicts {
            assert!(matches!(verdict, Err(Error::Foreign(NAME))));
        }
    }

    #[test]
    fn a_number_that_is_not_an_open_file_of_ours_is_refused() {
        for number in [
            "",
            "0",
            "1",
            "2",
            "-1",
            "3x",
            " 3",
            "1000000",
            "99999999999",
        ] {
            let verdict = adopt(NAME, OsStr::new(number));
            assert!(matches!(verdict, Err(Error::Foreign(NAME))), "{number}");
        }
    }

    #[test]
    fn a_secret_is_passed_on_only_while_the_image_is_replaced() {
        let secrets = Secrets {
            held: vec![(NAME, hide(NAME, b"x").expect("hidden"))],
            names: vec![NAME],
        };
        let flags = || rustix::io::fcntl_getfd(&secrets.held[0].1).expect("open");
        assert_eq!(flags(), FdFlags::CLOEXEC);
        secrets.inherit(true).expect("set");
        assert_eq!(flags(), FdFlags::empty());
        secrets.inherit(false).expect("set");
        assert_eq!(flags(), FdFlags::CLOEXEC);
    }

    #[test]
    fn the_value_and_its_descriptor_are_not_passed_on() {
        let secrets = Secrets {
            held: Vec::new(),
            names: vec![NAME],
        };
        assert!(secrets.owns(OsStr::new("OPENCLAW_TEST_SECRET")));
        assert!(secrets.owns(OsStr::new("OPENCLAW_TEST_SECRET_FD")));
        assert!(!secrets.owns(OsStr::new("OPENCLAW_TEST_SECRET_FILE")));
    }
}
