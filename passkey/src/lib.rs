//! A WebAuthn client that is no browser, for WhatsApp's passkeys only: the parts of the program `openclaw-passkey`.
//!
//! The client data names WhatsApp Web as the origin, as a browser on that site writes it. Nothing is logged: the request
//! and the assertion are credentials while the ceremony lasts.

pub mod ceremony;
pub mod key;
pub mod phone;
pub mod request;
pub mod terminal;

/// Why there is no assertion.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reason is left out, because it may quote the request.
    #[error("stdin does not have the request options of a passkey")]
    Request,
    /// The request is for passkeys of another site.
    #[error("the request is not for a passkey of whatsapp.com")]
    OtherSite,
    /// Neither way is possible here.
    #[error("neither a phone (by Bluetooth) nor a security key can be asked here")]
    NoWay,
    /// The phone's side failed.
    #[error("the phone did not use its passkey: {0}")]
    Phone(String),
    /// The last key that was attached failed.
    #[error("the security key did not use its passkey: {0}")]
    Key(String),
    /// No one answered in time.
    #[error("no passkey was used within ten minutes")]
    Timeout,
    /// Ctrl-C.
    #[error("stopped")]
    Stopped,
}

impl Error {
    /// 2 for a request that no authenticator can answer, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Request | Self::OtherSite => 2,
            _ => 1,
        }
    }
}
