//! Events to a receiver over HTTP, one after the other: the next one is posted when the receiver has answered 2xx, or when an
//! event that it does not take has been set aside.
//!
//! ```text
//!            2xx ───────────────────────────────> the cursor moves
//!  post ──── 4xx, 500: the receiver judges ─────> again, and after some attempts a dead letter
//!     │      no answer, 429, 502 …: it is away ─> again, for as long as it takes
//!     └───── 410 ───────────────────────────────> no further post until the relay is started again
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openclaw_types::Backoff;
use openclaw_webhook::{Message, Receiver, Refused, Scope};
use tracing::{error, warn};

use super::{Sink, Stored, Unstored};
use crate::board::FeedBoard;
use crate::clock;
use crate::dead_letters::{DeadLetters, Letter};
use crate::files::Files;
use crate::ledger::Mark;
use crate::record::Record;

/// A receiver's `Retry-After` is not followed for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);
/// A file that cannot be had is waited for so often, and then named in the body instead.
const FILE_ATTEMPTS: u32 = 5;

/// Posts the events of one agent.
pub struct Webhook {
    post: Post,
    name: String,
    letters: DeadLetters,
    /// After so many refusals an event is set aside.
    attempts: u32,
    board: Arc<FeedBoard>,
    /// The event that is tried again.
    tried: Option<Tried>,
}

/// An event that was tried in vain.
struct Tried {
    mark: Mark,
    /// How often the receiver has judged it.
    judged: u32,
    /// How often its file could not be had.
    missing: u32,
}

/// Makes single attempts, for the sink and for dead letters.
pub struct Post {
    receiver: Arc<Receiver>,
    /// The agent's name.
    agent: String,
    files: Files,
}

/// Why an event was not delivered.
#[derive(Debug)]
pub enum Undelivered {
    /// Its file cannot be had now.
    File(String),
    /// The receiver does not take it.
    Refused {
        /// The receiver's status, if it answered.
        status: Option<u16>,
        /// Why.
        why: Refused,
    },
}

impl Undelivered {
    /// True if the receiver has judged the event, rather than being unable to take any. A gateway in front of a receiver that is
    /// down answers 502, 503 or 504.
    fn is_judged(&self) -> bool {
        match self {
            Self::Refused { status, why } => {
                why.scope == Scope::Message
                    || status.is_some_and(|status| matches!(status, 500 | 501 | 505..))
            }
            Self::File(_) => false,
        }
    }
}

impl std::fmt::Display for Undelivered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(why) => write!(f, "the file is not available: {why}"),
            Self::Refused { why, .. } => f.write_str(&why.error),
        }
    }
}

impl Post {
    /// To this receiver, of the agent with this name.
    #[must_use]
    pub const fn new(receiver: Arc<Receiver>, agent: String, files: Files) -> Self {
        Self {
            receiver,
            agent,
            files,
        }
    }

    /// Makes one attempt. A file that cannot be had now fails it, unless `without_file`: then the body says why.
    ///
    /// # Errors
    /// See [`Undelivered`].
    pub async fn once(&self, record: &Record, without_file: bool) -> Result<(), Undelivered> {
        let body = self.body(record, without_file).await?;
        let id = record.mark.to_string();
        let headers = record.cloud_event(&self.agent);
        let message = Message {
            id: &id,
            body: &body,
            headers: &headers,
        };
        let attempt = self.receiver.post(&message, clock::now()).await;
        let status = attempt.status;
        match attempt.refused {
            None => Ok(()),
            Some(why) => Err(Undelivered::Refused { status, why }),
        }
    }

    /// The event's JSON; with a file, if one is wanted, in the field `file`.
    async fn body(&self, record: &Record, without_file: bool) -> Result<Bytes, Undelivered> {
        let file = match self.files.of(record).await {
            Ok(None) => return Ok(record.payload.clone()),
            Ok(Some(file)) => file,
            Err(missing) if missing.may_come && !without_file => {
                return Err(Undelivered::File(missing.why));
            }
            Err(missing) => missing.json(),
        };
        let mut body = record.payload.to_vec();
        // Into the object.
        body.pop();
        body.extend_from_slice(b",\"file\":");
        body.extend_from_slice(&file);
        body.push(b'}');
        Ok(Bytes::from(body))
    }
}

