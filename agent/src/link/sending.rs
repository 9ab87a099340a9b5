//! Sending for callers: the request's options, and the result.

use std::time::{Duration, Instant, SystemTime};

use openclaw_state::clock;
use openclaw_state::outbox::{
    AttemptError, CancelDenied, Cancelled, Down, Fingerprint, Progress, Queued, SubmitDenied,
    SubmitRequest, fingerprint,
};
use openclaw_state::uploads::ClaimDenied;
use openclaw_types::{
    Account, ChatId, Contact, Draft, Link, LinkState, MediaId, Nack, Payload, Phone, Recipient,
    SendReason, SendState, Sent, Token,
};
use openclaw_whatsapp::session::new_message_id;
use tokio::sync::watch;

use super::targets::Resolved;
use super::{Agent, Denied, FileDenied, TargetError};

/// The caller's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOptions {
    /// The state to wait for.
    pub wait: SendState,
    /// How long to wait for it.
    pub timeout: Duration,
    /// Queue the message for up to this long, if it cannot be sent at once.
    pub keep: Option<Duration>,
}

/// A draft that can be sent: the message it refers to was found.
#[derive(Debug)]
pub struct Prepared {
    token: Token,
    draft: Fingerprint,
    /// The recipient.
    pub to: Recipient,
    next: Next,
}

/// How a request is handled.
#[derive(Debug)]
enum Next {
    /// The token belongs to an existing message; wait for its outcome.
    Follow(watch::Receiver<Progress>),
    Submit {
        payload: Payload,
        /// The file that it brings.
        media: Option<MediaId>,
        /// Not to be sent after this time, by the system's clock.
        until: Option<SystemTime>,
    },
}

/// The result of Send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The message's progress.
    pub sent: Sent,
    /// The chat's canonical name.
    pub chat: ChatId,
    /// The recipient, with all known addresses; `None` for a group.
    pub recipient: Option<Contact>,
    /// It is queued until then, and sent as soon as possible.
    pub queued_until: Option<SystemTime>,
    /// The timeout ended before the requested state.
    pub wait_expired: bool,
}

/// Why Send did not reach the requested state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFailure {
    /// The link is down.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Refused before any effect.
    #[error(transparent)]
    Refused(#[from] SubmitDenied),
    /// The message it refers to was not found, or is not suitable. Nothing was sent.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// It cannot bring this file. Nothing was sent.
    #[error(transparent)]
    File(#[from] FileDenied),
    /// Its file could not be uploaded to WhatsApp for now. Nothing was sent.
    #[error("the file could not be uploaded to WhatsApp")]
    NotUploaded,
    /// WhatsApp's media hosts do not take its file. Nothing was sent.
    #[error("WhatsApp's media hosts do not accept the file: HTTP status {0}")]
    FileRefused(u16),
    /// The number is not on WhatsApp. Nothing was sent.
    #[error("the number is not on WhatsApp")]
    NotOnWhatsApp,
    /// The rules were changed while it was queued, and do not allow the recipient. Nothing was sent.
    #[error("the agent may not write to this recipient; nothing was sent")]
    NotAllowedTo,
    /// The state was not reached in time. Calling again with the same token returns the outcome, or retries.
    #[error("the message was not confirmed in time")]
    Timeout(Box<Token>),
    /// The connection was lost while sending. Calling again with the same token returns the outcome, or retries.
    #[error("the connection to WhatsApp was lost while sending")]
    ConnectionLost(Box<Token>),
    /// WhatsApp did not report whether the recipient exists. Nothing was sent.
    #[error("WhatsApp did not report whether the number exists (code {0})")]
    NotChecked(u16),
    /// It could not be encrypted: a key or device list could not be fetched. Nothing was sent.
    #[error("the message could not be encrypted for its recipient yet")]
    NotEncrypted,
    /// WhatsApp's server refused it every time. Nothing was delivered.
    #[error("WhatsApp refused the message: {nack}")]
    ServerError {
        /// The last code.
        nack: Nack,
        /// The token for another attempt.
        token: Box<Token>,
    },
    /// It will not be sent automatically.
    #[error("the message was not sent: {why}{}", NackSuffix(.nack))]
    Failed {
        /// The reason.
        why: SendReason,
        /// The code of WhatsApp's server.
        nack: Option<Nack>,
        /// From when the same token can be retried, if ever.
        again_at: Option<SystemTime>,
    },
}

/// `" (463, …)"`, or empty.
struct NackSuffix<'a>(&'a Option<Nack>);

impl std::fmt::Display for NackSuffix<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(nack) => write!(f, " ({nack})"),
            None => Ok(()),
        }
    }
}

