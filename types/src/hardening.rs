//! The protections of the process, as read back after they were requested.

use std::fmt;

/// The protections that are active. Platforms differ in what they support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// Other processes of the same user may read the process's memory.
    pub dumpable: bool,
    /// A crash may write memory to a file.
    pub core_dumps: bool,
    /// The page with the store's key cannot be swapped out.
    pub key_page_locked: bool,
    /// The user that the process runs as.
    pub uid: u32,
    /// The restriction of file access.
    pub files: Confinement,
    /// The restriction of system calls.
    pub calls: Confinement,
    /// Memory is overwritten before it is freed.
    pub wipes_memory: bool,
}

/// The degree to which a restriction is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// As requested.
    Enforced,
    /// As far as the kernel supports it.
    Partial,
    /// The kernel does not support it.
    Unavailable,
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enforced => "enforced",
            Self::Partial => "partly enforced",
            Self::Unavailable => "unavailable",
        })
    }
}
