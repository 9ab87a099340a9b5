//! What protects the process, as it was found to be after it was asked for.

use std::fmt;

/// Platforms differ in what they grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// Other processes of the same user may look inside.
    pub dumpable: bool,
    /// A crash may write memory to a file.
    pub core_dumps: bool,
    /// The page with the store's key cannot be swapped out.
    pub key_page_locked: bool,
    /// The user that the process runs as.
    pub uid: u32,
    /// The restriction of files.
    pub files: Confinement,
    /// The restriction of system calls.
    pub calls: Confinement,
    /// Memory is overwritten before it is given back.
    pub wipes_memory: bool,
}

/// How far a restriction goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// As far as was asked.
    Enforced,
    /// As far as the kernel knows it.
    Partial,
    /// The kernel has none.
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
