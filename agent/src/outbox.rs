//! Messages of ours and how far each has come: the same token is the same message.
//!
//! In memory and bounded: a message is forgotten when many newer ones have come, or at a restart.
//! It sends nothing itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::model::{ChatId, Draft, MessageId, SendState, Sent, Token};

/// How many messages are remembered.
const CAPACITY: usize = 4096;

/// The messages.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    by_token: HashMap<Token, Entry>,
    by_id: HashMap<MessageId, Token>,
    order: VecDeque<Token>,
}

#[derive(Debug)]
struct Entry {
    draft: u64,
    chat: ChatId,
    in_flight: bool,
    /// It may have reached the wire: the token stands for this message from then on.
    handed_over: bool,
    state: watch::Sender<Sent>,
}

/// What a token stands for.
#[derive(Debug)]
pub enum Claim {
    /// The caller sends it, under this id, and reports by [`Outbox::advance`] or [`Outbox::release`].
    Send(MessageId, watch::Receiver<Sent>),
    /// Somebody sends it or it has been sent: only wait.
    Wait(watch::Receiver<Sent>),
    /// The token stands for another message.
    Reused,
}

impl Outbox {
    /// Claims the sending of `draft` under `token`; `id` is used when the token is new.
    pub fn claim(&self, token: &Token, draft: &Draft, chat: ChatId, id: MessageId) -> Claim {
        let draft = fingerprint(draft);
        let mut entries = self.entries();
        if let Some(entry) = entries.by_token.get_mut(token) {
            let state = entry.state.subscribe();
            let sent = state.borrow().clone();
            return if entry.draft != draft {
                Claim::Reused
            } else if entry.in_flight || sent.state != SendState::Accepted {
                Claim::Wait(state)
            } else {
                // Handed over before, never acknowledged: the same id again, which the server
                // and the recipient take for the same message.
                entry.in_flight = true;
                Claim::Send(sent.id, state)
            };
        }
        let sent = Sent {
            id: id.clone(),
            token: token.clone(),
            state: SendState::Accepted,
            server_ack_at: None,
            failure: None,
        };
        let (state, receiver) = watch::channel(sent);
        entries.by_id.insert(id.clone(), token.clone());
        entries.order.push_back(token.clone());
        entries.by_token.insert(
            token.clone(),
            Entry {
                draft,
                chat,
                in_flight: true,
                handed_over: false,
                state,
            },
        );
        while entries.order.len() > CAPACITY {
            entries.forget_oldest();
        }
        Claim::Send(id, receiver)
    }

    /// The message has come this far. `Some` when that is news: states never go back.
    pub fn advance(&self, id: &MessageId, to: SendState, at: SystemTime) -> Option<(Sent, ChatId)> {
        let entries = self.entries();
        let entry = entries.by_token.get(entries.by_id.get(id)?)?;
        let mut news = None;
        entry.state.send_if_modified(|sent| {
            // A server's ack may arrive after the recipient's receipt: it still has its time.
            if to >= SendState::ServerAck && to != SendState::Failed && sent.server_ack_at.is_none()
            {
                sent.server_ack_at = Some(at);
            }
            if to <= sent.state || sent.state == SendState::Failed {
                return false;
            }
            sent.state = to;
            news = Some(sent.clone());
            true
        });
        news.map(|sent| (sent, entry.chat.clone()))
    }

    /// The message was refused for good.
    pub fn fail(&self, id: &MessageId, why: &'static str) -> Option<(Sent, ChatId)> {
        let entries = self.entries();
        let entry = entries.by_token.get(entries.by_id.get(id)?)?;
        let mut news = None;
        entry.state.send_if_modified(|sent| {
            if sent.state != SendState::Accepted {
                return false;
            }
            sent.state = SendState::Failed;
            sent.failure = Some(why.into());
            news = Some(sent.clone());
            true
        });
        news.map(|sent| (sent, entry.chat.clone()))
    }

    /// The sender is done with it, with or without success: a retry may send it again until it
    /// is acknowledged.
    pub fn release(&self, token: &Token) {
        if let Some(entry) = self.entries().by_token.get_mut(token) {
            entry.in_flight = false;
            entry.handed_over = true;
        }
    }

