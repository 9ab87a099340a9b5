//! What the contact says, described: any kind of content, and what a person sees of the answers.

use waproto::whatsapp as wa;

use super::Peer;
use crate::phones::shown::{self, Shown};
use crate::phones::unasked::{self, Unopenable};
use crate::phones::{media, poll};
use crate::state::error::Error;
use crate::sync::lock;
use crate::wire::address::By;
use crate::wire::content::{Content, Kind};

impl Peer {
    /// The message of a description, as this contact would send it. A vote is encrypted for its poll; a file is put on the
    /// media host.
    ///
    /// # Errors
    /// There is no such message, or no such poll; the media host is full.
    pub fn compose(&self, content: &Content, by: By) -> Result<wa::Message, Error> {
        match content.kind() {
            Kind::Vote(vote) => {
                let mut state = lock(&self.shared.state);
                poll::vote(state.user(&self.number), &self.number, vote, by)
            }
            _ => {
                let mut content = content.clone();
                media::host(&self.shared, &mut content)?;
                Ok(content.message()?)
            }
        }
    }

    /// What a person sees of what the contact has got: edits and deletions done, reactions and votes where they belong.
    pub fn sees(&self) -> Vec<Shown> {
        shown::shown(lock(&self.shared.state).user(&self.number), &self.number)
    }

    /// Sends the account a message of which companions get nothing that they could open. Returns its id.
    ///
    /// # Errors
    /// A malformed number.
    pub fn send_unopenable(&self, to: &str, form: Unopenable, by: By) -> Result<String, Error> {
        self.send_to_phone_only(to, form, by, None)
    }

    /// [`Peer::send_unopenable`], of a message that the account's phone can open: companions may ask the phone for it.
    ///
    /// # Errors
    /// A malformed number.
    pub fn send_to_phone_only(
        &self,
        to: &str,
        form: Unopenable,
        by: By,
        message: Option<&wa::Message>,
    ) -> Result<String, Error> {
        let to = to.parse()?;
        let from = self.sender();
        Ok(unasked::unopenable(
            &self.shared,
            &from,
            &to,
            form,
            self.by(by),
            message,
        ))
    }
}
