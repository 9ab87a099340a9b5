//! Limits on what this process may still ask of the kernel, once it has what it needs.
//!
//! Two layers, each applied as far as the kernel has it: Landlock for files and ports, seccomp for calls that
//! the program never makes. Neither can be taken back, and both outlive the replacement of the
//! process image: an image that finds itself inside says the same words and adds nothing.
//!
//! It is not a jail for hostile code: it bounds what a bug in a parser is worth.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

mod calls;
mod files;

/// How an image learns from its predecessor what was applied.
pub const VARIABLE: &str = "OPENCLAW_SANDBOX";

/// What was applied, by this image or the one before it; once, and then it is only repeated.
static APPLIED: OnceLock<Report> = OnceLock::new();

/// What the process still needs. Everything else of files and ports is refused.
#[derive(Clone, Debug)]
pub struct Sandbox {
    read_write: Vec<PathBuf>,
    read_only: Vec<PathBuf>,
    connect: Option<Vec<u16>>,
    bind: Option<Vec<u16>>,
}

/// How far one layer got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// As asked; with its particulars.
    Enforced(String),
    /// Less than asked, and what is missing.
    Partial(String),
    /// Nothing, and why.
    Unavailable(String),
}

/// How far the sandbox got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Landlock: files and ports.
    pub files: Layer,
    /// seccomp: calls.
    pub calls: Layer,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// What a network program needs anywhere: settings in `/etc`, certificates, time zones, its libraries, `/proc`,
    /// random bytes; and its own program, to start again. Ports are not limited yet.
    pub fn new() -> Self {
        Self {
            read_write: vec!["/dev/null".into()],
            read_only: files::needed_anywhere(),
            connect: None,
            bind: None,
        }
    }

    /// Also everything but running programs in this folder, or this file. One that is not there stays out
    /// of reach, and the report says so.
    #[must_use]
    pub fn read_write(mut self, path: impl Into<PathBuf>) -> Self {
        self.read_write.push(path.into());
        self
    }

    /// Also reading in this folder, or this file. One that does not exist is passed over.
    #[must_use]
    pub fn read_only(mut self, path: impl Into<PathBuf>) -> Self {
        self.read_only.push(path.into());
        self
    }

    /// TCP connections to these ports only. Without this, to any.
    #[must_use]
    pub fn connect_only(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.connect.get_or_insert_default().extend(ports);
        self
    }

    /// TCP listeners on these ports only (0: any free one). Without this, on any.
    #[must_use]
    pub fn bind_only(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.bind.get_or_insert_default().extend(ports);
        self
    }

    /// Puts the process inside, for good.
    ///
    /// Call it while there is one thread: Landlock holds for the calling thread and what it starts, so with others
    /// running the files layer is left out, and the report says so. Call it after privileges were dropped and with every
    /// folder made. A second call, here or in an image that replaced this one, changes nothing and says
    /// what the first one did.
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
        // What the variable says is believed only as far as the kernel bears it out.
        let files = files.filter(|layer| held(layer) && files::already_inside());
        let calls = calls.filter(|layer| held(layer) && calls::already_inside());
        let report = Report {
            files: files.unwrap_or_else(|| files::apply(self)),
            calls: calls.unwrap_or_else(calls::apply),
        };
        APPLIED.get_or_init(|| report).clone()
    }
}

/// What the next image needs, if this one is inside.
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
    fn a_report_survives_the_way_to_the_next_image() {
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
    fn the_report_is_one_line_of_plain_words() {
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
