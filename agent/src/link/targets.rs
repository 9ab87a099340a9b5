//! Resolves message references from the journal and the outbox, and checks what may be done to the message.

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use openclaw_state::clock;
use openclaw_state::people::People as _;
use openclaw_types::{
    Body, ChatId, Contact, Draft, EventData, Message, MessageId, MessageRef, Origin, Outgoing,
    Poll, Recipient, Referred, SendOutcome, SendState, Seq, Subject,
};
use openclaw_whatsapp::session::{EDIT_WINDOW, has_poll_key, own_message};

use super::Agent;

/// How many bytes of a text a reply quotes.
const MAX_QUOTED_BYTES: usize = 4_096;

/// Why a reference is rejected. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No event has this seq yet.
    #[error("there is no event with this seq")]
    NoEvent,
    /// The event was removed by retention.
    #[error("the event with this seq is no longer kept")]
    EventGone,
    /// The event is not a message.
    #[error("the event with this seq is not a message")]
    NotAMessage,
    /// The message was given to Send, and failed.
    #[error("the message was not sent")]
    NotSent,
    /// The message is a status, or from a channel.
    #[error("no message can be sent to the chat of this message")]
    ChatUnsupported,
    /// The message is not in the chat that the caller named.
    #[error("the message is in another chat")]
    OtherChat,
    /// The agent does not know the message.
    #[error("the agent does not have this message")]
    Unknown,
    /// The message is from another sender.
    #[error("the message is not one of this account")]
    NotOurs,
    /// The message is from the account itself.
    #[error("the message is one of this account")]
    Ours,
    /// The message is not a text.
    #[error("only a text can be edited")]
    NotAText,
    /// WhatsApp's clients ignore edits of a message this old.
    #[error("the message is too old to be edited")]
    EditTooLate,
    /// The message is not a poll.
    #[error("the message is not a poll")]
    NotAPoll,
    /// The agent lacks the key that encrypts votes.
    #[error("the agent does not have the key of this poll")]
    NoPollKey,
    /// An option is not in the poll.
    #[error("the poll does not have this option")]
    NoSuchOption,
    /// More options than the poll allows.
    #[error("this poll takes at most {0} selected options")]
    TooManyOptions(u32),
}

/// A resolved message.
pub(super) struct Found {
    /// The recipient for content that refers to it.
    pub(super) to: Recipient,
    pub(super) id: MessageId,
    /// With all known addresses; meaningless for a message of the account.
    pub(super) author: Contact,
    pub(super) ours: bool,
    /// By the system's clock; `None` if only the message's key is known.
    pub(super) sent_at: Option<SystemTime>,
    /// Its content, if known.
    body: Option<Body>,
}

/// A draft with its references resolved.
pub(super) struct Resolved {
    pub(super) to: Recipient,
    pub(super) what: Outgoing,
    /// It cannot be sent after this time, by the system's clock.
    pub(super) until: Option<SystemTime>,
}

impl Agent {
    /// Resolves the message that a draft refers to.
    pub(super) fn resolve_references(&self, draft: Draft) -> Result<Resolved, TargetError> {
        let Draft { to, what, token: _ } = draft;
        let found = what.subject().map(|subject| self.subject(&subject));
        let found = found.transpose()?;
        let until = match (&what, &found) {
            (Outgoing::Edit { .. }, Some(found)) => found.sent_at.map(|at| at + EDIT_WINDOW),
            _ => None,
        };
        let to = match (to, &found) {
            (Some(to), Some(found)) if !self.is_same(&to, &found.to) => {
                return Err(TargetError::OtherChat);
            }
            // The canonical name of the chat, so that all messages about one message stay in order.
            (_, Some(found)) => found.to.clone(),
            (Some(to), None) => to,
            (None, None) => return Err(TargetError::Unknown),
        };
        let referred = found.map(|found| found.referred(&what));
        let what = what.about(|_| referred.clone().ok_or(TargetError::Unknown))?;
        Ok(Resolved { to, what, until })
    }

    /// A message from another sender: its chat, its author and its id.
    pub(super) fn received_message(
        &self,
        message: &MessageRef,
    ) -> Result<(Recipient, Contact, MessageId), TargetError> {
        let found = self.find(message)?;
        match found.ours {
            true => Err(TargetError::Ours),
            false => Ok((found.to, found.author, found.id)),
        }
    }

