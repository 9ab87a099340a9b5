//! Stanzas that the server sends unprompted, for tests.

use crate::phones::notices;
pub use crate::phones::notices::{NoticeAbout, NoticeKind};
use crate::rules::pairing;
use crate::sim::Sim;
use crate::state::error::Error;

impl Sim {
    /// Sends a notice of this kind to all companions of an account. Returns the stanza's id.
    ///
    /// # Errors
    /// The number is malformed, or there is no such kind.
    pub fn notify(&self, account: &str, kind: &str, about: &NoticeAbout) -> Result<String, Error> {
        notices::send(self.shared(), &account.parse()?, kind, about)
    }

    /// The kinds of notices.
    pub fn notice_kinds(&self) -> Vec<NoticeKind> {
        notices::kinds()
    }

    /// Requests a new registration from sockets that are not linked yet: the secret in their QR code changes. Returns
    /// the number of sockets.
    pub fn refresh_registrations(&self) -> usize {
        pairing::refresh_registrations(self.shared())
    }
}
