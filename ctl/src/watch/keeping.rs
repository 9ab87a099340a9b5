//! Stores the cursor between runs: in a file of this user, written right after each print, or on the agent as a
//! consumer, acknowledged when the stream is idle.

use std::time::Duration;

use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::{AckEventsRequest, StatusResponse};
use tonic::Code;
use tonic::transport::Channel;

use super::cursor::Cursor;
use super::cursor_file::{CursorFile, Error};
use super::notes::Notes;
use crate::cli::WatchArgs;
use crate::failure::{Failure, is_transport};

/// How many printed events may be unacknowledged while more arrive.
const MAX_UNACKED_EVENTS: u64 = 256;
/// How long an acknowledgement may take.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);

/// Stores the cursor: in a file, or on the agent as a consumer's.
pub(super) struct CursorKeeper<'a> {
    args: &'a WatchArgs,
    /// The agent's store, once known.
    store: Option<Vec<u8>>,
    place: Option<CursorFile>,
    /// The last stored position.
    kept: Option<u64>,
    unacked: u64,
    agent: Option<AgentClient<Channel>>,
    warned: bool,
}

impl<'a> CursorKeeper<'a> {
    pub(super) fn new(args: &'a WatchArgs) -> Self {
        Self {
            args,
            store: None,
            place: None,
            kept: None,
            unacked: 0,
            agent: None,
            warned: false,
        }
    }

    /// Takes the store of the events from `status`, and with it the position of the last watch. The position of this
    /// run takes precedence.
    pub(super) fn attach(&mut self, status: &StatusResponse, cursor: &mut Cursor, notes: &Notes) {
        let store = status.vault.as_ref().map(|vault| vault.store_id.clone());
        let Some(store) = store.filter(|store| !store.is_empty()) else {
            return;
        };
        if self.store.as_ref() == Some(&store) {
            return;
        }
        let another = self.store.is_some();
        self.store = Some(store.clone());
        self.kept = None;
        if another {
            notes.note("the agent has a new store with new events", "new_store");
        }
        if self.args.consumer.is_some() {
            // The new store creates the consumer at its head: this run has seen nothing before that.
            if another {
                cursor.place(0);
            }
            return;
        }
        let loaded = CursorFile::of(&store, &self.args.filter).and_then(|place| {
            let loaded = place.load();
            self.place = Some(place);
            loaded
        });
        let ended = loaded.unwrap_or_else(|error| {
            self.warn(&error, notes);
            None
        });
        match ended {
            // No event of this store was printed yet.
            None if another => cursor.place(0),
            // With `--once`, no other events would be printed.
            None if self.args.no_follow && !cursor.is_placed() => cursor.place(0),
            Some(ended) if another || !cursor.is_placed() => cursor.place(ended),
            _ => {}
        }
    }

    /// Takes the new connection.
    pub(super) fn connected(&mut self, agent: AgentClient<Channel>) {
        self.agent = Some(agent);
    }

    /// Handles a printed event.
    pub(super) async fn reported(&mut self, cursor: &Cursor, notes: &Notes) -> Result<(), Failure> {
        if self.args.consumer.is_some() {
            self.unacked += 1;
            if self.unacked >= MAX_UNACKED_EVENTS {
                self.rest(cursor).await?;
            }
            return Ok(());
        }
        let reported = cursor.reported();
        if let (Some(place), Some(seq), true) = (&self.place, reported, reported > self.kept) {
            self.kept = reported;
            if let Err(error) = place.advance(seq) {
                self.warn(&error, notes);
            }
        }
        Ok(())
    }

    /// The agent's events start over.
    pub(super) fn start_over(&mut self, notes: &Notes) {
        self.kept = None;
        if let Some(Err(error)) = self.place.as_ref().map(|place| place.put(0)) {
            self.warn(&error, notes);
        }
    }

    /// Acknowledges the consumer's position while the stream is idle. A lost connection is detected elsewhere, and the
    /// acknowledgement is repeated after it.
    pub(super) async fn rest(&mut self, cursor: &Cursor) -> Result<(), Failure> {
        self.unacked = 0;
        let reported = cursor.reported();
        let (Some(consumer), Some(seq), Some(agent), true) = (
            &self.args.consumer,
            reported,
            &mut self.agent,
            reported > self.kept,
        ) else {
            return Ok(());
        };
        let request = AckEventsRequest {
            consumer: consumer.clone(),
            seq,
            go_back: false,
        };
        match tokio::time::timeout(ACK_TIMEOUT, agent.ack_events(request)).await {
            Ok(Ok(_)) => {
                self.kept = reported;
                Ok(())
            }
            Ok(Err(status)) if !is_transport(&status) && status.code() != Code::Unavailable => {
                Err(Failure::from(status))
            }
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// Acknowledges the last position at the end.
    pub(super) async fn finish(&mut self, cursor: &Cursor) {
        // If it fails, the next watch prints some events again.
        let _ = self.rest(cursor).await;
    }

    /// Warns once.
    fn warn(&mut self, error: &Error, notes: &Notes) {
        if !std::mem::replace(&mut self.warned, true) {
            notes.no_place(error);
        }
    }
}