    /// The message that the content refers to, if the operation is allowed on it.
    fn subject(&self, subject: &Subject<'_, MessageRef>) -> Result<Found, TargetError> {
        let found = match subject {
            Subject::Quotes(of)
            | Subject::ReactsTo(of)
            | Subject::Edits(of)
            | Subject::Deletes(of)
            | Subject::VotesIn(of, _) => self.find(of)?,
        };
        match subject {
            Subject::Quotes(_) | Subject::ReactsTo(_) => {}
            Subject::Edits(_) => found.can_be_edited(clock::wall())?,
            Subject::Deletes(_) => {
                let in_group = matches!(found.to, Recipient::Group(_));
                if !found.ours && !in_group {
                    return Err(TargetError::NotOurs);
                }
            }
            Subject::VotesIn(_, options) => self.can_be_voted_in(&found, options)?,
        }
        Ok(found)
    }

    fn can_be_voted_in(&self, found: &Found, options: &[String]) -> Result<(), TargetError> {
        let Poll {
            options: of_poll,
            selectable,
            ..
        } = found.poll()?;
        if options.iter().any(|option| !of_poll.contains(option)) {
            return Err(TargetError::NoSuchOption);
        }
        let most = usize::try_from(*selectable).unwrap_or(usize::MAX);
        if most > 0 && options.len() > most {
            return Err(TargetError::TooManyOptions(*selectable));
        }
        let author = if found.ours {
            self.store.account().unwrap_or_default()
        } else {
            found.author.clone()
        };
        let chat = ChatId::from(&found.to);
        if !has_poll_key(&self.store, &chat, &author, &found.id) {
            return Err(TargetError::NoPollKey);
        }
        Ok(())
    }

    pub(super) fn find(&self, of: &MessageRef) -> Result<Found, TargetError> {
        match of {
            MessageRef::Seq(seq) => self.by_seq(*seq),
            MessageRef::Key { chat, id, sender } => self.by_key(chat, id, sender.as_ref()),
        }
    }

    fn by_seq(&self, seq: Seq) -> Result<Found, TargetError> {
        let (head, oldest) = self.journal.range();
        if seq > head {
            return Err(TargetError::NoEvent);
        }
        if seq < oldest {
            return Err(TargetError::EventGone);
        }
        match self.journal.event(seq) {
            Some(event) => self.of_event(event.what),
            None => Err(TargetError::EventGone),
        }
    }

    /// The message of an event, or the message that it edited.
    fn of_event(&self, what: EventData) -> Result<Found, TargetError> {
        match what {
            EventData::Message(message) if message.content.body.target().is_some() => {
                Err(TargetError::NotAMessage)
            }
            EventData::Message(message) => {
                let body = Some(message.content.body);
                self.in_chat(message.origin, None, body)
            }
            EventData::Edit(edit) => {
                let chat = Recipient::of_chat(&edit.origin.chat);
                let chat = chat.ok_or(TargetError::ChatUnsupported)?;
                let author = Some(&edit.author).filter(|_| !edit.origin.from_me);
                self.by_key(&chat, &edit.message, author)
            }
            EventData::Outcome(outcome) => self.of_outcome(&outcome),
            _ => Err(TargetError::NotAMessage),
        }
    }

    fn of_outcome(&self, outcome: &SendOutcome) -> Result<Found, TargetError> {
        let SendOutcome { sent, chat } = outcome;
        if let Some(own) = self.own(&sent.id) {
            return own;
        }
        if sent.state == SendState::Failed {
            return Err(TargetError::NotSent);
        }
        let to = Recipient::of_chat(chat).ok_or(TargetError::ChatUnsupported)?;
        Ok(Found {
            body: own_message(&self.store, chat, &sent.id),
            to,
            id: sent.id.clone(),
            author: Contact::default(),
            ours: true,
            sent_at: sent.server_ack_at,
        })
    }

    /// The message with that id that was given to Send, if the outbox still has it.
    fn own(&self, id: &MessageId) -> Option<Result<Found, TargetError>> {
        let own = self.outbox.own(id)?;
        if own.failed {
            return Some(Err(TargetError::NotSent));
        }
        // For one that is not sent yet, the time limit starts now.
        let accepted_at = || clock::shown(own.accepted_at);
        let sent_at = own.server_ack_at.unwrap_or_else(accepted_at);
        Some(Ok(Found {
            body: own_message(&self.store, &ChatId::from(&own.to), id),
            to: own.to,
            id: id.clone(),
            author: Contact::default(),
            ours: true,
            sent_at: Some(sent_at),
        }))
    }