    /// This time nothing of it reached the wire: the token is free again, unless an earlier time
    /// may have.
    pub fn withdraw(&self, token: &Token) {
        let mut entries = self.entries();
        if let Some(entry) = entries.by_token.get_mut(token)
            && entry.handed_over
        {
            entry.in_flight = false;
            return;
        }
        if let Some(entry) = entries.by_token.remove(token) {
            let id = entry.state.borrow().id.clone();
            entries.by_id.remove(&id);
            entries.order.retain(|kept| kept != token);
        }
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn forget_oldest(&mut self) {
        if let Some(token) = self.order.pop_front()
            && let Some(entry) = self.by_token.remove(&token)
        {
            let id = entry.state.borrow().id.clone();
            self.by_id.remove(&id);
        }
    }
}

/// Tells two drafts apart without keeping their text.
fn fingerprint(draft: &Draft) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    draft.to.hash(&mut hasher);
    draft.text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Text;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn draft(text: &str) -> Draft {
        let text = Text::try_from(text.to_owned()).unwrap();
        Draft {
            to: "+15550100123".parse().unwrap(),
            text,
            token: None,
        }
    }

    fn claim(outbox: &Outbox, token: &str, text: &str, id: &str) -> Claim {
        let chat = ChatId::new("15550100123@s.whatsapp.net".into());
        outbox.claim(
            &token.parse().unwrap(),
            &draft(text),
            chat,
            MessageId::new(id),
        )
    }

    #[test]
    fn a_token_is_one_message_with_one_id() {
        let outbox = Outbox::default();
        assert!(matches!(claim(&outbox, "t", "hi", "A"), Claim::Send(id, _) if id.as_str() == "A"));
        assert!(matches!(claim(&outbox, "t", "hi", "B"), Claim::Wait(_)));
        outbox.release(&"t".parse().unwrap());
        assert!(matches!(claim(&outbox, "t", "hi", "B"), Claim::Send(id, _) if id.as_str() == "A"));
        outbox.advance(&MessageId::new("A"), SendState::ServerAck, NOW);
        outbox.release(&"t".parse().unwrap());
        assert!(matches!(claim(&outbox, "t", "hi", "B"), Claim::Wait(_)));
    }

    #[test]
    fn a_token_does_not_stand_for_two_texts() {
        let outbox = Outbox::default();
        claim(&outbox, "t", "hi", "A");
        assert!(matches!(claim(&outbox, "t", "ho", "B"), Claim::Reused));
    }

    #[test]
    fn states_never_go_back() {
        let outbox = Outbox::default();
        let id = MessageId::new("A");
        claim(&outbox, "t", "hi", "A");
        assert!(outbox.advance(&id, SendState::Delivered, NOW).is_some());
        assert!(outbox.advance(&id, SendState::ServerAck, NOW).is_none());
        assert!(outbox.fail(&id, "late").is_none());
        let (sent, _) = outbox.advance(&id, SendState::Read, NOW).unwrap();
        assert_eq!(
            (sent.state, sent.server_ack_at),
            (SendState::Read, Some(NOW))
        );
    }

    #[test]
    fn what_never_reached_the_wire_frees_its_token() {
        let outbox = Outbox::default();
        claim(&outbox, "t", "hi", "A");
        outbox.withdraw(&"t".parse().unwrap());
        assert!(matches!(claim(&outbox, "t", "ho", "B"), Claim::Send(..)));
    }

    #[test]
    fn what_may_have_reached_the_wire_keeps_its_token_and_id() {
        let outbox = Outbox::default();
        claim(&outbox, "t", "hi", "A");
        outbox.release(&"t".parse().unwrap());
        claim(&outbox, "t", "hi", "B");
        outbox.withdraw(&"t".parse().unwrap());
        assert!(matches!(claim(&outbox, "t", "ho", "C"), Claim::Reused));
        assert!(matches!(claim(&outbox, "t", "hi", "C"), Claim::Send(id, _) if id.as_str() == "A"));
    }

    #[test]
    fn it_forgets_the_oldest_first() {
        let outbox = Outbox::default();
        for n in 0..=CAPACITY {
            claim(&outbox, &format!("t{n}"), "hi", &format!("A{n}"));
        }
        assert!(
            outbox
                .advance(&MessageId::new("A0"), SendState::ServerAck, NOW)
                .is_none()
        );
        assert!(
            outbox
                .advance(&MessageId::new("A1"), SendState::ServerAck, NOW)
                .is_some()
        );
        assert_eq!(outbox.entries().by_token.len(), CAPACITY);
    }
}
