//! A pairing as its client sees it: the request, and the frames.
//!
//! QR payloads and codes are credentials: no `Debug` here shows them.

use std::fmt;
use std::time::{Duration, SystemTime};

use heapless::Vec;
use openclaw_types::{DeviceName, Phone};
use openclaw_whatsapp::session::Secret;

/// For the largest QR code, with 177 modules a side.
const MAX_BITMAP_BYTES: usize = (177_usize * 177).div_ceil(8);

/// The way to link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// The phone scans a QR code.
    Qr,
    /// A person types a code of eight characters on the phone; this requires the phone's number.
    PhoneCode(Phone),
}

/// A pairing request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairRequest {
    /// The way to link.
    pub method: Method,
    /// Replace a working link.
    pub replace: bool,
    /// The name of the new device; `None` for that of the settings.
    pub device_name: Option<DeviceName>,
    /// How long the pairing may take.
    pub timeout: Duration,
}

/// A frame for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A QR code, which replaces the previous one.
    Qr(Box<Qr>),
    /// A code to type.
    PhoneCode {
        /// Eight characters.
        code: Secret,
        /// When it expires.
        expires_at: SystemTime,
    },
    /// WhatsApp requires a passkey.
    PasskeyRequest {
        /// The server's request options, as JSON.
        options: Secret,
        /// When the ceremony ends.
        expires_at: SystemTime,
    },
    /// A code to compare with the one on the phone.
    PasskeyConfirmation {
        /// `XXXX-XXXX`.
        code: Secret,
        /// When the ceremony ends.
        expires_at: SystemTime,
    },
    /// The phone accepted.
    Scanned,
    /// The pairing succeeded.
    Linked {
        /// The account's number.
        phone: Phone,
        /// The name of the new device.
        device: DeviceName,
    },
    /// The pairing failed.
    Failed(PairFailure),
}

/// Why a pairing ended without a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairFailure {
    /// No phone accepted in time.
    Deadline,
    /// WhatsApp could not be reached.
    Unreachable,
    /// WhatsApp refused this link.
    Refused,
    /// WhatsApp requires a passkey, and it was not answered in time.
    PasskeyUnanswered,
    /// WhatsApp did not accept the assertion.
    PasskeyRefused,
    /// The phone, or the person, ended the passkey ceremony after the assertion, or the codes differed.
    PasskeyDeclined,
    /// The connection was lost during the passkey ceremony.
    PasskeyInterrupted,
    /// The phone could not verify this device's signature, or this device the phone's.
    Verification,
    /// The phone accepted, but the login failed; the link is kept and retried.
    NotConnected,
    /// The phone accepted, but the login failed; the previous link is kept.
    NotCompleted,
    /// The account is banned.
    Banned,
    /// The client version is not accepted.
    Outdated,
    /// The agent is stopping.
    Stopping,
}

impl PairFailure {
    /// The name for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadline => "DEADLINE",
            Self::Unreachable => "WHATSAPP_UNREACHABLE",
            Self::Refused => "REFUSED_BY_WHATSAPP",
            Self::PasskeyUnanswered => "PASSKEY_REQUIRED",
            Self::PasskeyRefused | Self::PasskeyDeclined => "PASSKEY_REFUSED",
            Self::PasskeyInterrupted => "PASSKEY_INTERRUPTED",
            Self::Verification => "VERIFICATION_FAILED",
            Self::NotConnected => "LINKED_NOT_CONNECTED",
            Self::NotCompleted => "NOT_COMPLETED",
            Self::Banned => "BANNED",
            Self::Outdated => "OUTDATED",
            Self::Stopping => "AGENT_STOPPING",
        }
    }

    /// The next step for a person, without the reason.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Deadline => {
                "have the phone ready, then pair again; if the phone said that it could not link the device, try another \
                 name: --device-name (docs/linking.md)"
            }
            Self::Unreachable => "check the agent's network and DNS, then pair again",
            Self::Refused => {
                "wait a few minutes, then pair again; if it happens again, try another name: --device-name (docs/linking.md)"
            }
            Self::PasskeyUnanswered => {
                "pair again, and answer the passkey within ten minutes of scanning the new code"
            }
            Self::PasskeyRefused => {
                "WhatsApp does not accept the answer: pair again, scan the new code, and use the passkey of this account"
            }
            Self::PasskeyDeclined => {
                "the phone ended it: pair again, scan the new code, and accept it on the phone; if it happens again, add \
                 --compare-code"
            }
            Self::PasskeyInterrupted => {
                "pair again and scan the new code: an assertion is valid for one connection only"
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

/// A QR code: its text, and its modules, so that a client needs no QR library.
#[derive(Clone, PartialEq, Eq)]
pub struct Qr {
    /// The encoded text.
    pub payload: String,
    /// Modules per side.
    pub size: u16,
    /// Row by row, one bit each, most significant first; 1 is dark.
    pub modules: Vec<u8, MAX_BITMAP_BYTES>,
    /// When it expires.
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

/// The payload is too long for a QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pairing code's text is too long for a QR code")]
pub struct QrError;

impl Qr {
    /// Encodes a payload at the lowest error correction, so that the code fits on a terminal; a screen needs no more.
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
    fn the_bitmap_contains_every_module() {
        let qr = Qr::draw(
            "2@ref,noise,identity,adv,1".into(),
            SystemTime::UNIX_EPOCH,
            1,
        )
        .unwrap();
        let side = usize::from(qr.size);
        assert_eq!(qr.modules.len(), (side * side).div_ceil(8));
        // The top-left finder pattern: seven dark modules, then a light one.
        assert_eq!(qr.modules[0], 0b1111_1110);
    }

    #[test]
    fn debug_shows_no_credential() {
        let qr = Qr::draw("secret".into(), SystemTime::UNIX_EPOCH, 1).unwrap();
        let shown = format!(
            "{:?} {:?}",
            Frame::Qr(Box::new(qr)),
            Frame::PasskeyRequest {
                options: Secret("secret".into()),
                expires_at: SystemTime::UNIX_EPOCH,
            }
        );
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_payload_that_is_too_long_is_refused() {
        assert_eq!(
            Qr::draw("x".repeat(8000), SystemTime::UNIX_EPOCH, 1),
            Err(QrError)
        );
    }
}
