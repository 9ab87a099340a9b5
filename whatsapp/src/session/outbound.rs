//! What is sent: to whom a message may go, and handing it to WhatsApp.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::SystemTime;

use openclaw_types::{ChatId, MessageId, Outgoing, Phone, Recipient};
use whatsapp_rust::request::IqError;
use whatsapp_rust::wacore::request::RequestUtils;
use whatsapp_rust::{Freshness, Jid, SendOptions};

use super::{Session, compose, lock};

/// How many numbers are remembered to be on WhatsApp. Asking again costs one round trip.
const MAX_KNOWN_NUMBERS: usize = 1024;

/// Why a message was not handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody on WhatsApp has this number.
    #[error("the number is not on WhatsApp")]
    NotOnWhatsApp,
    /// The connection was lost; whether the message went out is not known.
    #[error("the connection to WhatsApp was lost")]
    ConnectionLost,
    /// WhatsApp refused, with its code.
    #[error("WhatsApp refused with code {0}")]
    Refused(u16),
    /// The library could not make the message: no session, no key, no group.
    #[error("the message could not be encrypted for its recipient")]
    NotEncrypted,
}

/// Numbers known to be on WhatsApp.
#[derive(Debug, Default)]
pub(super) struct Directory(Mutex<HashSet<Phone>>);

impl Directory {
    fn knows(&self, phone: &Phone) -> bool {
        lock(&self.0).contains(phone)
    }

    fn learn(&self, phone: Phone) {
        let mut known = lock(&self.0);
        if known.len() >= MAX_KNOWN_NUMBERS {
            known.clear();
        }
        known.insert(phone);
    }
}

/// A new id for a message of this account, as WhatsApp's own clients make them.
#[must_use]
pub fn new_message_id(account: &Phone, now: SystemTime) -> MessageId {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let jid = Jid::pn(account.digits());
    MessageId::new(&RequestUtils::message_id_at(Some(&jid), since.as_secs()))
}

impl Session {
    /// Asks WhatsApp whether the recipient exists and what messages for it are encrypted with: the library sends to
    /// numbers that do not exist, and to our own devices alone, and says that all is well.
    pub async fn check(&self, to: &Recipient) -> Result<(), Error> {
        match to {
            Recipient::Phone(phone) => self.check_number(to, phone).await?,
            Recipient::Lid(_) => {}
            Recipient::Group(_) => return Ok(()),
        }
        let reachable = self.has_session(&jid(to)).await;
        match reachable {
            Ok(true) => Ok(()),
            _ if !self.client.is_logged_in() => Err(Error::ConnectionLost),
            Ok(false) | Err(_) => Err(Error::NotEncrypted),
        }
    }

    /// Whether there is a session with any device of somebody, after an attempt to make one.
    async fn has_session(&self, with: &Jid) -> Result<bool, whatsapp_rust::SignalError> {
        let signal = self.client.signal();
        if signal.validate_session(with).await? {
            return Ok(true);
        }
        let devices = signal.get_user_devices(std::slice::from_ref(with)).await?;
        signal.assert_sessions(&devices).await?;
        for device in &devices {
            if signal.validate_session(device).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn check_number(&self, to: &Recipient, phone: &Phone) -> Result<(), Error> {
        if self.directory.knows(phone) {
            return Ok(());
        }
        let found = self.client.contacts().is_on_whatsapp(&[jid(to)]).await;
        let found = found.map_err(|error| match error {
            whatsapp_rust::ContactError::Iq(error) => iq(&error),
            _ => Error::NotOnWhatsApp,
        })?;
        if !found.iter().any(|result| result.is_registered) {
            return Err(Error::NotOnWhatsApp);
        }
        self.directory.learn(phone.clone());
        Ok(())
    }

    /// Asks WhatsApp again for what is known of a group. What it answers is used by the next message; without an answer
    /// that one shows what is wrong.
    pub async fn refresh_group(&self, to: &Recipient) {
        if matches!(to, Recipient::Group(_)) {
            let (groups, group) = (self.client.groups(), jid(to));
            let asked = groups.query_info_with_freshness(&group, Freshness::Refresh);
            if asked.await.is_err() {
                tracing::warn!("WhatsApp did not answer for a group");
            }
        }
    }

    /// Encrypts what is to be sent and writes it to the socket. That is not yet an ack. In a chat whose messages disappear
    /// it does as well.
    pub async fn send(
        &self,
        to: &Recipient,
        id: &MessageId,
        outgoing: &Outgoing,
    ) -> Result<(), Error> {
        let options = SendOptions::default().with_message_id(id.as_str());
        let timer = self.store.timer(&ChatId::from(to));
        let message = compose::message(outgoing, timer.is_some());
        let options = match timer {
            Some(seconds) => options.with_ephemeral_expiration(seconds),
            None => options,
        };
        let options = if self.stale.take(to) {
            options
                .with_group_metadata_freshness(Freshness::Refresh)
                .with_device_freshness(Freshness::Refresh)
        } else {
            options
        };
        let sent = self
            .client
            .send_message_with_options(jid(to), message, options)
            .await;
        sent.map(drop).map_err(|error| match error {
            whatsapp_rust::SendError::Client(_) | whatsapp_rust::SendError::NotLoggedIn => {
                Error::ConnectionLost
            }
            whatsapp_rust::SendError::Iq(error) => iq(&error),
            _ if !self.client.is_logged_in() => Error::ConnectionLost,
            _ => Error::NotEncrypted,
        })
    }
}

pub(super) fn iq(error: &IqError) -> Error {
    match error {
        IqError::ServerError { code, .. } => Error::Refused(*code),
        _ => Error::ConnectionLost,
    }
}

fn jid(to: &Recipient) -> Jid {
    match to {
        Recipient::Phone(phone) => Jid::pn(phone.digits()),
        Recipient::Lid(lid) => Jid::lid(lid.user()),
        Recipient::Group(id) => Jid::group(id.as_str()),
    }
}
