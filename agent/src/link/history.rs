//! Older messages of a chat from the account's phone: where they begin, how often they are fetched, and which of them are
//! shown.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use openclaw_state::allow::Verdict;
use openclaw_state::clock;
use openclaw_state::hourly::Hourly;
use openclaw_state::journal::MAX_EVENTS_SCANNED;
use openclaw_types::{
    ChatId, Event, EventData, Message, MessageId, MessageRef, Recipient, SendState, Seq,
};
use openclaw_whatsapp::session::{self, History, HistoryPosition, HistoryRequest};
use tokio::sync::Semaphore;

use super::resolver::connected;
use super::{Agent, ChatError, TargetError};

/// How many requests are sent in any hour: with 50 messages each, enough for a chat of three thousand. A phone answers each
/// with an upload.
const MAX_REQUESTS: usize = 60;

/// Where the older messages end.
#[derive(Clone, Debug)]
pub enum HistoryFrom {
    /// Before this message. The time is needed if the agent does not have the message.
    Message(MessageRef, Option<SystemTime>),
    /// Before the oldest message of this chat that the agent has.
    Chat(Recipient),
}

/// Messages as the phone has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderMessages {
    /// Those that the allowlist allows, newest first.
    pub messages: Vec<Message>,
    /// Whether the phone has older ones.
    pub more: bool,
    /// Where older ones are: before the oldest entry that was looked at, shown or not.
    pub next: Option<(ChatId, HistoryPosition)>,
    /// How many the allowlist does not allow.
    pub not_allowed: usize,
    /// How many cannot be shown.
    pub left_out: usize,
}

/// Why there are no older messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// There is no link to ask over, or the message is not usable.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The agent does not have the message, and the caller did not give its time.
    #[error("is needed: the agent does not have the message of `before`")]
    NoTime,
    /// The oldest events have no message of the chat.
    #[error("the oldest events of the agent have no message of this chat")]
    NoKnownMessage,
    /// Another request is in progress.
    #[error("another request for older messages is in progress")]
    Busy,
    /// Too many requests in the last hour.
    #[error("older messages were requested too often")]
    Limit(SystemTime),
    /// The phone, or its answer.
    #[error(transparent)]
    Phone(#[from] session::HistoryError),
}

impl From<TargetError> for HistoryError {
    fn from(error: TargetError) -> Self {
        Self::Chat(error.into())
    }
}

/// One request at a time, and so many an hour.
#[derive(Debug)]
pub(super) struct Requests {
    turn: Semaphore,
    sent: Mutex<Hourly>,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            turn: Semaphore::new(1),
            sent: Mutex::new(Hourly::new(MAX_REQUESTS)),
        }
    }
}

impl Requests {
    /// Counts a request, or returns when the next one may be sent.
    fn count(&self, now: SystemTime) -> Result<(), SystemTime> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.take(1, now)
    }
}

/// The message before which the phone is asked.
struct Before {
    chat: Recipient,
    id: MessageId,
    from_me: bool,
    sent_at: SystemTime,
}

impl Agent {
    /// Asks the account's phone for older messages of a chat. They are not recorded.
    pub async fn fetch_history(
        &self,
        from: &HistoryFrom,
        count: u32,
    ) -> Result<OlderMessages, HistoryError> {
        let session = self.session()?;
        let turn = self.history.turn.try_acquire();
        let _turn = turn.map_err(|_| HistoryError::Busy)?;
        let Before {
            chat,
            id,
            from_me,
            sent_at,
        } = self.before(from).await?;
        let counted = self.history.count(clock::now());
        counted.map_err(HistoryError::Limit)?;
        let request = HistoryRequest {
            chat,
            before: id,
            from_me,
            sent_at,
            count,
        };
        let fetched = session.fetch_history(self.media.downloads(), &request);
        let history = tokio::select! {
            fetched = fetched => fetched?,
            () = self.disconnected() => return Err(session::HistoryError::ConnectionLost.into()),
        };
        Ok(self.shown(history, &request.chat))
    }

