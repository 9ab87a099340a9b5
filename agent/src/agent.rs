//! The single owner of the link's state: commands in, Status out.
//!
//! [`Agent`] is the handle that the API holds; [`Owner`] is the task behind it. It speaks no wire
//! protocol: `session` does.

mod archive;
mod line;
mod owner;
mod pairing;
mod record;
mod retry;
mod running;
mod sender;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};

use crate::consumers::Consumers;
use crate::journal::Journal;
use crate::model::{
    Draft, Frame, Link, LinkState, MessageId, PairRequest, SendState, Sent, Seq, Token, Word,
};
use crate::outbox::{Claim, Outbox};
use crate::session::{self, Session};
use crate::store::Store;
use crate::traffic::{Counts, Traffic};

pub use archive::{Archive, Copy, Error as ArchiveError, Piece, Restored, Start};
pub use owner::Owner;
pub use sender::Sender;

/// How many commands may wait.
const COMMANDS: usize = 16;
/// How many messages may wait to be encrypted.
const SENDS: usize = 64;

/// The agent. Cloned handles are the same agent.
#[derive(Clone, Debug)]
pub struct Agent {
    commands: mpsc::Sender<Command>,
    sends: mpsc::Sender<sender::Job>,
    view: watch::Receiver<View>,
    journal: Arc<Journal>,
    outbox: Arc<Outbox>,
    traffic: Arc<Traffic>,
    keepalive_limit: Duration,
    started_at: SystemTime,
    store: Store,
    archive: Archive,
}

/// The sealed store at one moment.
#[derive(Clone, Debug)]
pub struct Storage {
    /// What the store tells of itself.
    pub summary: openclaw_vault::Summary,
    /// Rows that were found to mean nothing, since the process started.
    pub undecodable: u64,
    /// Bytes of an unfinished write that were dropped when it was opened.
    pub dropped: u64,
}

/// What the owner shows.
#[derive(Clone, Debug)]
pub struct View {
    /// The link.
    pub link: Link,
    /// Whether a pairing is in progress.
    pub pairing: bool,
    /// The session, while there is one.
    session: Option<Session>,
}

enum Command {
    Pair(
        PairRequest,
        oneshot::Sender<Result<mpsc::Receiver<Frame>, Denied>>,
    ),
    Unpair(oneshot::Sender<Result<bool, Denied>>),
    Restore(
        Box<archive::Staged>,
        oneshot::Sender<Result<Restored, ArchiveError>>,
    ),
    Stop(oneshot::Sender<()>),
}

/// Why the owner's task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// The account was unpaired and its store erased: nothing of it may stay in memory.
    Erased,
}

/// The agent at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// The link.
    pub link: Link,
    /// When the last frame arrived on the present connection.
    pub last_frame: Option<SystemTime>,
    /// Whether a pairing is in progress.
    pub pairing: bool,
    /// When the process started.
    pub started_at: SystemTime,
    /// The newest and the oldest event.
    pub events: (Seq, Seq),
    /// What has passed.
    pub counts: Counts,
    /// The longest silence that is still called connected.
    pub keepalive_limit: Duration,
    /// The store; `None` once it is erased.
    pub storage: Option<Storage>,
}

impl Status {
    /// Whether the link is up at this very moment: logged in, and heard from within the limit.
    #[must_use]
    pub fn is_connected(&self, now: SystemTime) -> bool {
        let heard = self
            .last_frame
            .and_then(|at| now.duration_since(at).ok())
            .unwrap_or_default();
        self.link.state == LinkState::Connected && heard <= self.keepalive_limit
    }
}

/// The agent refuses, in its present state or for ever. Nothing has happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No phone has linked this agent.
    #[error("the agent is not linked to a phone")]
    NotLinked,
    /// Linked, but not connected now.
    #[error("the agent is not connected to WhatsApp: {}", .0.name())]
    NotConnected(LinkState),
    /// Linked already, and `replace` was not asked for.
    #[error("the agent is linked already")]
    AlreadyLinked,
    /// Another pairing is in progress.
    #[error("another pairing is in progress")]
    AlreadyPairing,
    /// The token stands for another message.
    #[error("the token was used for another message")]
    TokenReused,
    /// Nobody on WhatsApp has this number.
    #[error("the number is not on WhatsApp")]
    NotOnWhatsApp,
    /// Too many messages wait to be sent.
    #[error("too many messages wait to be sent")]
    Busy,
    /// The agent is stopping.
    #[error("the agent is stopping")]
    Stopping,
}

/// Why Send did not reach the state asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFailure {
    /// Refused before anything happened.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The state was not reached in time. The same token tells the outcome, or tries again.
    #[error("the message was not confirmed in time")]
    Timeout(Token),
    /// The connection was lost on the way. The same token tells the outcome, or tries again.
    #[error("the connection to WhatsApp was lost while sending")]
    ConnectionLost(Token),
    /// WhatsApp did not say whether the recipient exists. Nothing was sent.
    #[error("WhatsApp did not say whether the number exists (code {0})")]
    NotChecked(u16),
    /// It will not be sent.
    #[error("the message was not sent: {0}")]
    Failed(Word),
}

