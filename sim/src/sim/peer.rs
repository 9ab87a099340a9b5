//! A contact: a person with whom the account exchanges messages, with Signal state of their own.

mod content;
mod devices;

use std::sync::Arc;
use std::time::Duration;

use wacore_binary::{Jid, JidExt as _};
use waproto::whatsapp as wa;

use crate::delivery::deliver;
use crate::number::{DeviceId, Number};
use crate::phones::receipts;
pub use crate::phones::send::Broadcast;
pub use crate::phones::unasked::Unopenable;
use crate::phones::{group, send, tokens};
use crate::state::error::Error;
use crate::state::inbox::{Receipt, Received};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::address::By;
use crate::wire::content::text_message;

/// A handle on a contact. Cheap to clone.
#[derive(Clone)]
pub struct Peer {
    shared: Arc<Shared>,
    number: Number,
    /// The device that sends.
    device: u16,
}

impl Peer {
    pub(crate) fn new(shared: Arc<Shared>, number: Number) -> Self {
        lock(&shared.state).user(&number);
        Self {
            shared,
            number,
            device: 0,
        }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The contact's number.
    pub fn number(&self) -> &Number {
        &self.number
    }

    /// The address under which the contact writes: always the LID if its number is hidden.
    pub(super) fn by(&self, by: By) -> By {
        match lock(&self.shared.state).is_hidden(&self.number) {
            true => By::LidAlone,
            false => by,
        }
    }

    /// The same contact under another number.
    pub(super) fn renumbered(&self, number: Number) -> Self {
        Self {
            number,
            ..self.clone()
        }
    }

    pub(super) fn sender(&self) -> DeviceId {
        (self.number.clone(), self.device)
    }

    /// Sends text to an account. Returns the message's id.
    ///
    /// # Errors
    /// A malformed or unknown number.
    pub async fn send_text(&self, to: &str, text: &str, by: By) -> Result<String, Error> {
        self.send(to, text_message(text), by, None).await
    }

    /// Sends any message to an account, with an id chosen by the caller.
    ///
    /// # Errors
    /// A malformed or unknown number.
    pub async fn send(
        &self,
        to: &str,
        message: wa::Message,
        by: By,
        id: Option<String>,
    ) -> Result<String, Error> {
        let to = to.parse()?;
        tokens::issue_once(&self.shared, &self.number, &to);
        send::direct(&self.shared, &self.sender(), &to, &message, self.by(by), id)
    }

    /// Sends any message to an account as one of many recipients: a status, or a message to a broadcast list, with an
    /// id chosen by the caller. Returns its id.
    ///
    /// # Errors
    /// A malformed or unknown number.
    pub async fn broadcast(
        &self,
        to: &str,
        list: Broadcast<'_>,
        message: wa::Message,
        by: By,
        id: Option<String>,
    ) -> Result<String, Error> {
        send::broadcast(
            &self.shared,
            &self.sender(),
            &to.parse()?,
            list,
            &message,
            self.by(by),
            id,
        )
    }

    /// Sends text to a group (given by its JID) of which the contact is a member. Returns the message's id.
    ///
    /// # Errors
    /// No such group.
    pub async fn send_to_group(&self, group: &str, text: &str) -> Result<String, Error> {
        self.send_group_message(group, text_message(text), None)
            .await
    }

    /// [`Peer::send_to_group`] with a choice of the sender's address.
    ///
    /// # Errors
    /// No such group.
    pub async fn send_to_group_by(&self, group: &str, text: &str, by: By) -> Result<String, Error> {
        self.to_group(group, &text_message(text), None, by)
    }

    /// Sends any message to a group, with an id chosen by the caller.
    ///
    /// # Errors
    /// No such group.
    pub async fn send_group_message(
        &self,
        group: &str,
        message: wa::Message,
        id: Option<String>,
    ) -> Result<String, Error> {
        self.to_group(group, &message, id, By::Lid)
    }

    pub(crate) fn to_group(
        &self,
        group: &str,
        message: &wa::Message,
        id: Option<String>,
        by: By,
    ) -> Result<String, Error> {
        let no_group = || Error::NoGroup(group.to_owned());
        let jid: Jid = group.parse().map_err(|_| no_group())?;
        if !jid.is_group() {
            return Err(no_group());
        }
        group::send(
            &self.shared,
            &self.sender(),
            &jid.user,
            message,
            self.by(by),
            id,
        )
    }

    /// Sends a receipt for a message that the account's companions sent. `None` as `kind` means delivered.
    ///
    /// # Errors
    /// A malformed number.
    pub async fn send_receipt(
        &self,
        to: &str,
        id: &str,
        kind: Option<&str>,
        by: By,
    ) -> Result<(), Error> {
        let account: Number = to.parse()?;
        let by = self.by(by);
        let chat = if by.is_lid() {
            account.lid()
        } else {
            account.pn()
        };
        let mut state = lock(&self.shared.state);
        for companion in state.companions_of(&account) {
            let item = receipts::forwarded_receipt(&self.sender(), &chat, id, kind);
            deliver(&mut state, &companion, item);
        }
        Ok(())
    }

    /// Whether the contact sends delivery receipts automatically (the default).
    pub fn answer_with_receipts(&self, answer: bool) {
        lock(&self.shared.state).user(&self.number).auto_receipts = answer;
    }

    /// Takes the contact offline or online. While offline it sends no delivery receipts; once online, it sends the
    /// pending ones.
    pub fn set_online(&self, online: bool) {
        receipts::set_online(&self.shared, &self.number, online);
    }

    /// The messages that the contact has received and decrypted, in the order of arrival.
    pub fn inbox(&self) -> Vec<Received> {
        lock(&self.shared.state).user(&self.number).inbox.clone()
    }

    /// The number of messages that the contact has received.
    pub fn inbox_len(&self) -> usize {
        lock(&self.shared.state).user(&self.number).inbox.len()
    }

    /// The receipts that the contact has received.
    pub fn receipts(&self) -> Vec<Receipt> {
        lock(&self.shared.state).user(&self.number).receipts.clone()
    }

    /// Returns the first message in the inbox that matches; waits for it if necessary.
    ///
    /// # Errors
    /// The time limit was exceeded.
    pub async fn wait_for(
        &self,
        fits: impl Fn(&Received) -> bool,
        timeout: Duration,
    ) -> Result<Received, Error> {
        let mut found = None;
        let arrived = || {
            let mut state = lock(&self.shared.state);
            found = state
                .user(&self.number)
                .inbox
                .iter()
                .find(|message| fits(message))
                .cloned();
            found.is_some()
        };
        self.shared.until(timeout, arrived).await?;
        found.ok_or(Error::Timeout)
    }

    /// Waits for a receipt for this message.
    ///
    /// # Errors
    /// The time limit was exceeded.
    pub async fn wait_for_receipt(&self, id: &str, timeout: Duration) -> Result<Receipt, Error> {
        let mut found = None;
        let arrived = || {
            let mut state = lock(&self.shared.state);
            let receipts = &state.user(&self.number).receipts;
            found = receipts.iter().find(|receipt| receipt.id == id).cloned();
            found.is_some()
        };
        self.shared.until(timeout, arrived).await?;
        found.ok_or(Error::Timeout)
    }
}
