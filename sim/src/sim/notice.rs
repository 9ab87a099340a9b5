//! What the server says by itself, as tests hold it.

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

    /// Asks sockets that are not linked yet to make their registration anew: the secret in their QR code changes. Returns how
    /// many there are.
    pub fn refresh_registrations(&self) -> usize {
        pairing::refresh_registrations(self.shared())
    }
}
