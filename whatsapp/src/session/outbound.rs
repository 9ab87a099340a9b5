//! Outgoing messages: resolves recipients, encrypts, and writes to WhatsApp.

use std::time::{Duration, SystemTime};

use openclaw_state::allow::Book;
use openclaw_state::outbox::AttemptError;
use openclaw_state::people::People as _;
use openclaw_state::uploads::{Hosted, Upload};
use openclaw_types::{ChatId, MessageId, Nack, Outgoing, Phone, Recipient};
use whatsapp_rust::wacore::msg_secret::EDIT_PROCESSING_WINDOW_SECS;
use whatsapp_rust::wacore::request::RequestUtils;
use whatsapp_rust::wacore::time;
use whatsapp_rust::wacore::types::message::AddressingMode;
use whatsapp_rust::{Freshness, Jid, SendError, SendOptions};

use super::compose::{self, Chat, Parts};
use super::polls::{self, PollKey};
use super::{QueryError, Session};

/// How long after a message was sent its recipients' clients accept an edit of it.
pub const EDIT_WINDOW: Duration = Duration::from_secs(EDIT_PROCESSING_WINDOW_SECS.unsigned_abs());

/// A new id for a message of this account, in the form of WhatsApp's own clients.
#[must_use]
pub fn new_message_id(account: &Phone, now: SystemTime) -> MessageId {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let jid = Jid::pn(account.digits());
    MessageId::new(&RequestUtils::message_id_at(Some(&jid), since.as_secs()))
}

impl Session {
    /// Queries WhatsApp whether the recipient exists, and its encryption keys. Without this, the library sends to
    /// numbers that do not exist, and to the account's own devices only, and reports success.
    pub async fn check(&self, to: &Recipient) -> Result<(), AttemptError> {
        match to {
            Recipient::Phone(phone) => self.check_number(phone).await?,
            Recipient::Lid(_) => {}
            Recipient::Group(_) => return Ok(()),
        }
        self.tokens.ready(&self.client, &self.store).await;
        let reachable = self.has_session(&jid(&self.store.spelled(to))).await;
        match reachable {
            Ok(true) => Ok(()),
            _ if !self.client.is_logged_in() => Err(AttemptError::NotConnected),
            Ok(false) | Err(_) => Err(AttemptError::NotEncrypted),
        }
    }

    /// Whether there is a privacy token of this recipient: WhatsApp accepts messages to them also from a restricted
    /// account. Groups need none.
    pub async fn has_token(&self, to: &Recipient) -> bool {
        let lid = match to {
            Recipient::Group(_) => return true,
            Recipient::Lid(lid) => Some(lid.clone()),
            Recipient::Phone(phone) => Book::lid_of(&self.store, phone),
        };
        let Some(lid) = lid else { return false };
        let token = self.store.backend().get_tc_token(lid.user()).await;
        matches!(token, Ok(Some(token)) if !token.token.is_empty())
    }

    /// Whether there is a session with any device of a person, after an attempt to create one.
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

    async fn check_number(&self, phone: &Phone) -> Result<(), AttemptError> {
        if self.recipients.knows(phone) {
            return Ok(());
        }
        let named = self.name(phone).await.map_err(|error| match error {
            QueryError::ConnectionLost => AttemptError::NotConnected,
            QueryError::Refused(code) => AttemptError::NotChecked(code),
        })?;
        if !named.registered {
            return Err(AttemptError::NotOnWhatsApp);
        }
        self.recipients.learn(phone.clone());
        Ok(())
    }

    /// Queries a group's members and devices again, for the next message. If WhatsApp does not answer, the error shows
    /// when that message is sent.
    pub async fn refresh_group(&self, to: &Recipient) {
        if let Recipient::Group(name) = to {
            let (groups, group) = (self.client.groups(), jid(to));
            let asked = groups.query_info_with_freshness(&group, Freshness::Refresh);
            if let Err(error) = asked.await {
                // The JID of an old group begins with its creator's number.
                let group = name.rsplit('-').next();
                tracing::warn!(group, %error, "group lookup failed");
            }
        }
    }

