//! Sending: the draft, and its outcome.

use std::time::Duration;

use openclaw_proto::convert::{contact, nack, send_state};
use openclaw_proto::v1 as pb;
use openclaw_state::clock;
use openclaw_state::outbox::{AttemptError, Cancelled, Queued};
use openclaw_types::{Draft, SendState, Sent, Token};
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::outgoing::outgoing;
use super::{Page, UnknownValue, duration, page};
use crate::edge::grpc::status::invalid;
use crate::link::{Answer, SendOptions};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_TIMEOUT: Duration = Duration::from_secs(10 * 60);
const DEFAULT_KEEP_FOR: Duration = Duration::from_secs(60 * 60);
const MAX_KEEP_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// `keep_for` without `queue`.
#[derive(Debug, thiserror::Error)]
#[error("is only for a message with `queue`: use `timeout`")]
struct NotQueued;

/// Converts a request to the draft and its options.
pub(in crate::edge::grpc) fn send_request(
    request: pb::SendRequest,
) -> Result<(Draft, SendOptions), GrpcStatus> {
    let wait = match request.wait() {
        pb::SendState::Unspecified | pb::SendState::ServerAck => SendState::ServerAck,
        pb::SendState::Accepted => SendState::Accepted,
        pb::SendState::Delivered => SendState::Delivered,
        pb::SendState::Read => SendState::Read,
        pb::SendState::Failed => return Err(invalid("wait", &UnknownValue(request.wait))),
    };
    let pb::SendRequest {
        to,
        payload,
        reply_to,
        client_token,
        wait: given,
        timeout,
        queue,
        keep_for,
        seen: _,
    } = request;
    if pb::SendState::try_from(given).is_err() {
        return Err(invalid("wait", &UnknownValue(given)));
    }
    let what = outgoing(payload, reply_to)?;
    let to = match to.as_str() {
        "" if what.subject().is_some() => None,
        to => Some(to.parse().map_err(|error| invalid("to", &error))?),
    };
    let draft = Draft {
        to,
        what,
        token: match client_token.as_str() {
            "" => None,
            token => Some(self::token(token)?),
        },
    };
    let keep = match (queue, keep_for) {
        (false, Some(_)) => return Err(invalid("keep_for", &NotQueued)),
        (false, None) => None,
        (true, keep_for) => Some(duration(
            "keep_for",
            keep_for,
            DEFAULT_KEEP_FOR,
            MAX_KEEP_FOR,
        )?),
    };
    let timeout = duration("timeout", timeout, DEFAULT_TIMEOUT, MAX_TIMEOUT)?;
    let options = SendOptions {
        wait,
        timeout,
        keep,
    };
    Ok((draft, options))
}

fn token(text: &str) -> Result<Token, GrpcStatus> {
    text.parse()
        .map_err(|error| invalid("client_token", &error))
}

pub(in crate::edge::grpc) fn cancel_request(
    request: pb::CancelSendRequest,
) -> Result<Token, GrpcStatus> {
    let pb::CancelSendRequest { client_token } = request;
    token(&client_token)
}

pub(in crate::edge::grpc) fn cancelled(cancelled: Cancelled) -> pb::CancelSendResponse {
    let Cancelled { id, never_sent } = cancelled;
    pb::CancelSendResponse {
        message_id: id.as_str().to_owned(),
        never_sent,
    }
}

pub(in crate::edge::grpc) fn queue(
    request: &pb::ListQueueRequest,
    queue: Vec<Queued>,
) -> Result<pb::ListQueueResponse, GrpcStatus> {
    let pb::ListQueueRequest {
        page_size,
        page_token,
    } = request;
    let Page { items, next, total } = page(queue, *page_size, page_token, |it| it.order)?;
    Ok(pb::ListQueueResponse {
        messages: items.into_iter().map(queued).collect(),
        next_page_token: next,
        total_size: super::count(total),
    })
}

fn queued(queued: Queued) -> pb::QueuedMessage {
    let Queued {
        order: _,
        token,
        id,
        to,
        since,
        until,
        handed,
        attempts,
        last_error,
        retry_at,
        nack: refused,
        held,
    } = queued;
    pb::QueuedMessage {
        client_token: token.as_str().to_owned(),
        message_id: id.as_str().to_owned(),
        to: to.address(),
        queued_at: Some(Timestamp::from(clock::shown(since))),
        queued_until: Some(Timestamp::from(clock::shown(until))),
        handed_over: handed,
        attempts,
        reason: last_error.map(reason).unwrap_or_default().into(),
        retry_at: retry_at.map(clock::shown).map(Timestamp::from),
        nack: refused.map(nack),
        held,
    }
}

pub(in crate::edge::grpc) fn send_response(answer: Answer) -> pb::SendResponse {
    let Answer {
        sent:
            Sent {
                id,
                token,
                state,
                server_ack_at,
                failure: _,
                nack: refused,
            },
        chat,
        recipient,
        queued_until,
        wait_expired,
    } = answer;
    pb::SendResponse {
        message_id: id.as_str().to_owned(),
        state: send_state(state).into(),
        client_token: token.as_str().to_owned(),
        chat: chat.jid().to_owned(),
        recipient: recipient.map(contact),
        server_ack_at: server_ack_at.map(Timestamp::from),
        queued_until: queued_until.map(clock::shown).map(Timestamp::from),
        wait_expired,
        nack: refused.map(nack),
    }
}

