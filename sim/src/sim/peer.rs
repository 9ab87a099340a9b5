//! A contact: a person with whom the account exchanges messages, with Signal state of its own.

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
    /// Which of its devices sends.
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

    /// By which address the contact writes: by LID alone, if its number is hidden.
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

    /// Sends any message to an account, under an id of the caller's choice.
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

    /// Sends any message to an account as one of many: a status, or a broadcast list's message, under an id of the caller's
    /// choice. Returns its id.
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

    /// Sends text to a group (by its JID) that the contact is a member of. Returns the message's id.
    ///
    /// # Errors
    /// No such group.
    pub async fn send_to_group(&self, group: &str, text: &str) -> Result<String, Error> {
        self.send_group_message(group, text_message(text), None)
            .await
    }

    /// [`Peer::send_to_group`], addressed in another way.
    ///
    /// # Errors
    /// No such group.
    pub async fn send_to_group_by(&self, group: &str, text: &str, by: By) -> Result<String, Error> {
        self.to_group(group, &text_message(text), None, by)
    }

    /// Sends any message to a group, under an id of the caller's choice.
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

    /// Sends a receipt for a message that the account's companions sent. `kind` `None` means delivered.
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

    /// What the contact has got, opened, in the order in which it came.
    pub fn inbox(&self) -> Vec<Received> {
        lock(&self.shared.state).user(&self.number).inbox.clone()
    }

    /// How many messages the contact has got.
    pub fn inbox_len(&self) -> usize {
        lock(&self.shared.state).user(&self.number).inbox.len()
    }

    /// The receipts that the contact has got.
    pub fn receipts(&self) -> Vec<Receipt> {
        lock(&self.shared.state).user(&self.number).receipts.clone()
    }

    /// The first message in the inbox that fits; waits for it if need be.
    ///
    /// # Errors
    /// None came in time.
    pub async fn wait_for(
        &self,
        fits: impl Fn(&Received) -> bool,
        patience: Duration,
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
        self.shared.until(patience, arrived).await?;
        found.ok_or(Error::Timeout)
    }

    /// Waits until a receipt for this message has come.
    ///
    /// # Errors
    /// None came in time.
    pub async fn wait_for_receipt(&self, id: &str, patience: Duration) -> Result<Receipt, Error> {
        let mut found = None;
        let arrived = || {
            let mut state = lock(&self.shared.state);
            let receipts = &state.user(&self.number).receipts;
            found = receipts.iter().find(|receipt| receipt.id == id).cloned();
            found.is_some()
        };
        self.shared.until(patience, arrived).await?;
        found.ok_or(Error::Timeout)
    }
}