    /// Encrypts a message and writes it to the socket; WhatsApp has not acked it yet. In a chat with disappearing
    /// messages, a new message and an edited text have the chat's timer. `file` is the one that it brings, which is at
    /// WhatsApp already.
    pub async fn send(
        &self,
        to: &Recipient,
        id: &MessageId,
        outgoing: &Outgoing,
        file: Option<(&Upload, &Hosted)>,
    ) -> Result<(), AttemptError> {
        let to = &self.store.spelled(to);
        let chat = self.chat(to, outgoing).await?;
        let poll = self.poll_key(to, &chat, id, outgoing).await;
        let poll = poll.as_ref();
        let now = time::now_millis();
        let Some(message) = compose::message(outgoing, &chat, Parts { poll, file }, now) else {
            tracing::error!(
                id = id.as_str(),
                hint = "cancel it, and send it again with another token",
                "message cannot be composed: a person's address or a poll's key is missing"
            );
            return Err(AttemptError::NotEncrypted);
        };
        let options = SendOptions::default().with_message_id(id.as_str());
        let options = if self.recipients.take_stale(to) {
            options
                .with_group_metadata_freshness(Freshness::Refresh)
                .with_device_freshness(Freshness::Refresh)
        } else {
            options
        };
        let sent = self
            .client
            .send_message_with_options(chat.jid, message, options)
            .await;
        sent.map(drop).map_err(|error| match error {
            SendError::Client(_) | SendError::NotLoggedIn => AttemptError::ConnectionLost,
            SendError::Iq(error) => match QueryError::from(error) {
                QueryError::ConnectionLost => AttemptError::ConnectionLost,
                // An error of the server, or a rate limit: it may succeed shortly after.
                QueryError::Refused(408 | 429 | 500..) => AttemptError::NotEncrypted,
                QueryError::Refused(code) => AttemptError::Refused(Nack(code)),
            },
            _ if !self.client.is_logged_in() => AttemptError::ConnectionLost,
            _ => AttemptError::NotEncrypted,
        })
    }

    /// The chat of an outgoing message, with all that composing the message requires.
    async fn chat(&self, to: &Recipient, outgoing: &Outgoing) -> Result<Chat, AttemptError> {
        let jid = jid(to);
        let makes_poll = outgoing.new_poll().is_some();
        let by_lid = match to {
            Recipient::Phone(_) => false,
            Recipient::Lid(_) => true,
            Recipient::Group(_) if makes_poll || names_people(outgoing) => {
                let group = self.client.groups().query_info(&jid).await;
                let group = group.map_err(|_| match self.client.is_logged_in() {
                    true => AttemptError::NotEncrypted,
                    false => AttemptError::NotConnected,
                })?;
                group.addressing_mode == AddressingMode::Lid
            }
            Recipient::Group(_) => true,
        };
        let own = self.client.pn().ok_or(AttemptError::NotConnected)?;
        Ok(Chat {
            jid,
            by_lid,
            own_number: own.to_non_ad(),
            own_lid: self.client.lid().map(|lid| lid.to_non_ad()),
            timer: self.store.timer(&ChatId::from(to)),
        })
    }

    /// The key of the poll that a message creates or votes in. The key of a new poll is durable before the poll is
    /// sent.
    async fn poll_key(
        &self,
        to: &Recipient,
        chat: &Chat,
        id: &MessageId,
        outgoing: &Outgoing,
    ) -> Option<PollKey> {
        if outgoing.new_poll().is_some() {
            // In a one-to-one chat, the library stores the secrets of this account's messages under its number.
            let own = match to {
                Recipient::Group(_) => chat.own(),
                _ => &chat.own_number,
            };
            let key = polls::create(&self.store, &chat.jid, own, id);
            self.store.vault().flush().await;
            return key;
        }
        let Outgoing::Vote { target, .. } = outgoing else {
            return None;
        };
        let author = if target.ours {
            self.store.account()?
        } else {
            target.author.clone()
        };
        polls::find(&self.store, &ChatId::from(to), &author, &target.id)
    }
}

/// Whether the encoded message contains addresses of people.
fn names_people(outgoing: &Outgoing) -> bool {
    let mentions = match outgoing {
        Outgoing::Message(message) => &message.mentions[..],
        Outgoing::Edit { mentions, .. } => mentions,
        _ => &[],
    };
    outgoing.subject().is_some() || !mentions.is_empty()
}

pub(super) fn jid(to: &Recipient) -> Jid {
    match to {
        Recipient::Phone(phone) => Jid::pn(phone.digits()),
        Recipient::Lid(lid) => Jid::lid(lid.user()),
        Recipient::Group(id) => Jid::group(id.as_str()),
    }
}
