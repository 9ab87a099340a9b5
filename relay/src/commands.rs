//! Commands to one agent: each is a `SendRequest`, is carried out once, and has its result published before it leaves the queue.
//!
//! A command is taken from the queue one at a time, in order. Its message id is the client token of the call, which the agent
//! keeps: a command that is delivered again, after a kill or a lost answer, sends no second message.

mod outcome;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{AckKind, Message};
use futures::StreamExt as _;
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use serde::Serialize;
use tonic::transport::Channel;
use tracing::{info, warn};

use crate::agent::Agent;
use crate::backoff::Backoff;
use crate::board::FeedBoard;
use crate::broker::{Broker, COMMANDS, RESULTS};
use crate::config;
use outcome::{Outcome, Refused};

/// The header with the client token.
const TOKEN: &str = "Nats-Msg-Id";
/// A command that is neither answered nor reported as in progress for this long is delivered again.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// The interval of the reports.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// Before a command is tried again.
const RETRY_DELAYS: openclaw_types::Backoff =
    openclaw_types::Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// A command that still fails for a transient reason is answered after this many deliveries: about six hours.
const MAX_DELIVERIES: i64 = 360;

/// The commands of one agent.
pub struct Commands {
    config: config::Agent,
    broker_config: config::Broker,
    agent: Agent,
    broker: Broker,
    board: Arc<FeedBoard>,
}

/// The JSON of a result. Absent members are `null`.
#[derive(Serialize)]
struct Answer<'a> {
    /// The client token, which is the command's message id. Empty if the command had none.
    token: &'a str,
    agent: &'a str,
    ok: bool,
    response: Option<&'a pb::SendResponse>,
    error: Option<&'a Refused>,
}

/// The queue cannot be read, or an answer not be written. What is in the queue stays there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Interrupted(String);

fn interrupted(error: impl std::fmt::Display) -> Interrupted {
    Interrupted(error.to_string())
}

impl Commands {
    /// Commands that are not taken yet.
    #[must_use]
    pub const fn new(
        config: config::Agent,
        broker_config: config::Broker,
        agent: Agent,
        broker: Broker,
        board: Arc<FeedBoard>,
    ) -> Self {
        Self {
            config,
            broker_config,
            agent,
            broker,
            board,
        }
    }