    async fn disconnected(&self) {
        let mut view = self.view.clone();
        // Fails when the owner has ended, and with it the connection.
        let _ = view.wait_for(|view| connected(view).is_none()).await;
    }

    async fn before(&self, from: &HistoryFrom) -> Result<Before, HistoryError> {
        match from {
            HistoryFrom::Message(of, sent_at) => {
                let found = self.find(of)?;
                let sent_at = found.sent_at.or(*sent_at).ok_or(HistoryError::NoTime)?;
                Ok(Before {
                    // The phone has it under this name too.
                    chat: self.chat_of(&found.to),
                    id: found.id,
                    from_me: found.ours,
                    sent_at,
                })
            }
            HistoryFrom::Chat(chat) => {
                let chat = self.chat_of(chat);
                let found = self.oldest_message(&ChatId::from(&chat)).await;
                let (id, from_me, sent_at) = found.ok_or(HistoryError::NoKnownMessage)?;
                Ok(Before {
                    chat,
                    id,
                    from_me,
                    sent_at,
                })
            }
        }
    }

    /// The oldest message of a chat in the journal: its id, whether the account sent it, and when.
    async fn oldest_message(&self, chat: &ChatId) -> Option<(MessageId, bool, SystemTime)> {
        let (head, oldest) = self.journal.range();
        let stop = Seq(head.0.min(oldest.0.saturating_add(MAX_EVENTS_SCANNED)));
        let mut cursor = Seq(oldest.0.saturating_sub(1));
        while cursor < stop {
            let page = self.pages.read(cursor).await?;
            let found = page
                .events
                .into_iter()
                .find_map(|event| self.message_in(chat, event));
            if found.is_some() || page.cursor <= cursor {
                return found;
            }
            cursor = page.cursor;
        }
        None
    }

    fn message_in(&self, chat: &ChatId, event: Event) -> Option<(MessageId, bool, SystemTime)> {
        let is_here = |of: &ChatId| self.store.canonical(of.clone()) == *chat;
        match event.what {
            EventData::Message(message) if is_here(&message.origin.chat) => {
                let Message { origin, content } = *message;
                let is_message = content.body.target().is_none();
                is_message.then_some((origin.id, origin.from_me, origin.sent_at))
            }
            EventData::Outcome(outcome)
                if outcome.sent.state != SendState::Failed && is_here(&outcome.chat) =>
            {
                let sent_at = outcome.sent.server_ack_at?;
                Some((outcome.sent.id, true, sent_at))
            }
            _ => None,
        }
    }

    /// The part of a history that may be shown, with quotes and mentions checked as in events.
    fn shown(&self, history: History, chat: &Recipient) -> OlderMessages {
        let History {
            messages,
            more,
            oldest,
            left_out,
        } = history;
        let mut older = OlderMessages {
            messages: Vec::with_capacity(messages.len()),
            more,
            next: oldest.map(|oldest| (ChatId::from(chat), oldest)),
            not_allowed: 0,
            left_out,
        };
        let (now, allowlist) = (clock::now(), self.allowlist());
        for message in messages {
            let origin = &message.origin;
            let verdict = allowlist.judge(&origin.sender, &origin.chat, origin.from_me, now);
            if !matches!(verdict, Verdict::Allow(_)) {
                older.not_allowed += 1;
                continue;
            }
            let what = EventData::Message(Box::new(message));
            match self.admission.authorship().judge(what, &[]) {
                EventData::Message(message) => older.messages.push(*message),
                _ => older.left_out += 1,
            }
        }
        older
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_requests_an_hour_and_the_time_of_the_next_one() {
        let requests = Requests::default();
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for minute in 0..60 {
            assert_eq!(requests.count(at(minute * 60)), Ok(()));
        }
        assert_eq!(requests.count(at(3599)), Err(at(3600)));
        assert_eq!(requests.count(at(3600)), Ok(()));
        assert_eq!(requests.count(at(3600)), Err(at(3660)));
    }
}
