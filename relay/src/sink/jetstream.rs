//! Events into a JetStream stream: the newest messages are read back from the stream's leader, and each publish names the
//! message that it follows. `ledger` decides.

use async_nats::HeaderMap;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, ErrorCode};
use bytes::Bytes;
use openclaw_types::Backoff;

use super::{Sink, Stored, Unstored};
use crate::backoff;
use crate::broker::{Broker, EVENTS};
use crate::config;
use crate::ledger::{Ledger, Mark, Newest, Step};
use crate::record::Record;

/// The header with the id of a message; the server drops a second one within its duplicate window.
const MESSAGE_ID: &str = "Nats-Msg-Id";
/// The header of an event that is too large: the size of its JSON, in bytes.
pub const OMITTED: &str = "Openclaw-Omitted-Bytes";

/// The sink of one agent's events.
pub struct JetStream {
    broker: Broker,
    config: config::Broker,
    /// The agent's name in subjects.
    agent: String,
    /// Absent until it was reached once.
    stream: Option<Stream>,
    ledger: Ledger,
}

impl JetStream {
    /// A sink for an agent. The stream is opened with the first call.
    #[must_use]
    pub fn new(broker: Broker, config: config::Broker, agent: String) -> Self {
        Self {
            broker,
            config,
            agent,
            stream: None,
            ledger: Ledger::default(),
        }
    }

    fn subject(&self, kind: &str) -> String {
        format!("{EVENTS}.{}.{kind}", self.agent)
    }

    /// The newest message of the agent's subject for this kind, or of all its subjects (`>`). The stream's leader answers.
    async fn newest(&mut self, kind: &str) -> Result<Newest, Unstored> {
        let subject = self.subject(kind);
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let opened = self.broker.events(&self.config).await.map_err(unstored)?;
                none.insert(opened)
            }
        };
        match stream.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => {
                let id = message.headers.get(MESSAGE_ID);
                Ok(Newest {
                    stream_seq: message.sequence,
                    mark: id.and_then(|id| id.as_str().parse().ok()),
                })
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                Ok(Newest::default())
            }
            Err(error) => {
                // It may be gone: the next attempt opens it again.
                self.stream = None;
                Err(unstored(error))
            }
        }
    }

    /// Publishes the record; where the whole is too large for the server or the stream, its envelope.
    async fn publish(
        &self,
        record: &Record,
        follows: u64,
    ) -> Result<(PublishAck, Stored), PublishError> {
        let whole = self.publish_as(
            record,
            &record.payload,
            headers(&self.agent, record),
            follows,
        );
        match whole.await {
            Err(error) if is_too_large(&error) => {
                let mut headers = headers(&self.agent, record);
                headers.insert(OMITTED, record.payload.len().to_string());
                let ack = self
                    .publish_as(record, &record.envelope, headers, follows)
                    .await?;
                Ok((ack, Stored::Omitted))
            }
            whole => whole.map(|ack| (ack, Stored::Written)),
        }
    }

    async fn publish_as(
        &self,
        record: &Record,
        payload: &Bytes,
        headers: HeaderMap,
        follows: u64,
    ) -> Result<PublishAck, PublishError> {
        let message = PublishMessage::build()
            .headers(headers)
            .payload(payload.clone())
            .message_id(record.mark.to_string())
            .expected_stream(&self.config.events_stream)
            .expected_last_subject_sequence(follows);
        let subject = self.subject(&record.kind);
        let sent = self
            .broker
            .jetstream()
            .send_publish(subject, message)
            .await?;
        sent.await
    }
}

impl Sink for JetStream {
    const PAUSES: Backoff = backoff::PAUSES;
    /// A move is an fsync at the agent, and a cursor that is behind costs nothing, because the stream is read back.
    const MAX_UNACKED: u32 = 64;

    async fn begin(&mut self, store: &[u8]) -> Result<(), Unstored> {
        self.broker.connected().await;
        let newest = self.newest(">").await?;
        self.ledger = Ledger::begin(store, newest.mark);
        Ok(())
    }

    async fn put(&mut self, record: &Record) -> Result<Stored, Unstored> {
        let Record {
            mark: Mark { seq, .. },
            kind,
            ..
        } = record;
        loop {
            self.broker.connected().await;
            match self.ledger.step(kind, *seq) {
                Step::Skip => return Ok(Stored::Known),
                Step::Read => {
                    let newest = self.newest(kind).await?;
                    self.ledger.read(kind, newest);
                }
                Step::Publish(follows) => match self.publish(record, follows).await {
                    Ok((ack, stored)) => {
                        self.ledger.stored(kind, *seq, ack.sequence);
                        return Ok(if ack.duplicate { Stored::Known } else { stored });
                    }
                    Err(error) => {
                        self.ledger.doubt(kind);
                        // Another relay was faster, or an answer was lost: what the subject holds now is read next.
                        if error.kind() != PublishErrorKind::WrongLastSequence {
                            return Err(unstored(error));
                        }
                    }
                },
            }
        }
    }
}

fn headers(agent: &str, record: &Record) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in record.cloud_event(agent) {
        headers.insert(name, value);
    }
    headers.insert("content-type", "application/json");
    headers
}

fn is_too_large(error: &PublishError) -> bool {
    let source = std::error::Error::source(error);
    let answer = source.and_then(|source| source.downcast_ref::<jetstream::Error>());
    error.kind() == PublishErrorKind::MaxPayloadExceeded
        || answer
            .is_some_and(|answer| answer.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)
}

fn unstored(error: impl std::fmt::Display) -> Unstored {
    Unstored::new(error.to_string())
}
