//! Messages of the contact with any kind of content, and the contact's inbox.

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
    /// The message of a description, as this contact would send it. A vote is encrypted for its poll; a file is
    /// uploaded to the media host.
    ///
    /// # Errors
    /// The message or the poll that it refers to does not exist; the media host is full.
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

    /// The contact's inbox as a person sees it: edits and deletions applied, reactions and votes attached to their
    /// message.
    pub fn sees(&self) -> Vec<Shown> {
        shown::shown(lock(&self.shared.state).user(&self.number), &self.number)
    }

    /// Sends the account a message that companions cannot decrypt. Returns its id.
    ///
    /// # Errors
    /// A malformed number.
    pub fn send_unopenable(&self, to: &str, form: Unopenable, by: By) -> Result<String, Error> {
        self.send_to_phone_only(to, form, by, None)
    }

    /// [`Peer::send_unopenable`], with the message that the account's phone received: companions may request it from
    /// the phone.
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
