//! Lets a test step the system clock of a simulator build: a file, named by an environment variable, has the offset
//! in seconds. Not compiled into a release.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

/// Read once. The file stays open, because the sandbox may hide its path later.
const VARIABLE: &str = "OPENCLAW_CLOCK_OFFSET_FILE";

static FILE: OnceLock<Option<File>> = OnceLock::new();

/// The system clock plus the test's offset.
pub(super) fn of(wall: SystemTime) -> SystemTime {
    let file = FILE.get_or_init(|| File::open(std::env::var_os(VARIABLE)?).ok());
    let Some(file) = file else {
        return wall;
    };
    let mut bytes = [0; 32];
    let length = file.read_at(&mut bytes, 0).unwrap_or_default();
    let text = std::str::from_utf8(&bytes[..length]).unwrap_or_default();
    let seconds: i64 = text.trim().parse().unwrap_or_default();
    let span = Duration::from_secs(seconds.unsigned_abs());
    let shifted = if seconds < 0 {
        wall.checked_sub(span)
    } else {
        wall.checked_add(span)
    };
    shifted.unwrap_or(SystemTime::UNIX_EPOCH)
}