impl Webhook {
    /// A webhook with this name.
    #[must_use]
    pub const fn new(
        post: Post,
        name: String,
        letters: DeadLetters,
        attempts: u32,
        board: Arc<FeedBoard>,
    ) -> Self {
        Self {
            post,
            name,
            letters,
            attempts,
            board,
            tried: None,
        }
    }

    fn set_aside(&self, record: &Record, why: &Undelivered, attempts: u32) -> Result<(), Unstored> {
        let letter = Letter {
            id: record.mark.to_string(),
            webhook: self.name.clone(),
            agent: self.post.agent.clone(),
            kind: record.kind.clone(),
            error: why.to_string(),
            attempts,
            at: prost_types::Timestamp::from(clock::now()).to_string(),
        };
        self.letters
            .add(&letter)
            .map_err(|error| Unstored::new(error.to_string()))?;
        let Letter { id, error, .. } = &letter;
        let (agent, webhook) = (&letter.agent, &self.name);
        error!(agent, webhook, id, error, attempts, "dead letter");
        Ok(())
    }

    /// The receiver is gone (410): it gets nothing more.
    async fn stop(&self) -> ! {
        let (agent, webhook) = (&self.post.agent, &self.name);
        self.board.set_gone();
        warn!(
            agent,
            webhook, "the receiver is gone (HTTP 410): stopped until the relay is started again"
        );
        std::future::pending().await
    }
}

impl Sink for Webhook {
    const PAUSES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
    /// The receiver cannot be asked what it has, so what the cursor does not know is posted again after a kill.
    const MAX_UNACKED: u32 = 1;

    async fn begin(&mut self, _store: &[u8]) -> Result<(), Unstored> {
        Ok(())
    }

    async fn put(&mut self, record: &Record) -> Result<Stored, Unstored> {
        if self.letters.holds(&record.mark) {
            return Ok(Stored::SetAside);
        }
        let same = |tried: &Tried| tried.mark == record.mark;
        let mut tried = self.tried.take().filter(same).unwrap_or_else(|| Tried {
            mark: record.mark.clone(),
            judged: 0,
            missing: 0,
        });
        let without_file = tried.missing >= FILE_ATTEMPTS;
        let posted = self.post.once(record, without_file).await;
        let Err(why) = posted else {
            return Ok(Stored::Written);
        };
        self.board.failed();
        let mut retry_after = None;
        match &why {
            Undelivered::File(_) => tried.missing += 1,
            Undelivered::Refused { why, .. } => {
                if why.scope == Scope::Gone {
                    self.stop().await;
                }
                retry_after = why.retry_after.map(|asked| asked.min(MAX_RETRY_AFTER));
            }
        }
        tried.judged += u32::from(why.is_judged());
        if tried.judged >= self.attempts {
            self.set_aside(record, &why, tried.judged)?;
            return Ok(Stored::SetAside);
        }
        self.tried = Some(tried);
        Err(Unstored {
            why: why.to_string(),
            retry_after,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_that_is_away_judges_nothing() {
        let refused = |status: Option<u16>, scope| {
            let why = Refused {
                error: String::new(),
                scope,
                retry_after: None,
            };
            Undelivered::Refused { status, why }.is_judged()
        };
        for status in [
            None,
            Some(301),
            Some(408),
            Some(429),
            Some(502),
            Some(503),
            Some(504),
        ] {
            assert!(!refused(status, Scope::Receiver), "{status:?}");
        }
        for status in [500, 501, 507, 599] {
            assert!(refused(Some(status), Scope::Receiver), "{status}");
        }
        for status in [400, 401, 404, 413, 422] {
            assert!(refused(Some(status), Scope::Message), "{status}");
        }
    }
}
