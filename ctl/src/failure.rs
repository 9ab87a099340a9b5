//! The end of a command: an exit code, and for a failure one line with the error and one with the next step.

use std::error::Error as _;

use openclaw_proto::{ERROR_DOMAIN, ERROR_HINT};
pub(crate) use openclaw_types::Exit;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::text;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
    reason: Option<String>,
    token: Option<String>,
}

#[derive(Serialize)]
struct Json<'a> {
    error: &'a str,
    reason: Option<&'a str>,
    hint: Option<&'a str>,
    token: Option<&'a str>,
    exit: u8,
}

impl Failure {
    /// A failure with exit code 1. `message` is one line without a full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            message: message.into(),
            hint: None,
            reason: None,
            token: None,
        }
    }

    /// An invalid command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(message).with_exit(Exit::Usage)
    }

    /// An unreachable agent.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(message).with_exit(Exit::Unreachable)
    }

    /// stdout was closed by its reader, as in `openclawctl watch | head -1`: success, without output.
    pub(crate) fn reader_gone() -> Self {
        Self::new("").with_exit(Exit::Done)
    }

    /// Sets the exit code.
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Sets the next step; an empty `hint` means none.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self
    }

    /// Sets the reason for programs.
    pub(crate) fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into()).filter(|reason| !reason.is_empty());
        self
    }

    /// Sets the token of a message whose outcome is unknown.
    pub(crate) fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The reason for programs.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The next step; empty if there is none.
    pub(crate) fn hint(&self) -> &str {
        self.hint.as_deref().unwrap_or_default()
    }

    /// True if the output file exists or is in use.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.reason(), Some("FILE_EXISTS" | "FILE_BUSY"))
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The error and the next step, one line each; `None` if there is nothing to report.
    pub(crate) fn lines(&self) -> Option<String> {
        if self.message.is_empty() {
            return None;
        }
        let mut lines = format!("error: {}", text::one_line(&self.message));
        if let Some(hint) = &self.hint {
            lines.push_str(&format!("\nhint: {}", text::one_line(hint)));
        }
        Some(lines)
    }

    /// The JSON form.
    pub(crate) fn json(&self) -> impl Serialize {
        Json {
            error: &self.message,
            reason: self.reason.as_deref(),
            hint: self.hint.as_deref(),
            token: self.token.as_deref(),
            exit: self.exit.code(),
        }
    }
}

/// The error, without the next step.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&text::one_line(&self.message))
    }
}

/// True if the connection failed, as opposed to an error response of the agent.
pub(crate) fn is_transport(status: &Status) -> bool {
    status.source().is_some()
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        if is_transport(&status) {
            return Self::unreachable("the connection to the agent was lost")
                .with_reason("CONNECTION_LOST")
                .with_hint("check that it runs: `openclawctl status`");
        }
        let exit = match status.code() {
            Code::FailedPrecondition
            | Code::AlreadyExists
            | Code::NotFound
            | Code::PermissionDenied
            | Code::ResourceExhausted => Exit::Refused,
            Code::InvalidArgument => Exit::Usage,
            Code::Unavailable => Exit::Unreachable,
            _ => Exit::Failed,
        };
        let message = match status.message() {
            "" => status.code().description().to_owned(),
            message => message.to_owned(),
        };
        let failure = Self::new(message).with_exit(exit);
        match status.get_details_error_info() {
            Some(mut info) if info.domain == ERROR_DOMAIN => {
                let hint = info.metadata.remove(ERROR_HINT).unwrap_or_default();
                failure.with_reason(info.reason).with_hint(hint)
            }
            _ => failure,
        }
    }
}