impl Agent {
    /// Resolves the message that a draft refers to, and its token: a call with a known token gets the outcome of its
    /// message, even if the referenced message has since changed.
    pub fn prepare(&self, draft: Draft) -> Result<Prepared, SendFailure> {
        self.account()?;
        let token = draft.token.clone().unwrap_or_else(new_token);
        let named = fingerprint(&draft);
        let (to, next) = match self.outbox.known(&token, &named, clock::now())? {
            Some((to, progress)) => {
                // A client that did not get the outcome has uploaded the file again. The file of a message that failed
                // may be the only one.
                let failed = progress.borrow().sent.state == SendState::Failed;
                if let Some(file) = draft.what.file().filter(|_| !failed) {
                    self.uploads.discard(file.media);
                }
                (to, Next::Follow(progress))
            }
            None => {
                let Resolved { to, what, until } = self.resolve_references(draft)?;
                if let Some(file) = what.file() {
                    self.check_file(file)?;
                }
                let media = what.file().map(|file| file.media);
                let payload = what.encode();
                let next = Next::Submit {
                    payload,
                    media,
                    until,
                };
                (to, next)
            }
        };
        Ok(Prepared {
            token,
            draft: named,
            to,
            next,
        })
    }

    /// Sends a message and waits for the state in the options. Returns at once for a message that is queued because it
    /// cannot be sent now.
    pub async fn send(
        &self,
        prepared: Prepared,
        options: SendOptions,
    ) -> Result<Answer, SendFailure> {
        let SendOptions {
            wait,
            timeout,
            keep,
        } = options;
        let now = clock::now();
        let Prepared {
            token,
            draft,
            to,
            next,
        } = prepared;
        let (account, down) = self.account()?;
        let connected = down.is_none();
        let mut progress = match next {
            Next::Follow(progress) => progress,
            Next::Submit {
                payload,
                media,
                until,
            } => {
                if let Some(media) = media {
                    let claimed = self.uploads.claim(media, &token);
                    claimed.map_err(FileDenied::from)?;
                }
                // A message is not queued for longer than it can be sent.
                let left = until.map(|until| {
                    let left = until.duration_since(clock::wall());
                    left.unwrap_or_default()
                });
                let keep = keep.map(|keep| left.map_or(keep, |left| keep.min(left)));
                let request = SubmitRequest {
                    draft,
                    is_own: self.is_own(&to),
                    to: to.clone(),
                    payload,
                    id: new_message_id(&account, now),
                    account,
                    down,
                    until: keep.map(|keep| now + keep),
                };
                let submitted = self.outbox.submit(&token, request, now);
                if let (Err(_), Some(media)) = (&submitted, media)
                    && self.outbox.progress_of(&token).is_none()
                {
                    self.uploads.release(media, &token);
                }
                submitted?
            }
        };
        let waits = connected || progress.borrow().until.is_none();
        let timeout = if waits { timeout } else { Duration::ZERO };
        let reached = has_come(&mut progress, wait, timeout).await;
        if !reached {
            self.outbox.give_up(&token);
        }
        let last = progress.borrow().clone();
        // Durable before it is reported, failures included.
        self.outbox.durable().await;
        let (sent, queued_until) = self.answer(last, reached, &token)?;
        let (chat, recipient) = self.names_of(&to);
        Ok(Answer {
            sent,
            chat,
            recipient,
            queued_until,
            wait_expired: !reached && waits,
        })
    }

    /// The chat's canonical name, and its person with the number as WhatsApp spells it.
    fn names_of(&self, to: &Recipient) -> (ChatId, Option<Contact>) {
        let chat = ChatId::from(&self.store.spelled(to));
        if !chat.is_person() {
            return (chat, None);
        }
        let mut contact = Contact::of_jid(chat.jid());
        let other = |jid: &str| Contact::of_jid(&self.other_name(jid).unwrap_or_default());
        contact.lid = contact.lid.or_else(|| other(chat.jid()).lid);
        let Some(lid) = &contact.lid else {
            return (chat, Some(contact));
        };
        let chat = ChatId::new(lid.jid());
        contact.phone = other(chat.jid()).phone.or(contact.phone);
        (chat, Some(contact))
    }

    /// True if the recipient is the account itself.
    fn is_own(&self, to: &Recipient) -> bool {
        let view = self.view.borrow();
        let Some(Account { phone, lid, .. }) = &view.link.account else {
            return false;
        };
        match self.store.spelled(to) {
            Recipient::Phone(to) => to == *phone,
            Recipient::Lid(to) => *lid == Some(to),
            Recipient::Group(_) => false,
        }
    }

