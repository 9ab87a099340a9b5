//! What an operator asks for and sees while a phone links the agent.
//!
//! QR payloads and codes are credentials: nothing here has a `Debug` that shows them.

use std::fmt;
use std::time::{Duration, SystemTime};

use heapless::Vec;
use openclaw_types::Phone;
use openclaw_whatsapp::session::Secret;

/// The largest QR code has 177 modules a side.
const MAX_BITMAP_BYTES: usize = (177_usize * 177).div_ceil(8);

/// How the phone recognises this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// It scans a QR code.
    Qr,
    /// Its owner types a code of eight characters; the phone's own number is needed for that.
    PhoneCode(Phone),
}

/// A request to link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairRequest {
    /// How.
    pub method: Method,
    /// Also where there is a link that works.
    pub replace: bool,
    /// For how long to try.
    pub timeout: Duration,
}

/// What to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A QR code, in place of the one before.
    Qr(Box<Qr>),
    /// A code to type.
    PhoneCode {
        /// Eight characters.
        code: Secret,
        /// When the phone stops accepting it.
        expires_at: SystemTime,
    },
    /// WhatsApp wants a passkey: the server's request options, as JSON.
    PasskeyRequest(Secret),
    /// The code to compare with the phone's during the passkey ceremony.
    PasskeyConfirmation(Secret),
    /// The phone accepted.
    Scanned,
    /// Done.
    Linked {
        /// The account's number.
        phone: Phone,
    },
    /// It did not work.
    Failed(PairFailure),
}

/// Why a pairing ended without a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairFailure {
    /// No one scanned in time.
    Deadline,
    /// WhatsApp could not be reached.
    Unreachable,
    /// WhatsApp refused this link.
    Refused,
    /// WhatsApp asks for a passkey, which nothing here can answer.
    Passkey,
    /// The phone could not check what this device signed, or the other way round.
    Verification,
    /// The phone accepted, but the login did not follow; the link is kept and tried on.
    NotConnected,
    /// The phone accepted, but the login did not follow; the link that the agent had before is kept.
    NotCompleted,
    /// The account is banned.
    Banned,
    /// The client version is not accepted.
    Outdated,
    /// The agent stopped.
    Stopping,
}

impl PairFailure {
    /// For programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadline => "DEADLINE",
            Self::Unreachable => "WHATSAPP_UNREACHABLE",
            Self::Refused => "REFUSED_BY_WHATSAPP",
            Self::Passkey => "PASSKEY_REQUIRED",
            Self::Verification => "VERIFICATION_FAILED",
            Self::NotConnected => "LINKED_NOT_CONNECTED",
            Self::NotCompleted => "NOT_COMPLETED",
            Self::Banned => "BANNED",
            Self::Outdated => "OUTDATED",
            Self::Stopping => "AGENT_STOPPING",
        }
    }

    /// For people: the next step, without the reason again.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Deadline => "have the phone ready, then pair again",
            Self::Unreachable => "check the agent's network and DNS, then pair again",
            Self::Refused => "wait a few minutes, then pair again",
            Self::Passkey => {
                "this version cannot answer a passkey: remove it on the phone (WhatsApp → Settings → \
                 Account → Passkeys), then pair again; WhatsApp may ask for one anyway"
            }
            Self::Verification => "pair again; if it happens again, update WhatsApp on the phone",
            Self::NotConnected => {
                "the link is kept, the agent keeps trying: see `openclawctl status`"
            }
            Self::NotCompleted => {
                "the previous link is kept: remove the newest OpenClaw on the phone (WhatsApp → Settings → Linked \
                 devices), see `openclawctl status`, then pair again"
            }
            Self::Banned => "open WhatsApp on the phone to see why",
            Self::Outdated => "update openclaw-agent",
            Self::Stopping => "pair again once it is back",
        }
    }
}

/// A QR code: the text, and its modules, so that a client needs no QR library.
#[derive(Clone, PartialEq, Eq)]
pub struct Qr {
    /// What a phone reads from it.
    pub payload: String,
    /// Modules along one side.
    pub size: u16,
    /// Row by row, one bit each, most significant first, 1 is dark.
    pub modules: Vec<u8, MAX_BITMAP_BYTES>,
    /// When WhatsApp stops accepting it.
    pub expires_at: SystemTime,
    /// 1, 2, ... within one pairing.
    pub ordinal: u32,
}

impl fmt::Debug for Qr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Qr")
            .field("ordinal", &self.ordinal)
            .finish_non_exhaustive()
    }
}

/// The payload does not fit any QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pairing code's text is too long for a QR code")]
pub struct QrError;

impl Qr {
    /// Draws a payload at the lowest error correction: the code stays small on a terminal, and a
    /// screen has no scratches.
    pub fn draw(payload: String, expires_at: SystemTime, ordinal: u32) -> Result<Self, QrError> {
        let code = qrcode::QrCode::with_error_correction_level(&payload, qrcode::EcLevel::L)
            .map_err(|_| QrError)?;
        let size = u16::try_from(code.width()).map_err(|_| QrError)?;
        let mut modules = Vec::new();
        for byte in code.to_colors().chunks(8) {
            let bits = byte.iter().enumerate().fold(0, |bits, (place, color)| {
                bits | u8::from(*color == qrcode::Color::Dark) << (7 - place)
            });
            modules.push(bits).map_err(|_| QrError)?;
        }
        Ok(Self {
            payload,
            size,
            modules,
            expires_at,
            ordinal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bitmap_holds_every_module() {
        let qr = Qr::draw(
            "2@ref,noise,identity,adv,1".into(),
            SystemTime::UNIX_EPOCH,
            1,
        )
        .unwrap();
        let side = usize::from(qr.size);
        assert_eq!(qr.modules.len(), (side * side).div_ceil(8));
        // The top left finder pattern: seven dark modules, then a light one.
        assert_eq!(qr.modules[0], 0b1111_1110);
    }

    #[test]
    fn debug_shows_no_credential() {
        let qr = Qr::draw("secret".into(), SystemTime::UNIX_EPOCH, 1).unwrap();
        let shown = format!(
            "{:?} {:?}",
            Frame::Qr(Box::new(qr)),
            Frame::PasskeyRequest(Secret("secret".into()))
        );
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_payload_that_fits_no_code_is_refused() {
        assert_eq!(
            Qr::draw("x".repeat(8000), SystemTime::UNIX_EPOCH, 1),
            Err(QrError)
        );
    }
}
