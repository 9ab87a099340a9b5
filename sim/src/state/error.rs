//! Errors for the caller of the simulator.

use std::io;
use std::net::SocketAddr;

use crate::number::InvalidNumber;
use crate::signal::{adv, link_code, party, shortcake, webauthn};
use crate::wire::content::NotContent;

/// Errors for the caller of the simulator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket cannot be opened.
    #[error("listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// A number is malformed.
    #[error(transparent)]
    Number(#[from] InvalidNumber),
    /// The QR text, or a companion's signature.
    #[error(transparent)]
    Adv(#[from] adv::Error),
    /// A link code.
    #[error(transparent)]
    LinkCode(#[from] link_code::Error),
    /// An assertion of a passkey.
    #[error(transparent)]
    Passkey(#[from] webauthn::Error),
    /// The companion's messages after an assertion.
    #[error(transparent)]
    Shortcake(#[from] shortcake::Error),
    /// A handoff proof with the secret of another link than this account had.
    #[error("the handoff proof was not made with a secret of this link or an earlier one")]
    HandoffProof,
    /// The typed code is not the one on the phone.
    #[error("the companion shows another code than the phone")]
    PasskeyCode,
    /// The person has declined.
    #[error("the person at the phone has declined")]
    PasskeyRefused,
    /// No ceremony is in the stage that the call needs.
    #[error("no passkey ceremony is at this stage")]
    NoCeremony,
    /// The simulator does not have the private key of the account's passkey.
    #[error("the simulator does not have the private key of this account's passkey")]
    NoAuthenticator,
    /// No socket waits with this ref: it has expired, or was scanned before.
    #[error("no companion waits with this code: it has expired or was used")]
    UnknownRef,
    /// No socket has requested a link code for this account.
    #[error("no companion waits for a code to be typed on this phone")]
    NoCodeRequest,
    /// The ref is valid, but the keys are those of another companion.
    #[error("the code's keys are not those of the socket that has its ref")]
    ForeignQr,
    /// The companion answered without a signature.
    #[error("the companion did not sign its identity")]
    NotSigned,
    /// The companion answered with an error.
    #[error("the companion refused the identity that the phone has signed: {0}")]
    Declined(String),
    /// The companion disconnected.
    #[error("the companion's socket closed")]
    Disconnected,
    /// The time limit was exceeded.
    #[error("timed out")]
    Timeout,
    /// The account has no such companion.
    #[error("no such linked device")]
    NotLinked,
    /// The device has received no such message.
    #[error("no message {0} that a companion sent")]
    NoMessage(String),
    /// No group has this JID.
    #[error("no group {0}")]
    NoGroup(String),
    /// Only members, or only admins, may change the group this way.
    #[error("not allowed in {0}")]
    NotAllowed(String),
    /// There is no notice with this name.
    #[error("no notice of the kind {0:?}")]
    NoNotice(String),
    /// The new number is in use, or clients are linked to the old one.
    #[error("{0} cannot change its number: the new one is in use, or a client is linked to it")]
    NotMovable(String),
    /// The number was marked as not on WhatsApp.
    #[error("{0} is not on WhatsApp")]
    NotOnWhatsApp(String),
    /// The media host has no room for the file.
    #[error("the media host is full")]
    HostFull,
    /// There is no such privacy setting, or no such value.
    #[error("no privacy setting {0}")]
    NoSetting(String),
    /// The file of the message is not on the media host, or it has none.
    #[error("no file on the media host: {0}")]
    NoFile(String),
    /// A description that is not a valid message.
    #[error(transparent)]
    Content(#[from] NotContent),
    /// A message could not be encrypted.
    #[error("encrypt")]
    Encrypt(#[from] party::Error),
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
