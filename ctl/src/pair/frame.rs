//! The frames of a pairing, as this client uses them. They are credentials: no `Debug`.

use openclaw_proto::v1::pair_frame::Frame as Wire;
use openclaw_proto::v1::passkey_challenge::Stage;
use openclaw_proto::v1::{Linked, PairFailed, PairFrame, PasskeyChallenge, PhoneCode, QrCode};
use prost_types::Timestamp;
use serde::Serialize;

use crate::failure::Failure;
use crate::qr::Matrix;
use crate::render::json::time;

/// One frame.
pub(crate) enum Frame {
    /// Something to look at.
    Shown(Shown),
    /// The end.
    Outcome(Outcome),
    /// From an agent that is newer than this client.
    Unknown,
}

/// What the operator sees.
pub(crate) enum Shown {
    /// Nothing came yet.
    Waiting,
    /// A code to scan.
    Qr {
        code: Matrix,
        size: u32,
        payload: String,
        expires_at: Option<Timestamp>,
        ordinal: u32,
    },
    /// A code to type on the phone.
    PhoneCode {
        code: String,
        expires_at: Option<Timestamp>,
    },
    /// WhatsApp asks for a passkey.
    Passkey { request_options_json: String },
    /// A code to compare with the phone's.
    Compare { code: String },
    /// The phone accepted the code.
    Scanned,
}

/// How it ended.
pub(crate) enum Outcome {
    Linked { phone: String, device: String },
    Failed { reason: String, hint: String },
}

impl TryFrom<PairFrame> for Frame {
    type Error = Failure;

    fn try_from(frame: PairFrame) -> Result<Self, Failure> {
        let shown = match frame.frame {
            Some(Wire::Qr(qr)) => shown_code(qr)?,
            Some(Wire::PhoneCode(PhoneCode { code, expires_at })) => {
                Shown::PhoneCode { code, expires_at }
            }
            Some(Wire::Passkey(PasskeyChallenge { stage })) => match stage {
                Some(Stage::ConfirmationCode(code)) => Shown::Compare { code },
                Some(Stage::RequestOptionsJson(request_options_json)) => Shown::Passkey {
                    request_options_json,
                },
                None => return Ok(Self::Unknown),
            },
            Some(Wire::Scanned(_)) => Shown::Scanned,
            Some(Wire::Linked(Linked { phone, device })) => {
                return Ok(Self::Outcome(Outcome::Linked { phone, device }));
            }
            Some(Wire::Failed(PairFailed { reason, hint })) => {
                return Ok(Self::Outcome(Outcome::Failed { reason, hint }));
            }
            None => return Ok(Self::Unknown),
        };
        Ok(Self::Shown(shown))
    }
}

fn shown_code(qr: QrCode) -> Result<Shown, Failure> {
    let QrCode {
        payload,
        size,
        modules,
        expires_at,
        ordinal,
    } = qr;
    let code = Matrix::read(size, &modules).ok_or_else(|| {
        Failure::new("the agent sent a QR code that is none").with_reason("BAD_QR_CODE")
    })?;
    Ok(Shown::Qr {
        code,
        size,
        payload,
        expires_at,
        ordinal,
    })
}

/// Why there is no link, in words; reasons of a newer agent as they are.
pub(crate) fn why_failed(reason: &str) -> String {
    let known = match reason {
        "DEADLINE" => "nobody used the code in time",
        "WHATSAPP_UNREACHABLE" => "the agent cannot reach WhatsApp",
        "REFUSED_BY_WHATSAPP" => "WhatsApp refused the link",
        "PASSKEY_REQUIRED" => "WhatsApp asks for a passkey",
        "VERIFICATION_FAILED" => "the phone and the agent could not verify each other",
        "LINKED_NOT_CONNECTED" => "the phone is linked, but the agent could not log in yet",
        "NOT_COMPLETED" => "the phone accepted, but the agent could not log in",
        "BANNED" => "WhatsApp banned this account",
        "OUTDATED" => "WhatsApp no longer accepts this version of the agent",
        "AGENT_STOPPING" => "the agent is stopping",
        other => {
            let words = other.to_ascii_lowercase().replace('_', " ");
            return format!("the phone was not linked: {words}");
        }
    };
    known.to_owned()
}

/// One line of `pair --json`.
#[derive(Serialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub(crate) enum Json<'a> {
    Qr {
        payload: &'a str,
        size: u32,
        expires_at: Option<String>,
        ordinal: u32,
    },
    PhoneCode {
        code: &'a str,
        expires_at: Option<String>,
    },
    Passkey {
        request_options_json: Option<&'a str>,
        confirmation_code: Option<&'a str>,
    },
    Scanned,
    Linked {
        phone: &'a str,
        device: &'a str,
    },
}

impl<'a> Json<'a> {
    /// `None` for what is no frame.
    pub(crate) fn of(shown: &'a Shown) -> Option<Self> {
        Some(match shown {
            Shown::Waiting => return None,
            Shown::Qr {
                code: _,
                size,
                payload,
                expires_at,
                ordinal,
            } => Self::Qr {
                payload,
                size: *size,
                expires_at: time(*expires_at),
                ordinal: *ordinal,
            },
            Shown::PhoneCode { code, expires_at } => Self::PhoneCode {
                code,
                expires_at: time(*expires_at),
            },
            Shown::Passkey {
                request_options_json,
            } => Self::Passkey {
                request_options_json: Some(request_options_json),
                confirmation_code: None,
            },
            Shown::Compare { code } => Self::Passkey {
                request_options_json: None,
                confirmation_code: Some(code),
            },
            Shown::Scanned => Self::Scanned,
        })
    }

    /// The last line.
    pub(crate) fn linked(phone: &'a str, device: &'a str) -> Self {
        Self::Linked { phone, device }
    }
}
