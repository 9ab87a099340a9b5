//! What the account does in chats besides sending: it marks messages as read, types, and follows who is online.

use std::sync::Arc;
use std::time::Duration;

use openclaw_state::outbox::Down;
use openclaw_state::people::People as _;
use openclaw_state::presence::{Online, Presence};
use openclaw_types::{Activity, ChatId, ChatSet, Contact, MessageId, MessageRef, Recipient};
use openclaw_whatsapp::session::{Session, Typing};
use openclaw_whatsapp::store::Store;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{mpsc, oneshot, watch};

use super::resolver::connected;
use super::{Agent, Denied, TargetError, View};

/// How often typing is repeated: WhatsApp's clients stop showing it after 25 seconds.
const TYPING_INTERVAL: Duration = Duration::from_secs(10);
/// Notes queued for a client. If the queue is full, the client misses further ones.
const MAX_QUEUED_NOTES: usize = 2;

/// Why the agent did not mark messages as read, show typing, or look up numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// No phone is linked.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The link is down.
    #[error("the agent is not connected to WhatsApp")]
    NotConnected(Down),
    /// A message cannot be found, or cannot be marked.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The connection was lost during the call.
    #[error("the connection to WhatsApp was lost")]
    ConnectionLost,
}

/// Messages of one sender in one chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The chat.
    pub chat: Recipient,
    /// Who wrote them.
    sender: Contact,
    ids: Vec<MessageId>,
}

/// A stream of presence and typing in the chats that a client follows. Dropping it ends the subscription.
pub struct Followed {
    activities: broadcast::Receiver<Activity>,
    chats: ChatSet,
    store: Store,
    /// Dropping it ends the task.
    _held: oneshot::Sender<()>,
}

impl Agent {
    /// The session, while it is connected.
    pub(super) fn session(&self) -> Result<Session, ChatError> {
        let (_, down) = self.account()?;
        if let Some(down) = down {
            return Err(ChatError::NotConnected(down));
        }
        connected(&self.view.borrow()).ok_or(ChatError::ConnectionLost)
    }

    /// Finds messages that others wrote, and groups them by chat and sender.
    pub fn received(&self, messages: &[MessageRef]) -> Result<Vec<Received>, ChatError> {
        let mut all: Vec<Received> = Vec::new();
        for message in messages {
            let (chat, sender, id) = self.received_message(message)?;
            let same = |one: &&mut Received| one.chat == chat && one.sender == sender;
            match all.iter_mut().find(same) {
                Some(one) if one.ids.contains(&id) => {}
                Some(one) => one.ids.push(id),
                None => all.push(Received {
                    chat,
                    sender,
                    ids: vec![id],
                }),
            }
        }
        Ok(all)
    }

    /// Sends read receipts for these messages.
    pub async fn mark_read(&self, received: &[Received]) -> Result<(), ChatError> {
        let session = self.session()?;
        for Received { chat, sender, ids } in received {
            let marked = session.mark_read(chat, Some(sender), ids).await;
            marked.map_err(|_| ChatError::ConnectionLost)?;
        }
        Ok(())
    }

    /// Shows in a chat that the account types or records, until the returned receiver is dropped. At each repetition it
    /// receives whether WhatsApp was notified.
    pub fn set_typing(
        &self,
        to: &Recipient,
        what: Typing,
    ) -> Result<mpsc::Receiver<bool>, ChatError> {
        self.session()?;
        let (notes, receiver) = mpsc::channel(MAX_QUEUED_NOTES);
        let (to, online) = (self.chat_of(to), self.presence.go_online());
        let view = self.view.clone();
        // It ends with the caller, who holds the receiver.
        tokio::spawn(async move {
            let session = move || connected(&view.borrow());
            show_typing(session, &to, what, notes, online).await;
        });
        Ok(receiver)
    }

    /// Follows who is online and types in these chats, until the result is dropped.
    #[must_use]
    pub fn follow(&self, chats: &[Recipient]) -> Followed {
        let mut set = ChatSet::default();
        for chat in chats {
            // A recipient's address always parses.
            let _ = set.add(&chat.address());
        }
        let activities = self.presence.subscribe();
        let (held, left) = oneshot::channel();
        let chats: Vec<_> = chats.iter().map(|chat| self.chat_of(chat)).collect();
        let (view, presence) = (self.view.clone(), Arc::clone(&self.presence));
        // It ends with the caller, who holds the result.
        tokio::spawn(follow(view, presence, chats, left));
        Followed {
            activities,
            chats: set,
            store: self.store.clone(),
            _held: held,
        }
    }

    /// The recipient under the chat's canonical name.
    pub(super) fn chat_of(&self, to: &Recipient) -> Recipient {
        let name = self.store.canonical(ChatId::from(to));
        Recipient::of_chat(&name).unwrap_or_else(|| to.clone())
    }
}

impl Followed {
    /// The next activity, with all known addresses of the person, under the chat's canonical name. If this is called late,
    /// some are skipped.
    pub async fn next(&mut self) -> Activity {
        loop {
            let Activity { chat, who, what } = match self.activities.recv().await {
                Ok(activity) => activity,
                Err(RecvError::Lagged(_)) => continue,
                // The agent never drops the sender.
                Err(RecvError::Closed) => std::future::pending().await,
            };
            let other_name = |jid: &str| self.store.other_name(jid);
            if self.chats.names_chat(&chat, other_name) {
                return Activity {
                    chat: self.store.canonical(chat),
                    who: self.store.resolve_contact(who),
                    what,
                };
            }
        }
    }
}

async fn show_typing(
    session: impl Fn() -> Option<Session> + Send,
    to: &Recipient,
    what: Typing,
    notes: mpsc::Sender<bool>,
    online: Online,
) {
    if let Some(session) = session() {
        session.show_presence().await;
    }
    while !notes.is_closed() {
        let shown = match session() {
            Some(session) => session.show_typing(to, what).await,
            None => false,
        };
        // If the queue is full, the client is slow, and misses a note.
        let _ = notes.try_send(shown);
        tokio::select! {
            () = tokio::time::sleep(TYPING_INTERVAL) => {}
            () = notes.closed() => {}
        }
    }
    drop(online);
    if let Some(session) = session() {
        session.show_typing(to, Typing::Stopped).await;
        session.show_presence().await;
    }
}

async fn follow(
    mut view: watch::Receiver<View>,
    presence: Arc<Presence>,
    chats: Vec<Recipient>,
    mut left: oneshot::Receiver<()>,
) {
    let online = presence.go_online();
    for chat in &chats {
        presence.follow(chat);
    }
    let mut connection = None;
    loop {
        let (session, since) = {
            let view = view.borrow_and_update();
            (connected(&view), view.link.since)
        };
        if let Some(session) = session
            && connection.replace(since) != Some(since)
        {
            session.show_presence().await;
            for chat in &chats {
                session.follow(chat).await;
            }
        }
        tokio::select! {
            changed = view.changed() => if changed.is_err() { break },
            _ = &mut left => break,
        }
    }
    drop(online);
    let session = connected(&view.borrow());
    for chat in &chats {
        if presence.unfollow(chat)
            && let Some(session) = &session
        {
            session.unfollow(chat).await;
        }
    }
    if let Some(session) = session {
        session.show_presence().await;
    }
}

/// Hides the chats.
impl std::fmt::Debug for Followed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Followed").finish_non_exhaustive()
    }
}
