//! The phone of an account: links and unlinks companions, and sends messages of its own.

use std::sync::Arc;
use std::time::Duration;

use crate::number::Number;
use crate::phones::{app_state, media, send, unasked};
use crate::rules::channels;
use crate::rules::groups::Draft;
use crate::rules::pairing::code;
use crate::rules::{devices, groups, pairing};
use crate::signal::adv::QrPayload;
use crate::sim::peer::Peer;
use crate::state::answers::{History, Resend, Reupload};
use crate::state::companion::About;
use crate::state::error::Error;
use crate::state::inbox::Received;
use crate::state::pairing::Linked;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::address::By;
use crate::wire::content::text_message;

/// A handle on a phone. Cheap to clone.
#[derive(Clone)]
pub struct Phone {
    shared: Arc<Shared>,
    number: Number,
}

/// A linked device, as in the phone's list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LinkedDevice {
    /// Its device number within the account.
    pub device: u16,
    /// Its phone number JID.
    pub jid: String,
    /// Its own description of itself.
    #[serde(flatten)]
    pub about: About,
    /// True if it has a socket.
    pub online: bool,
    /// True if it has requested its stanzas on that socket.
    pub active: bool,
    /// The last presence that it sent on that socket: `available` or `unavailable`.
    pub presence: Option<String>,
    /// The number of uploaded one-time prekeys that are left.
    pub prekeys: usize,
}

impl Phone {
    pub(crate) fn new(shared: Arc<Shared>, number: Number) -> Self {
        lock(&shared.state).user(&number);
        Self { shared, number }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The account's number.
    pub fn number(&self) -> &Number {
        &self.number
    }

    /// Posts text in a channel that the account follows, given by its number. Returns the post's id.
    pub fn post_in_channel(&self, channel: &str, text: &str) -> String {
        channels::post_from_outside(&self.shared, &self.number, channel, text)
    }

    /// A bot answers the phone, in an encryption that companions cannot decrypt. Returns the answer's id.
    pub fn answer_by_bot(&self) -> String {
        unasked::answer_by_bot(&self.shared, &self.number)
    }

    /// Scans a QR code, with or without the link prefix. Returns once the companion's signature is verified.
    ///
    /// # Errors
    /// A malformed or expired code, or a companion that does not answer as it must.
    pub async fn scan(&self, qr: &str) -> Result<Linked, Error> {
        let payload: QrPayload = qr.parse()?;
        pairing::scan(&self.shared, &self.number, &payload).await
    }

    /// Enters the code that a companion shows. Returns once the companion's signature is verified.
    ///
    /// # Errors
    /// No companion shows a code for this number, or another one; a companion that does not answer as it must.
    pub async fn enter_code(&self, code: &str) -> Result<Linked, Error> {
        code::enter(&self.shared, &self.number, code.parse()?).await
    }

    /// Unlinks one companion, or all.
    ///
    /// # Errors
    /// There is none.
    pub async fn unlink(&self, device: Option<u16>) -> Result<(), Error> {
        match devices::remove(&self.shared, &self.number, device) {
            0 => Err(Error::NotLinked),
            _ => Ok(()),
        }
    }

    /// Sets the push name of the phone's messages. A companion learns it at linking and on every change.
    pub fn set_name(&self, name: &str) {
        app_state::rename(&self.shared, &self.number, name);
    }

    /// Saves a contact in the phone's address book under this name, or renames one: companions get it as app state.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn save_contact(&self, contact: &str, name: &str) -> Result<(), Error> {
        let contact = contact.parse()?;
        app_state::save_contact(&self.shared, &self.number, &contact, name);
        Ok(())
    }

    /// Sends text from the phone; its companions get a copy. Returns the message id.
    ///
    /// # Errors
    /// A malformed or unknown number.
    pub async fn send_text(&self, to: &str, text: &str) -> Result<String, Error> {
        let message = text_message(text);
        send::direct(
            &self.shared,
            &(self.number.clone(), 0),
            &to.parse()?,
            &message,
            By::Lid,
            None,
        )
    }

    /// Sends any message from the phone; its companions get a copy. Returns the message id.
    ///
    /// # Errors
    /// A malformed or unknown number.
    pub async fn send(
        &self,
        to: &str,
        message: waproto::whatsapp::Message,
    ) -> Result<String, Error> {
        self.as_peer().send(to, message, By::Lid, None).await
    }

    /// Removes the file of a message, received or sent, from the media host: requests get this HTTP status until the
    /// phone has uploaded the file again.
    ///
    /// # Errors
    /// There is no such message, or it has no file there.
    pub fn remove_media(&self, id: &str, status: u16) -> Result<(), Error> {
        let mut state = lock(&self.shared.state);
        let message = state.user(&self.number).message(id);
        let message = message.ok_or_else(|| Error::NoMessage(id.to_owned()))?;
        let pointer = media::pointer(message);
        let removed = pointer.is_some_and(|(_, path)| state.media.remove(&path, status));
        match removed {
            true => Ok(()),
            false => Err(Error::NoFile(id.to_owned())),
        }
    }

    /// Sets how the phone responds when a companion asks it to upload a file again.
    pub fn answer_reuploads(&self, answer: Reupload) {
        lock(&self.shared.state).user(&self.number).answers.reupload = answer;
    }

    /// Sets how the phone answers requests of its companions for older messages of a chat.
    pub fn answer_history(&self, answer: History) {
        lock(&self.shared.state).user(&self.number).answers.history = answer;
    }

    /// Sets how the phone answers requests of its companions for a message that they could not decrypt.
    pub fn answer_resends(&self, answer: Resend) {
        lock(&self.shared.state).user(&self.number).answers.resend = answer;
    }

    /// Creates a group of the account and others. Returns its JID.
    ///
    /// # Errors
    /// A malformed number.
    pub async fn create_group(&self, subject: &str, members: &[&str]) -> Result<String, Error> {
        let members: Result<Vec<Number>, _> = members.iter().map(|member| member.parse()).collect();
        let id = groups::make(&self.shared, &self.number, Draft::new(subject, &members?));
        Ok(wacore_binary::Jid::group(id).to_string())
    }

    /// The linked companions.
    pub fn companions(&self) -> Vec<LinkedDevice> {
        let mut state = lock(&self.shared.state);
        let companions = &state.user(&self.number).companions;
        let list = companions.iter().map(|(device, companion)| LinkedDevice {
            device: *device,
            jid: self.number.pn_device(*device).to_string(),
            about: companion.about.clone(),
            online: companion.link.as_ref().is_some_and(|link| link.is_live()),
            active: companion.active,
            presence: companion.presence.clone(),
            prekeys: companion.keys.one_time.len(),
        });
        list.collect()
    }

    /// The messages that the phone has received, including copies of those its companions sent.
    pub fn inbox(&self) -> Vec<Received> {
        self.as_peer().inbox()
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
        self.as_peer().wait_for(fits, timeout).await
    }

    /// Waits until a companion is logged in and has requested its stanzas.
    ///
    /// # Errors
    /// The time limit was exceeded.
    pub async fn wait_until_active(&self, timeout: Duration) -> Result<(), Error> {
        let active = || {
            self.companions()
                .iter()
                .any(|device| device.active && device.online)
        };
        self.shared.until(timeout, active).await
    }

    /// The same user as a contact of others.
    pub fn as_peer(&self) -> Peer {
        Peer::new(Arc::clone(&self.shared), self.number.clone())
    }
}