impl Agent {
    /// The agent as it is now.
    #[must_use]
    pub fn status(&self) -> Status {
        let view = self.view.borrow().clone();
        let live = matches!(
            view.link.state,
            LinkState::Connected | LinkState::Connecting
        );
        let last_frame = if live {
            view.session.as_ref().and_then(Session::last_frame)
        } else {
            None
        };
        Status {
            link: view.link,
            last_frame,
            pairing: view.pairing,
            started_at: self.started_at,
            events: self.journal.range(),
            counts: self.traffic.counts(),
            keepalive_limit: self.keepalive_limit,
            storage: self.storage(),
        }
    }

    fn storage(&self) -> Option<Storage> {
        let vault = self.store.vault();
        vault.summary().map(|summary| Storage {
            summary,
            undecodable: self.store.undecodable(),
            dropped: vault.dropped(),
        })
    }

    /// Follows the link.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// The events.
    #[must_use]
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Programs whose place among the events is remembered.
    #[must_use]
    pub fn consumers(&self) -> Consumers {
        Consumers::new(self.store.vault().clone())
    }

    /// A person's LID for the JID of their number, and the other way round, where it is known.
    #[must_use]
    pub fn other_name(&self, jid: &str) -> Option<String> {
        self.store.other_name(jid)
    }

    /// Starts a pairing. Its frames end with `Linked` or `Failed`; dropping them stops it.
    pub async fn pair(&self, request: PairRequest) -> Result<mpsc::Receiver<Frame>, Denied> {
        self.ask(|reply| Command::Pair(request, reply)).await?
    }

    /// Unlinks, erases the store and ends the owner. True when WhatsApp confirmed; the credentials are gone either way.
    pub async fn unpair(&self) -> Result<bool, Denied> {
        self.ask(Command::Unpair).await?
    }

    /// Closes the session and ends the owner.
    pub async fn stop(&self) {
        let _ = self.ask(Command::Stop).await;
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Denied> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| Denied::Stopping)?;
        answer.await.map_err(|_| Denied::Stopping)
    }

    /// Sends a message and waits until it has come as far as `wait`, for `timeout` at the most.
    pub async fn send(
        &self,
        draft: Draft,
        wait: SendState,
        timeout: Duration,
    ) -> Result<Sent, SendFailure> {
        let token = draft.token.clone().unwrap_or_else(new_token);
        match tokio::time::timeout(timeout, self.send_and_wait(draft, &token, wait)).await {
            Ok(result) => result,
            Err(_) => Err(SendFailure::Timeout(token)),
        }
    }

    async fn send_and_wait(
        &self,
        draft: Draft,
        token: &Token,
        wait: SendState,
    ) -> Result<Sent, SendFailure> {
        let session = self.connected_session()?;
        session
            .check(&draft.to)
            .await
            .map_err(|error| match error {
                session::SendError::Refused(code) => SendFailure::NotChecked(code),
                error => failure(error, token),
            })?;
        let chat = session.chat(&draft.to);
        let claim = self
            .outbox
            .claim(token, &draft, chat, session.new_message_id());
        let mut state = match claim {
            Claim::Reused => return Err(Denied::TokenReused.into()),
            Claim::Wait(state) => state,
            Claim::Send(id, state) => {
                self.hand_over(session, draft, id, token).await?;
                state
            }
        };
        let reached = |sent: &Sent| sent.state >= wait;
        let sent = state
            .wait_for(reached)
            .await
            .map_err(|_| SendFailure::Timeout(token.clone()))?
            .clone();
        match sent.failure {
            Some(why) => Err(SendFailure::Failed(why)),
            None => Ok(sent),
        }
    }

    async fn hand_over(
        &self,
        session: Session,
        draft: Draft,
        id: MessageId,
        token: &Token,
    ) -> Result<(), SendFailure> {
        let (reply, answer) = oneshot::channel();
        let Draft { to, text, token: _ } = draft;
        let job = sender::Job {
            session,
            to,
            text,
            id,
            token: token.clone(),
            reply,
        };
        if self.sends.try_send(job).is_err() {
            self.outbox.withdraw(token);
            return Err(Denied::Busy.into());
        }
        // Without an answer the sender has stopped with the agent.
        let handed = answer.await.map_err(|_| Denied::Stopping)?;
        handed.map_err(|error| failure(error, token))
    }

    fn connected_session(&self) -> Result<Session, Denied> {
        let view = self.view.borrow();
        match (&view.session, view.link.state) {
            (Some(session), LinkState::Connected) => Ok(session.clone()),
            (_, LinkState::Unlinked | LinkState::Linking) => Err(Denied::NotLinked),
            (_, state) => Err(Denied::NotConnected(state)),
        }
    }
}

fn failure(error: session::SendError, token: &Token) -> SendFailure {
    match error {
        session::SendError::NotOnWhatsApp => Denied::NotOnWhatsApp.into(),
        session::SendError::ConnectionLost => SendFailure::ConnectionLost(token.clone()),
        session::SendError::Refused(_) => SendFailure::Failed("refused_by_server".into()),
        session::SendError::NotEncrypted => SendFailure::Failed("not_encrypted".into()),
    }
}

/// For callers that named none: they cannot retry, so it only has to be unique.
fn new_token() -> Token {
    let token = format!("auto-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    token.parse().expect("hexadecimal is printable and short")
}