    /// Takes commands until the caller drops it.
    pub async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let Err(error) = self.take(&mut backoff).await;
            let pause = backoff.next_pause();
            warn!(agent = self.config.name, %error, retry_in_seconds = pause.as_secs_f64(), "commands interrupted");
            tokio::time::sleep(pause).await;
        }
    }

    /// Commands stay in the queue while the agent cannot be reached.
    async fn take(&self, backoff: &mut Backoff) -> Result<std::convert::Infallible, Interrupted> {
        let mut client = self.agent.connect().await.map_err(interrupted)?;
        self.broker.connected().await;
        let consumer = self.consumer().await?;
        let messages = consumer.stream().max_messages_per_batch(1);
        let mut messages = messages.messages().await.map_err(interrupted)?;
        info!(agent = self.config.name, "commands connected");
        loop {
            let message = messages.next().await;
            let message = message.ok_or_else(|| interrupted("the consumer is gone"))?;
            self.carry_out(&mut client, &message.map_err(interrupted)?)
                .await?;
            backoff.reset();
        }
    }

    async fn consumer(&self) -> Result<PullConsumer, Interrupted> {
        let config = &self.broker_config;
        self.broker.results(config).await.map_err(interrupted)?;
        let stream = self.broker.commands(config).await.map_err(interrupted)?;
        let name = format!("relay-{}", self.config.name);
        let consumer = pull::Config {
            durable_name: Some(name.clone()),
            filter_subject: format!("{COMMANDS}.{}", self.config.name),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: 1,
            ..Default::default()
        };
        let opened = stream.get_or_create_consumer(&name, consumer).await;
        opened.map_err(interrupted)
    }

    async fn carry_out(
        &self,
        client: &mut AgentClient<Channel>,
        message: &Message,
    ) -> Result<(), Interrupted> {
        let token = token(message);
        let outcome = match request(message, token) {
            Ok(request) => self.send(client, request, message).await?,
            Err(refused) => Outcome::Final(Err(refused)),
        };
        let deliveries = message.info().map_err(interrupted)?.delivered;
        let result = match outcome {
            Outcome::Transient(refused) if deliveries < MAX_DELIVERIES => {
                let delay = retry_delay(deliveries);
                warn!(
                    agent = self.config.name,
                    reason = refused.reason,
                    retry_in_seconds = delay.as_secs_f64(),
                    "command postponed"
                );
                self.board.postponed();
                let put_back = message.ack_with(AckKind::Nak(Some(delay))).await;
                put_back.map_err(interrupted)?;
                return match refused.is_lost() {
                    true => Err(interrupted("the connection to the agent is lost")),
                    false => Ok(()),
                };
            }
            Outcome::Transient(refused) => Err(refused),
            Outcome::Final(result) => result,
        };
        self.publish(token, message, &result).await?;
        // A refused command is done, too: as Term it would be reported to the operators of the server once more.
        message.double_ack().await.map_err(interrupted)?;
        self.board.answered();
        Ok(())
    }

    /// Calls the agent, and reports the command as in progress until it answers.
    async fn send(
        &self,
        client: &mut AgentClient<Channel>,
        request: pb::SendRequest,
        message: &Message,
    ) -> Result<Outcome, Interrupted> {
        let mut call = std::pin::pin!(client.send(request));
        loop {
            tokio::select! {
                answer = &mut call => return Ok(Outcome::of(answer.map(tonic::Response::into_inner))),
                () = tokio::time::sleep(PROGRESS_INTERVAL) => {
                    message.ack_with(AckKind::Progress).await.map_err(interrupted)?;
                }
            }
        }
    }

    async fn publish(
        &self,
        token: &str,
        message: &Message,
        result: &Result<Box<pb::SendResponse>, Refused>,
    ) -> Result<(), Interrupted> {
        let answer = Answer {
            token,
            agent: &self.config.name,
            ok: result.is_ok(),
            response: result.as_ref().ok().map(|response| &**response),
            error: result.as_ref().err(),
        };
        let json = serde_json::to_vec(&answer).expect("writing to memory does not fail");
        let seq = message.info().map_err(interrupted)?.stream_sequence;
        // Two commands may have one token: the position in the queue is their own.
        let id = format!("{token}-{seq}");
        let publish = PublishMessage::build()
            .payload(json.into())
            .message_id(id)
            .header("content-type", "application/json")
            .expected_stream(&self.broker_config.results_stream);
        let subject = format!("{RESULTS}.{}", self.config.name);
        let sent = self.broker.jetstream().send_publish(subject, publish).await;
        sent.map_err(interrupted)?.await.map_err(interrupted)?;
        Ok(())
    }
}

fn token(message: &Message) -> &str {
    let headers = message.headers.as_ref();
    let token = headers.and_then(|headers| headers.get(TOKEN));
    token.map_or("", |token| token.as_str())
}

/// The request of a command, with the token of its header.
fn request(message: &Message, token: &str) -> Result<pb::SendRequest, Refused> {
    if token.is_empty() {
        let hint = "set the header Nats-Msg-Id to a token of your choice, one for each message";
        return Err(Refused::command(
            "NO_TOKEN",
            "the command has no token",
            hint,
        ));
    }
    let read: Result<pb::SendRequest, _> = serde_json::from_slice(&message.payload);
    let mut request = read.map_err(|error| {
        // Without the parser's text, which may quote the message.
        let (line, column) = (error.line(), error.column());
        let why = format!("the command is not readable at line {line}, column {column}");
        let hint = "the payload is the JSON of a SendRequest";
        Refused::command("UNREADABLE", &why, hint)
    })?;
    if !request.client_token.is_empty() && request.client_token != token {
        let hint = "leave client_token out";
        return Err(Refused::command(
            "OTHER_TOKEN",
            "client_token differs from Nats-Msg-Id",
            hint,
        ));
    }
    token.clone_into(&mut request.client_token);
    Ok(request)
}

fn retry_delay(deliveries: i64) -> Duration {
    RETRY_DELAYS.after(u32::try_from(deliveries).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_minute() {
        let pauses: Vec<_> = (1..=8).map(|at| retry_delay(at).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(retry_delay(i64::MAX), Duration::from_secs(60));
        assert_eq!(retry_delay(0), Duration::from_secs(1));
    }
}
