//! Errors of the control interface: `{"error", "hint"}` and a status.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::signal::{adv, link_code};
use crate::state::error::{Error, chain};

/// An error response.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    error: String,
    hint: String,
}

impl Failure {
    pub(crate) fn new(
        status: StatusCode,
        error: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status,
            error: error.into(),
            hint: hint.into(),
        }
    }

    /// A mistake of the caller.
    pub(crate) fn bad_request(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (status, hint) = advice(&error);
        Self::new(status, chain(&error), hint)
    }
}

/// The status, and a hint on what to do next.
fn advice(error: &Error) -> (StatusCode, &'static str) {
    const NEW_CODE: &str = "let the client show a new code, and use it immediately";
    const INVESTIGATE: &str = "the client, or the simulator, is wrong: see GET /verify and the log";
    match error {
        Error::Number(_) => (StatusCode::BAD_REQUEST, "write it as +15550100001"),
        Error::Adv(adv::Error::Fields(_) | adv::Error::Field(_)) => {
            (StatusCode::BAD_REQUEST, "send the QR code's text unchanged")
        }
        Error::LinkCode(link_code::Error::Code) => (
            StatusCode::BAD_REQUEST,
            "send the code that the client shows",
        ),
        Error::LinkCode(link_code::Error::Bundle) => {
            (StatusCode::CONFLICT, "send the code that the client shows")
        }
        Error::UnknownRef => (StatusCode::NOT_FOUND, NEW_CODE),
        Error::NoCodeRequest => (
            StatusCode::NOT_FOUND,
            "let the client request a code for this number first",
        ),
        Error::NoCeremony => (
            StatusCode::CONFLICT,
            "GET /passkey/ceremony shows the stage",
        ),
        Error::NoAuthenticator => (
            StatusCode::CONFLICT,
            "register one with POST /passkey, without `credential`",
        ),
        Error::PasskeyCode => (
            StatusCode::CONFLICT,
            "restart linking, then send the code that the client shows",
        ),
        Error::PasskeyRefused => (StatusCode::CONFLICT, NEW_CODE),
        Error::ForeignQr => (StatusCode::CONFLICT, NEW_CODE),
        Error::NotLinked => (
            StatusCode::CONFLICT,
            "GET /phone/devices lists the linked devices",
        ),
        Error::NoGroup(_) => (
            StatusCode::NOT_FOUND,
            "create it with POST /group and use the jid of the response",
        ),
        Error::Content(_) => (
            StatusCode::BAD_REQUEST,
            "sim/README.md describes each kind of content",
        ),
        Error::NoMessage(_) => (
            StatusCode::NOT_FOUND,
            "GET /peer/inbox lists the received messages",
        ),
        Error::HostFull => (
            StatusCode::CONFLICT,
            "`fill` takes no memory; the limit is `media_limit` of `Config`",
        ),
        Error::NoFile(_) => (
            StatusCode::NOT_FOUND,
            "choose a message whose file was sent with `bytes` or `fill`, or uploaded",
        ),
        Error::NoSetting(_) => (
            StatusCode::BAD_REQUEST,
            "GET /profile lists the settings; `except` is valid with contact_blacklist only",
        ),
        Error::NotAllowed(_) => (
            StatusCode::CONFLICT,
            "GET /group/info shows the members, the admins and the settings",
        ),
        Error::NoNotice(_) => (StatusCode::BAD_REQUEST, "GET /notices lists the kinds"),
        Error::NotMovable(_) => (StatusCode::CONFLICT, "choose a number that is not in use"),
        Error::NotOnWhatsApp(_) => (
            StatusCode::CONFLICT,
            "it was declared with POST /unknown: use another number",
        ),
        Error::Timeout | Error::Disconnected => {
            (StatusCode::FAILED_DEPENDENCY, "see the client's log")
        }
        Error::NotSigned
        | Error::Declined(_)
        | Error::Adv(_)
        | Error::LinkCode(_)
        | Error::Passkey(_)
        | Error::Shortcake(_)
        | Error::HandoffProof
        | Error::Encrypt(_) => (StatusCode::FAILED_DEPENDENCY, INVESTIGATE),
        Error::Listen(..) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "another process may hold the port",
        ),
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self {
            status,
            error,
            hint,
        } = self;
        (status, Json(json!({ "error": error, "hint": hint }))).into_response()
    }
}
