//! What is sent: the recipients of a message, and handing it to WhatsApp.

use std::time::SystemTime;

use openclaw_state::outbox::AttemptError;
use openclaw_types::{ChatId, MessageId, Nack, Outgoing, Phone, Recipient};
use whatsapp_rust::wacore::request::RequestUtils;
use whatsapp_rust::{Freshness, Jid, SendError, SendOptions};

use super::{QueryError, Session, compose};

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
    /// numbers that do not exist, and to our own devices alone, and reports success.
    pub async fn check(&self, to: &Recipient) -> Result<(), AttemptError> {
        match to {
            Recipient::Phone(phone) => self.check_number(to, phone).await?,
            Recipient::Lid(_) => {}
            Recipient::Group(_) => return Ok(()),
        }
        self.tokens.ready(&self.client, &self.store).await;
        let reachable = self.has_session(&jid(to)).await;
        match reachable {
            Ok(true) => Ok(()),
            _ if !self.client.is_logged_in() => Err(AttemptError::NotConnected),
            Ok(false) | Err(_) => Err(AttemptError::NotEncrypted),
        }
    }

    /// Whether there is a session with any device of someone, after an attempt to make one.
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

    async fn check_number(&self, to: &Recipient, phone: &Phone) -> Result<(), AttemptError> {
        if self.recipients.knows(phone) {
            return Ok(());
        }
        let found = self.ask(&[jid(to)]).await.map_err(|error| match error {
            QueryError::ConnectionLost => AttemptError::NotConnected,
            QueryError::Refused(code) => AttemptError::NotChecked(code),
        })?;
        if !found.iter().any(|(_, named)| named.registered) {
            return Err(AttemptError::NotOnWhatsApp);
        }
        self.recipients.learn(phone.clone());
        Ok(())
    }

    /// Asks WhatsApp again for what is known of a group. What it answers is used by the next message; without an answer
    /// that one shows what is wrong.
    pub async fn refresh_group(&self, to: &Recipient) {
        if let Recipient::Group(name) = to {
            let (groups, group) = (self.client.groups(), jid(to));
            let asked = groups.query_info_with_freshness(&group, Freshness::Refresh);
            if let Err(error) = asked.await {
                // The name of an old group begins with its creator's number.
                let group = name.rsplit('-').next();
                tracing::warn!(group, %error, "group lookup failed");
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
    ) -> Result<(), AttemptError> {
        let options = SendOptions::default().with_message_id(id.as_str());
        let timer = self.store.timer(&ChatId::from(to));
        let message = compose::message(outgoing, timer.is_some());
        let options = match timer {
            Some(seconds) => options.with_ephemeral_expiration(seconds),
            None => options,
        };
        let options = if self.recipients.take_stale(to) {
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
            SendError::Client(_) | SendError::NotLoggedIn => AttemptError::ConnectionLost,
            SendError::Iq(error) => match QueryError::from(error) {
                QueryError::ConnectionLost => AttemptError::ConnectionLost,
                // The server's own trouble, or too much at once: it may be better in a moment.
                QueryError::Refused(408 | 429 | 500..) => AttemptError::NotEncrypted,
                QueryError::Refused(code) => AttemptError::Refused(Nack(code)),
            },
            _ if !self.client.is_logged_in() => AttemptError::ConnectionLost,
            _ => AttemptError::NotEncrypted,
        })
    }
}

fn jid(to: &Recipient) -> Jid {
    match to {
        Recipient::Phone(phone) => Jid::pn(phone.digits()),
        Recipient::Lid(lid) => Jid::lid(lid.user()),
        Recipient::Group(id) => Jid::group(id.as_str()),
    }
}
