//! The frames of a pairing, as this client uses them. They are credentials: no `Debug`.

use openclaw_proto::v1::pair_frame::Frame as Wire;
use openclaw_proto::v1::passkey_challenge::Stage;
use openclaw_proto::v1::{
    Linked, PairFailureReason, PairFrame, PasskeyChallenge, PhoneCode, QrCode,
};
use prost_types::Timestamp;

use super::passkey::Challenge;
use crate::failure::Failure;
use crate::qr::Matrix;

pub(crate) enum Frame {
    /// A frame to display.
    Shown(Shown),
    /// The final frame.
    Outcome(Outcome),
    /// A frame of a newer agent.
    Unknown,
}

/// The current display.
pub(crate) enum Shown {
    /// No frame has arrived yet.
    Waiting,
    /// A code to scan.
    Qr {
        code: Matrix,
        payload: String,
        expires_at: Option<Timestamp>,
        ordinal: u32,
    },
    /// A code to type on the phone.
    PhoneCode {
        code: String,
        expires_at: Option<Timestamp>,
    },
    /// WhatsApp requires a passkey.
    Passkey(Challenge),
    /// A code to compare with the phone's.
    Compare { code: String },
    /// The phone accepted the code.
    Scanned,
}

/// The outcome of the pairing.
pub(crate) enum Outcome {
    Linked(Linked),
    Failed {
        reason: PairFailureReason,
        hint: String,
    },
}

impl TryFrom<PairFrame> for Frame {
    type Error = Failure;

    fn try_from(frame: PairFrame) -> Result<Self, Failure> {
        let shown = match frame.frame {
            Some(Wire::Qr(qr)) => shown_code(qr)?,
            Some(Wire::PhoneCode(PhoneCode { code, expires_at })) => {
                Shown::PhoneCode { code, expires_at }
            }
            Some(Wire::Passkey(PasskeyChallenge { stage, expires_at })) => match stage {
                Some(Stage::ConfirmationCode(code)) => Shown::Compare { code },
                Some(Stage::RequestOptionsJson(options)) => {
                    Shown::Passkey(Challenge::read(&options, expires_at)?)
                }
                None => return Ok(Self::Unknown),
            },
            Some(Wire::Scanned(_)) => Shown::Scanned,
            Some(Wire::Linked(linked)) => return Ok(Self::Outcome(Outcome::Linked(linked))),
            Some(Wire::Failed(failed)) => {
                let (reason, hint) = (failed.reason(), failed.hint);
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
        Failure::new("the agent sent an invalid QR code")
            .with_reason("BAD_QR_CODE")
            .with_hint("update openclawctl, or link with `--phone NUMBER`")
    })?;
    Ok(Shown::Qr {
        code,
        payload,
        expires_at,
        ordinal,
    })
}

/// Why the pairing failed, for a person.
pub(crate) const fn why_failed(reason: PairFailureReason) -> &'static str {
    use PairFailureReason as Reason;
    match reason {
        Reason::Unspecified => {
            "the phone was not linked, for an unknown reason; update openclawctl"
        }
        Reason::Deadline => "no one used the code in time",
        Reason::WhatsappUnreachable => "the agent cannot reach WhatsApp",
        Reason::RefusedByWhatsapp => "WhatsApp refused the link",
        Reason::PasskeyRequired => "WhatsApp asks for a passkey, and it was not answered in time",
        Reason::PasskeyRefused => "WhatsApp or the phone ended the passkey ceremony",
        Reason::PasskeyInterrupted => {
            "the connection to WhatsApp was lost during the passkey ceremony"
        }
        Reason::VerificationFailed => "the phone and the agent could not verify each other",
        Reason::LinkedNotConnected => "the phone is linked, but the agent could not log in yet",
        Reason::NotCompleted => "the phone accepted, but the agent could not log in",
        Reason::Banned => "WhatsApp banned this account",
        Reason::Outdated => "WhatsApp no longer accepts this version of the agent",
        Reason::AgentStopping => "the agent is stopping",
    }
}