    fn by_key(
        &self,
        chat: &Recipient,
        id: &MessageId,
        sender: Option<&Contact>,
    ) -> Result<Found, TargetError> {
        let ours = sender.is_none_or(|who| self.is_account(who));
        if ours && let Some(own) = self.own(id) {
            return match own {
                Ok(own) if !self.is_same(&own.to, chat) => Err(TargetError::OtherChat),
                own => own,
            };
        }
        let is_author = |origin: &Origin| match sender {
            _ if ours => origin.from_me,
            Some(who) => self
                .store
                .resolve_contact(origin.sender.clone())
                .is_same(who),
            None => false,
        };
        for event in self.journal.events_of(id) {
            match event.what {
                EventData::Message(message) => {
                    let origin = &message.origin;
                    let here = Recipient::of_chat(&origin.chat);
                    if is_author(origin) && here.is_some_and(|here| self.is_same(&here, chat)) {
                        let Message { origin, content } = *message;
                        return self.in_chat(origin, Some(chat.clone()), Some(content.body));
                    }
                }
                EventData::Outcome(outcome) if ours => return self.of_outcome(&outcome),
                _ => {}
            }
        }
        Ok(Found {
            to: chat.clone(),
            id: id.clone(),
            author: self
                .store
                .resolve_contact(sender.cloned().unwrap_or_default()),
            ours,
            sent_at: None,
            body: None,
        })
    }

    /// A received message. `to` is the chat as the caller named it, if it did.
    fn in_chat(
        &self,
        origin: Origin,
        to: Option<Recipient>,
        body: Option<Body>,
    ) -> Result<Found, TargetError> {
        let to = to.or_else(|| Recipient::of_chat(&origin.chat));
        Ok(Found {
            to: to.ok_or(TargetError::ChatUnsupported)?,
            id: origin.id,
            author: self.store.resolve_contact(origin.sender),
            ours: origin.from_me,
            sent_at: Some(origin.sent_at),
            body,
        })
    }

    /// True if both recipients are the same chat, by any of its names.
    pub(super) fn is_same(&self, a: &Recipient, b: &Recipient) -> bool {
        let name = |to: &Recipient| self.store.canonical(ChatId::from(to));
        a == b || name(a) == name(b)
    }

    /// Whether a contact is the account itself.
    pub(super) fn is_account(&self, who: &Contact) -> bool {
        let account = self.store.account();
        account.is_some_and(|account| account.is_same(who))
    }
}

impl Found {
    /// The poll in it.
    pub(super) const fn poll(&self) -> Result<&Poll, TargetError> {
        match &self.body {
            Some(Body::Poll(poll)) => Ok(poll),
            Some(_) => Err(TargetError::NotAPoll),
            None => Err(TargetError::Unknown),
        }
    }

    fn can_be_edited(&self, now: SystemTime) -> Result<(), TargetError> {
        if !self.ours {
            return Err(TargetError::NotOurs);
        }
        let sent_at = self.sent_at.ok_or(TargetError::Unknown)?;
        if !matches!(self.body, None | Some(Body::Text(_))) {
            return Err(TargetError::NotAText);
        }
        if now >= sent_at + EDIT_WINDOW {
            return Err(TargetError::EditTooLate);
        }
        Ok(())
    }

    /// The reference as it is sent. Only a reply quotes the content.
    fn referred<M>(self, what: &Outgoing<M>) -> Referred {
        let quotes = matches!(what, Outgoing::Message(_));
        Referred {
            id: self.id,
            author: self.author,
            ours: self.ours,
            body: self
                .body
                .filter(|_| quotes)
                .map(quotable)
                .unwrap_or_default(),
        }
    }
}

/// The part that a reply quotes: long texts are truncated, and keys of files are removed.
fn quotable(body: Body) -> Body {
    match body {
        Body::Text(mut text) => {
            text.truncate(text.floor_char_boundary(MAX_QUOTED_BYTES));
            Body::Text(text)
        }
        Body::Media(mut media) => {
            let caption = &mut media.caption;
            caption.truncate(caption.floor_char_boundary(MAX_QUOTED_BYTES));
            media.pointer = None;
            Body::Media(media)
        }
        other => other,
    }
}