    fn answer(
        &self,
        progress: Progress,
        reached: bool,
        token: &Token,
    ) -> Result<(Sent, Option<SystemTime>), SendFailure> {
        let Progress {
            sent,
            until,
            accepted: _,
            stopped,
            again_at,
            transferring: _,
        } = progress;
        if let Some(error) = stopped {
            return Err(self.stopped(error, token));
        }
        if let Some(why) = sent.failure {
            let nack = sent.nack;
            return Err(SendFailure::Failed {
                why,
                nack,
                again_at,
            });
        }
        // The server has it, so the outcome is not unknown: the answer reports the progress.
        if !reached && until.is_none() && sent.state < SendState::ServerAck {
            return Err(SendFailure::Timeout(Box::new(token.clone())));
        }
        Ok((sent, until))
    }

    fn stopped(&self, error: AttemptError, token: &Token) -> SendFailure {
        match error {
            AttemptError::ConnectionLost => SendFailure::ConnectionLost(Box::new(token.clone())),
            AttemptError::NotConnected => match self.account() {
                Ok((_, None)) => SendFailure::ConnectionLost(Box::new(token.clone())),
                Ok((_, Some(down))) => SubmitDenied::NotConnected(down).into(),
                Err(denied) => denied.into(),
            },
            AttemptError::NotChecked(code) => SendFailure::NotChecked(code),
            AttemptError::NotEncrypted => SendFailure::NotEncrypted,
            AttemptError::NotOnWhatsApp => SendFailure::NotOnWhatsApp,
            AttemptError::NotAllowedTo => SendFailure::NotAllowedTo,
            AttemptError::Restricted => SendFailure::Failed {
                why: SendReason::Restricted,
                nack: None,
                again_at: None,
            },
            AttemptError::Held => SubmitDenied::Held.into(),
            AttemptError::NotUploaded => SendFailure::NotUploaded,
            AttemptError::FileRefused(status) => SendFailure::FileRefused(status),
            AttemptError::FileGone => FileDenied::from(ClaimDenied::Gone).into(),
            AttemptError::ServerError(nack) => SendFailure::ServerError {
                nack,
                token: Box::new(token.clone()),
            },
            AttemptError::Refused(nack) => SendFailure::Failed {
                why: SendReason::RefusedByServer,
                nack: Some(nack),
                again_at: None,
            },
        }
    }

    /// The queued messages, oldest first.
    #[must_use]
    pub fn queued(&self) -> Vec<Queued> {
        self.outbox.queued()
    }

    /// The length of the queue.
    #[must_use]
    pub fn queue_length(&self) -> usize {
        self.outbox.queue_length()
    }

    /// Cancels a queued message.
    pub async fn cancel(&self, token: &Token) -> Result<Cancelled, CancelDenied> {
        let cancelled = self.outbox.cancel(token, clock::now())?;
        self.outbox.durable().await;
        Ok(cancelled)
    }

    /// The sending account, and why the link is down, if it is.
    pub(super) fn account(&self) -> Result<(Phone, Option<Down>), Denied> {
        let view = self.view.borrow();
        let Link { state, account, .. } = &view.link;
        match (account, state) {
            (None, _) | (_, LinkState::Unlinked | LinkState::Linking) => Err(view.not_linked()),
            (Some(account), LinkState::Connected) => Ok((account.phone.clone(), None)),
            (Some(account), &state) => {
                let hint = view.hint();
                Ok((account.phone.clone(), Some(Down { state, hint })))
            }
        }
    }
}

/// Whether a message comes as far as `wait` in time. The time in which its file is on its way to WhatsApp does not count:
/// it depends on the size of the file, and is bounded by the media hosts' silence.
async fn has_come(
    progress: &mut watch::Receiver<Progress>,
    wait: SendState,
    timeout: Duration,
) -> bool {
    let mut left = timeout;
    loop {
        if !left.is_zero() {
            let transferred = progress.wait_for(|it| !it.transferring || it.has_reached(wait));
            // The sender of this channel may be dropped, but not before it has reported the end.
            if transferred.await.map_or(true, |it| it.has_reached(wait)) {
                return true;
            }
        }
        let since = Instant::now();
        let changed = progress.wait_for(|it| it.transferring || it.has_reached(wait));
        match tokio::time::timeout(left, changed).await {
            Err(_) => return false,
            Ok(changed) if changed.as_ref().map_or(true, |it| it.has_reached(wait)) => return true,
            Ok(_) if left.is_zero() => return false,
            Ok(_) => left = left.saturating_sub(since.elapsed()),
        }
    }
}

/// For callers without a token. They cannot retry, so it only has to be unique.
fn new_token() -> Token {
    let token = format!("auto-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    token
        .parse()
        .expect("hexadecimal is printable and within the length limit")
}