const fn reason(last_error: AttemptError) -> pb::SendReason {
    match last_error {
        AttemptError::ConnectionLost => pb::SendReason::ConnectionLost,
        AttemptError::NotConnected => pb::SendReason::NotConnected,
        AttemptError::NotChecked(_) => pb::SendReason::NotChecked,
        AttemptError::NotEncrypted => pb::SendReason::NotEncrypted,
        AttemptError::NotOnWhatsApp => pb::SendReason::NotOnWhatsapp,
        AttemptError::NotAllowedTo => pb::SendReason::NotAllowedTo,
        AttemptError::Refused(_) => pb::SendReason::RefusedByServer,
        AttemptError::ServerError(_) => pb::SendReason::ServerError,
        AttemptError::Restricted => pb::SendReason::Restricted,
        AttemptError::Held => pb::SendReason::Held,
        AttemptError::NotUploaded => pb::SendReason::NotUploaded,
        AttemptError::FileRefused(_) => pb::SendReason::FileRefused,
        AttemptError::FileGone => pb::SendReason::FileGone,
    }
}

#[cfg(test)]
mod tests {
    use openclaw_proto::v1::content::Kind;
    use openclaw_proto::v1::send_request::Payload;

    use super::*;

    fn send(change: impl FnOnce(&mut pb::SendRequest)) -> Result<(Draft, SendOptions), GrpcStatus> {
        let mut request = pb::SendRequest::of_text("+15550100123", "hi");
        change(&mut request);
        send_request(request)
    }

    #[test]
    fn send_waits_for_the_servers_ack_by_default() {
        let (draft, options) = send(|_| {}).unwrap();
        let usual = SendOptions {
            wait: SendState::ServerAck,
            timeout: DEFAULT_TIMEOUT,
            keep: None,
        };
        assert_eq!((draft.token, options), (None, usual));
    }

    #[test]
    fn a_queued_message_is_kept_for_an_hour_by_default() {
        let (_, options) = send(|r| r.queue = true).unwrap();
        assert_eq!(options.keep, Some(DEFAULT_KEEP_FOR));
        let day = prost_types::Duration {
            seconds: 86_400,
            nanos: 0,
        };
        let (_, options) = send(|r| (r.queue, r.keep_for) = (true, Some(day))).unwrap();
        assert_eq!(options.keep, Some(Duration::from_secs(86_400)));
    }

    fn text(body: String) -> Option<Payload> {
        Some(Payload::Content(pb::Content::of_text(body)))
    }

    #[test]
    fn unsupported_content_is_refused_and_not_dropped() {
        type Change = fn(&mut pb::SendRequest);
        let cases: [(&str, Change); 1] = [("content.group_invite", |r| {
            let kind = Some(Kind::GroupInvite(pb::GroupInvite::default()));
            r.payload = Some(Payload::Content(pb::Content {
                kind,
                ..Default::default()
            }));
        })];
        for (field, change) in cases {
            let status = send(change).unwrap_err();
            assert_eq!(status.code(), tonic::Code::Unimplemented, "{field}");
            assert!(status.message().starts_with(field), "{}", status.message());
        }
    }

    #[test]
    fn a_file_is_named_by_what_its_upload_returned_and_by_nothing_else() {
        let media_id = format!("m-{}", "0".repeat(48));
        let file = |media_id: &str, caption: &str, width| pb::Media {
            media_id: media_id.into(),
            caption: caption.into(),
            width,
            ..Default::default()
        };
        let sent = |media: pb::Media| {
            send(|r| {
                r.payload = Some(Payload::Content(pb::Content {
                    kind: Some(Kind::Media(media)),
                    ..Default::default()
                }));
            })
        };
        assert!(sent(file(&media_id, "hi", 0)).is_ok());
        for (field, media) in [
            ("content.media.media_id", file("", "", 0)),
            ("content.media.media_id", file("../../etc/passwd", "", 0)),
            (
                "content.media.caption",
                file(&media_id, &"x".repeat(4_097), 0),
            ),
            ("content.media", file(&media_id, "", 5)),
        ] {
            let status = sent(media).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            assert!(status.message().starts_with(field), "{}", status.message());
        }
    }

    #[test]
    fn bad_requests_name_their_field_and_repeat_no_secret() {
        type Change = fn(&mut pb::SendRequest);
        let cases: [(&str, Change); 12] = [
            ("to", |r| r.to = "SECRET".into()),
            ("to", |r| r.to = String::new()),
            ("content.text.body", |r| r.payload = text(String::new())),
            ("content.text.body", |r| {
                r.payload = text("SECRET".repeat(20_000));
            }),
            ("content.kind", |r| {
                r.payload = Some(Payload::Content(pb::Content::default()));
            }),
            ("content.truncated", |r| {
                r.payload = Some(Payload::Content(pb::Content {
                    truncated: true,
                    ..pb::Content::of_text("SECRET")
                }));
            }),
            ("payload", |r| r.payload = None),
            ("client_token", |r| r.client_token = "SECRET SECRET".into()),
            ("wait", |r| r.wait = 77),
            ("keep_for", |r| {
                r.keep_for = Some(prost_types::Duration::default());
            }),
            ("keep_for", |r| {
                r.queue = true;
                r.keep_for = Some(prost_types::Duration {
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
