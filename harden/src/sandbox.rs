//! Limits what this process can request from the kernel after its startup.
//!
//! Two layers, each applied as far as the kernel supports it: Landlock for files and ports, seccomp for system calls
//! that the program never makes. Neither can be undone, and both survive the replacement of the process image: a new
//! image that is already inside returns the same report and adds nothing.
//!
//! This is not a jail for hostile code; it limits what an attacker gains from a bug in a parser.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

mod calls;
mod files;

/// Passes the report to the next image.
pub const VARIABLE: &str = "OPENCLAW_SANDBOX";

/// The report of this image or its predecessor. Set once; later calls return it.
static APPLIED: OnceLock<Report> = OnceLock::new();

/// What the process still needs. All other files and ports are denied.
#[derive(Clone, Debug)]
pub struct Sandbox {
    read_write: Vec<PathBuf>,
    read_only: Vec<PathBuf>,
    connect: Option<Vec<u16>>,
    bind: Option<Vec<u16>>,
}

/// The result of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Fully applied, with details.
    Enforced(String),
    /// Partly applied, with what is missing.
    Partial(String),
    /// Not applied, with the reason.
    Unavailable(String),
}

/// The result of both layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Landlock: files and ports.
    pub files: Layer,
    /// seccomp: system calls.
    pub calls: Layer,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// What any network program needs: settings in `/etc`, certificates, time zones, its libraries, `/proc`, random
    /// bytes, and its own program for a restart. Ports are not limited yet.
    pub fn new() -> Self {
        Self {
            read_write: vec!["/dev/null".into()],
            read_only: files::needed_anywhere(),
            connect: None,
            bind: None,
        }
    }

    /// Also allows everything except executing programs in this directory, or on this file. If it does not exist, it
    /// stays inaccessible, and the report says so.
    #[must_use]
    pub fn read_write(mut self, path: impl Into<PathBuf>) -> Self {
        self.read_write.push(path.into());
        self
    }

    /// Also allows reading in this directory, or of this file. Ignored if it does not exist.
    #[must_use]
    pub fn read_only(mut self, path: impl Into<PathBuf>) -> Self {
        self.read_only.push(path.into());
        self
    }

    /// Allows TCP connections only to these ports. Without this call, to any port.
    #[must_use]
    pub fn connect_only(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.connect.get_or_insert_default().extend(ports);
        self
    }

    /// Allows TCP listeners only on these ports (0: any free port). Without this call, on any port.
    #[must_use]
    pub fn bind_only(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.bind.get_or_insert_default().extend(ports);
        self
    }

    /// Enters the sandbox, irrevocably.
    ///
    /// Call it while there is only one thread: Landlock applies to the calling thread and its descendants, so if
    /// other threads are running, the files layer is skipped and the report says so. Call it after privileges were
    /// dropped and all directories were created. A second call, in this image or one that replaced it, changes
    /// nothing and returns the first report.
    pub fn apply(&self) -> Report {
        if let Some(report) = APPLIED.get() {
            return report.clone();
        }
        let before = std::env::var_os(VARIABLE).and_then(|words| Report::parse(&words));
        let held = |layer: &Layer| !matches!(layer, Layer::Unavailable(_));
        let (files, calls) = match before {
            Some(Report { files, calls }) => (Some(files), Some(calls)),
            None => (None, None),
        };
        // The variable is only trusted if the kernel confirms it.
        let files = files.filter(|layer| held(layer) && files::already_inside());
        let calls = calls.filter(|layer| held(layer) && calls::already_inside());
        let report = Report {
            files: files.unwrap_or_else(|| files::apply(self)),
            calls: calls.unwrap_or_else(calls::apply),
        };
        APPLIED.get_or_init(|| report).clone()
    }
}

/// The variable for the next image, if this one is inside the sandbox.
pub(crate) fn variable() -> Option<(OsString, OsString)> {
    let report = APPLIED.get()?;
    let words = format!("{}|{}", report.files, report.calls);
    Some((VARIABLE.into(), words.into()))
}

impl Report {
    fn parse(words: &OsStr) -> Option<Self> {
        let (files, calls) = words.to_str()?.split_once('|')?;
        Some(Self {
            files: Layer::parse(files)?,
            calls: Layer::parse(calls)?,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Landlock {}; seccomp {}", self.files, self.calls)
    }
}

const ENFORCED: &str = "enforced";
const PARTIAL: &str = "partial";
const UNAVAILABLE: &str = "not available";

impl Layer {
    fn parse(words: &str) -> Option<Self> {
        let (state, particulars) = words.strip_suffix(')')?.split_once(" (")?;
        let particulars = particulars.to_owned();
        match state {
            ENFORCED => Some(Self::Enforced(particulars)),
            PARTIAL => Some(Self::Partial(particulars)),
            UNAVAILABLE => Some(Self::Unavailable(particulars)),
            _ => None,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, particulars) = match self {
            Self::Enforced(particulars) => (ENFORCED, particulars),
            Self::Partial(particulars) => (PARTIAL, particulars),
            Self::Unavailable(particulars) => (UNAVAILABLE, particulars),
        };
        write!(out, "{state} ({particulars})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_passed_to_the_next_image() {
        let report = Report {
            files: Layer::Partial("ABI 3: ports are not limited".to_owned()),
            calls: Layer::Enforced("50 calls refused".to_owned()),
        };
        let words = OsString::from(format!("{}|{}", report.files, report.calls));
        assert_eq!(Report::parse(&words), Some(report));
    }

    #[test]
    fn an_unknown_report_is_not_trusted() {
        for words in [
            "",
            "1",
            "enforced|enforced",
            "enforced (x)",
            "on (x)|on (y)",
        ] {
            assert_eq!(Report::parse(OsStr::new(words)), None, "{words}");
        }
    }

    #[test]
    fn the_report_is_one_readable_line() {
        let report = Report {
            files: Layer::Enforced("ABI 7".to_owned()),
            calls: Layer::Unavailable("this kernel has no seccomp filters".to_owned()),
        };
        assert_eq!(
            report.to_string(),
            "Landlock enforced (ABI 7); seccomp not available (this kernel has no seccomp filters)"
        );
    }
}
