//! The user's state directory, by the XDG base directory specification.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::private_file;

/// Why there is none.
pub(crate) const NONE: &str = "neither XDG_STATE_HOME nor HOME is set";

/// `$XDG_STATE_HOME/openclaw/NAME`, else `~/.local/state/openclaw/NAME`.
pub(crate) fn of_user(name: &str) -> Option<PathBuf> {
    let var = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let state = var("XDG_STATE_HOME").or_else(|| Some(var("HOME")?.join(".local/state")));
    state.map(|state| state.join("openclaw").join(name))
}

/// Replaces the file at `path` by `content`, and creates its directory if needed.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path.parent().unwrap_or(path))?;
    private_file::replace(path, content)
}
