//! Sending: the draft, and what became of it.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::{UnknownValue, duration, send_state};
use crate::agent::{Answer, Terms};
use crate::clock;
use crate::grpc::status::invalid;
use crate::model::{Draft, Nack, SendState, Sent, Text, Token};
use crate::outbox::{Cancelled, Queued, Trouble};

const DEFAULT: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(10 * 60);
const DEFAULT_KEPT: Duration = Duration::from_secs(60 * 60);
const LONGEST_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A deadline for what is not kept at all.
#[derive(Debug, thiserror::Error)]
#[error("is for a message with `queue` only: use `timeout`")]
struct NotQueued;

/// What to send, and how.
pub(in crate::grpc) fn send_request(
    request: pb::SendRequest,
) -> Result<(Draft, Terms), GrpcStatus> {
    let wait = match request.wait() {
        pb::SendState::Unspecified | pb::SendState::ServerAck => SendState::ServerAck,
        pb::SendState::Accepted => SendState::Accepted,
        pb::SendState::Delivered => SendState::Delivered,
        pb::SendState::Read => SendState::Read,
        pb::SendState::Failed => return Err(invalid("wait", &UnknownValue(request.wait))),
    };
    let pb::SendRequest {
        to,
        text,
        token,
        wait: given,
        timeout,
        queue,
        deadline,
        seen: _,
    } = request;
    if pb::SendState::try_from(given).is_err() {
        return Err(invalid("wait", &UnknownValue(given)));
    }
    let draft = Draft {
        to: to.parse().map_err(|error| invalid("to", &error))?,
        text: Text::try_from(text).map_err(|error| invalid("text", &error))?,
        token: match token.as_str() {
            "" => None,
            token => Some(self::token(token)?),
        },
    };
    let keep = match (queue, deadline) {
        (false, Some(_)) => return Err(invalid("deadline", &NotQueued)),
        (false, None) => None,
        (true, deadline) => Some(duration("deadline", deadline, DEFAULT_KEPT, LONGEST_KEPT)?),
    };
    let timeout = duration("timeout", timeout, DEFAULT, LONGEST)?;
    let terms = Terms {
        wait,
        timeout,
        keep,
    };
    Ok((draft, terms))
}

fn token(text: &str) -> Result<Token, GrpcStatus> {
    text.parse().map_err(|error| invalid("token", &error))
}

pub(in crate::grpc) fn cancel_request(request: pb::CancelSendRequest) -> Result<Token, GrpcStatus> {
    let pb::CancelSendRequest { token } = request;
    self::token(&token)
}

pub(in crate::grpc) fn cancelled(cancelled: Cancelled) -> pb::CancelSendResponse {
    let Cancelled { id, never_sent } = cancelled;
    pb::CancelSendResponse {
        message_id: id.as_str().to_owned(),
        never_sent,
    }
}

pub(in crate::grpc) fn queue(queue: Vec<Queued>) -> pb::ListQueueResponse {
    let messages = queue.into_iter().map(queued).collect();
    pb::ListQueueResponse { messages }
}

fn queued(queued: Queued) -> pb::QueuedMessage {
    let Queued {
        token,
        id,
        to,
        since,
        until,
        handed,
        attempts,
        trouble,
        retry_at,
        nack,
        held,
    } = queued;
    pb::QueuedMessage {
        token: token.as_str().to_owned(),
        message_id: id.as_str().to_owned(),
        to: to.address(),
        queued_at: Some(Timestamp::from(clock::shown(since))),
        queued_until: Some(Timestamp::from(clock::shown(until))),
        handed_over: handed,
        attempts,
        reason: trouble.map_or("", Trouble::name).to_owned(),
        retry_at: retry_at.map(clock::shown).map(Timestamp::from),
        code: code(nack),
        meaning: meaning(nack),
        held,
    }
}

pub(in crate::grpc) fn send_response(answer: Answer) -> pb::SendResponse {
    let Answer {
        sent:
            Sent {
                id,
                token,
                state,
                server_ack_at,
                failure: _,
                nack,
            },
        queued_until,
        wait_ran_out,
    } = answer;
    pb::SendResponse {
        message_id: id.as_str().to_owned(),
        state: send_state(state).into(),
        token: token.as_str().to_owned(),
        server_ack_at: server_ack_at.map(Timestamp::from),
        queued_until: queued_until.map(clock::shown).map(Timestamp::from),
        wait_ran_out,
        code: code(nack),
        meaning: meaning(nack),
    }
}

/// 0 is none.
fn code(nack: Option<Nack>) -> u32 {
    nack.map_or(0, |Nack(code)| code.into())
}

fn meaning(nack: Option<Nack>) -> String {
    nack.map_or("", Nack::meaning).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(change: impl FnOnce(&mut pb::SendRequest)) -> Result<(Draft, Terms), GrpcStatus> {
        let mut request = pb::SendRequest {
            to: "+15550100123".into(),
            text: "hi".into(),
            ..Default::default()
        };
        change(&mut request);
        send_request(request)
    }

    #[test]
    fn send_waits_for_the_servers_ack_unless_told_otherwise() {
        let (draft, terms) = send(|_| {}).unwrap();
        let usual = Terms {
            wait: SendState::ServerAck,
            timeout: DEFAULT,
            keep: None,
        };
        assert_eq!((draft.token, terms), (None, usual));
    }

    #[test]
    fn what_is_queued_is_kept_for_an_hour_unless_told_otherwise() {
        let (_, terms) = send(|r| r.queue = true).unwrap();
        assert_eq!(terms.keep, Some(DEFAULT_KEPT));
        let day = prost_types::Duration {
            seconds: 86_400,
            nanos: 0,
        };
        let (_, terms) = send(|r| (r.queue, r.deadline) = (true, Some(day))).unwrap();
        assert_eq!(terms.keep, Some(Duration::from_secs(86_400)));
    }

    #[test]
    fn bad_requests_name_their_field_and_repeat_no_secret() {
        type Change = fn(&mut pb::SendRequest);
        let cases: [(&str, Change); 9] = [
            ("to", |r| r.to = "SECRET".into()),
            ("to", |r| r.to = String::new()),
            ("text", |r| r.text = String::new()),
            ("text", |r| r.text = "SECRET".repeat(20_000)),
            ("token", |r| r.token = "SECRET SECRET".into()),
            ("wait", |r| r.wait = 77),
            ("deadline", |r| {
                r.deadline = Some(prost_types::Duration::default());
            }),
            ("deadline", |r| {
                r.queue = true;
                r.deadline = Some(prost_types::Duration {
                    seconds: 8 * 86_400,
                    nanos: 0,
                });
            }),
            ("timeout", |r| {
                r.timeout = Some(prost_types::Duration {
                    seconds: -1,
                    nanos: 0,
                });
            }),
        ];
        for (field, change) in cases {
            let status = send(change).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            assert!(status.message().starts_with(field), "{}", status.message());
            assert!(!status.message().contains("SECRET"));
        }
    }
}
