//! Between the wire's types and ours. Every struct is taken apart field by field, so that a new
//! field cannot be forgotten.

use std::time::{Duration, SystemTime};

use openclaw_proto::v1 as pb;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::status::invalid;
use crate::agent::Status;
use crate::model::{
    Account, ChatId, Contact, Draft, Event, Frame, Kind, KindSet, Lid, Link, LinkState, Message,
    Method, Occurrence, PairFailure, PairRequest, Qr, Receipt, SendOutcome, SendState, Sent, Seq,
    Text, Undecryptable,
};
use crate::session::DEVICE_NAME;

const DEFAULT_PAIR: Duration = Duration::from_secs(5 * 60);
const LONGEST_PAIR: Duration = Duration::from_secs(30 * 60);
const DEFAULT_SEND: Duration = Duration::from_secs(30);
const LONGEST_SEND: Duration = Duration::from_secs(10 * 60);

/// A duration that is not positive or too long.
#[derive(Debug, thiserror::Error)]
#[error("must be more than nothing and at most {} s", .0.as_secs())]
struct BadDuration(Duration);

/// An enum value that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown value {0}")]
struct UnknownValue(i32);

fn duration(
    field: &str,
    given: Option<prost_types::Duration>,
    default: Duration,
    longest: Duration,
) -> Result<Duration, GrpcStatus> {
    let Some(given) = given else {
        return Ok(default);
    };
    // By hand: prost's own conversion overflows on the most negative values.
    let prost_types::Duration { seconds, nanos } = given;
    let duration = match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos @ 0..1_000_000_000)) => Duration::new(seconds, nanos),
        _ => Duration::ZERO,
    };
    if duration.is_zero() || duration > longest {
        return Err(invalid(field, &BadDuration(longest)));
    }
    Ok(duration)
}

pub(super) fn pair_request(request: pb::PairRequest) -> Result<PairRequest, GrpcStatus> {
    let pb::PairRequest {
        method,
        replace,
        timeout,
    } = request;
    let method = match method {
        None | Some(pb::pair_request::Method::Qr(pb::QrMethod {})) => Method::Qr,
        Some(pb::pair_request::Method::PhoneCode(pb::PhoneCodeMethod { phone })) => {
            Method::PhoneCode(
                phone
                    .parse()
                    .map_err(|error| invalid("phone_code.phone", &error))?,
            )
        }
    };
    let timeout = duration("timeout", timeout, DEFAULT_PAIR, LONGEST_PAIR)?;
    Ok(PairRequest {
        method,
        replace,
        timeout,
    })
}

pub(super) fn frame(frame: Frame) -> pb::PairFrame {
    use pb::pair_frame::Frame as Wire;
    use pb::passkey_challenge::Stage;
    let passkey = |stage| Wire::Passkey(pb::PasskeyChallenge { stage: Some(stage) });
    let frame = match frame {
        Frame::Qr(qr) => {
            let Qr {
                payload,
                size,
                modules,
                expires_at,
                ordinal,
            } = *qr;
            Wire::Qr(pb::QrCode {
                payload,
                size: size.into(),
                modules: modules.to_vec(),
                expires_at: Some(Timestamp::from(expires_at)),
                ordinal,
            })
        }
        Frame::PhoneCode { code, expires_at } => Wire::PhoneCode(pb::PhoneCode {
            code: code.0,
            expires_at: Some(Timestamp::from(expires_at)),
        }),
        Frame::PasskeyRequest(options) => passkey(Stage::RequestOptionsJson(options.0)),
        Frame::PasskeyConfirmation(code) => passkey(Stage::ConfirmationCode(code.0)),
        Frame::Scanned => Wire::Scanned(pb::Scanned {}),
        Frame::Linked { phone } => Wire::Linked(pb::Linked {
            phone: phone.e164(),
            device: DEVICE_NAME.to_owned(),
        }),
        Frame::Failed(failure) => Wire::Failed(pair_failure(failure)),
    };
    pb::PairFrame { frame: Some(frame) }
}

fn pair_failure(failure: PairFailure) -> pb::PairFailed {
    pb::PairFailed {
        reason: failure.name().to_owned(),
        hint: failure.hint().to_owned(),
    }
}

/// What to send, what to wait for, and for how long.
pub(super) fn send_request(
    request: pb::SendRequest,
) -> Result<(Draft, SendState, Duration), GrpcStatus> {
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
    } = request;
    if pb::SendState::try_from(given).is_err() {
        return Err(invalid("wait", &UnknownValue(given)));
    }
    let draft = Draft {
        to: to.parse().map_err(|error| invalid("to", &error))?,
        text: Text::try_from(text).map_err(|error| invalid("text", &error))?,
        token: match token.as_str() {
            "" => None,
            token => Some(token.parse().map_err(|error| invalid("token", &error))?),
        },
    };
    Ok((
        draft,
        wait,
        duration("timeout", timeout, DEFAULT_SEND, LONGEST_SEND)?,
    ))
}

pub(super) fn send_response(sent: Sent) -> pb::SendResponse {
    let Sent {
        id,
        token,
        state,
        server_ack_at,
        failure: _,
    } = sent;
    pb::SendResponse {
        message_id: id.as_str().to_owned(),
        state: send_state(state).into(),
        token: token.as_str().to_owned(),
        server_ack_at: server_ack_at.map(Timestamp::from),
    }
}

pub(super) fn kinds(kinds: Vec<i32>) -> Result<KindSet, GrpcStatus> {
    let known = kinds
        .into_iter()
        .map(|kind| match pb::EventKind::try_from(kind) {
            Ok(pb::EventKind::Message) => Ok(Kind::Message),
            Ok(pb::EventKind::Receipt) => Ok(Kind::Receipt),
            Ok(pb::EventKind::Link) => Ok(Kind::Link),
            Ok(pb::EventKind::Send) => Ok(Kind::Send),
            Ok(pb::EventKind::Undecryptable) => Ok(Kind::Undecryptable),
            Ok(pb::EventKind::Unspecified) | Err(_) => Err(invalid("kinds", &UnknownValue(kind))),
        });
    Ok(KindSet::of(known.collect::<Result<Vec<_>, _>>()?))
}

pub(super) fn event(event: Event) -> pb::Event {
    use pb::event::Kind as Wire;
    let Event { seq, at, what } = event;
    let kind = match what {
        Occurrence::Message(message) => Wire::Message(self::message(*message)),
        Occurrence::Receipt(receipt) => Wire::Receipt(self::receipt(receipt)),
        Occurrence::Link(link) => Wire::Link(link_status(*link, None)),
        Occurrence::Send(outcome) => Wire::Send(send_outcome(outcome)),
        Occurrence::Undecryptable(message) => Wire::Undecryptable(undecryptable(message)),
    };
    pb::Event {
        seq: seq.0,
        at: Some(Timestamp::from(at)),
        kind: Some(kind),
    }
}

fn message(message: Message) -> pb::Message {
    let Message {
        id,
        chat,
        sender,
        push_name,
        sent_at,
        from_me,
        group,
        content,
        text,
        offline,
    } = message;
    pb::Message {
        id: id.as_str().to_owned(),
        chat: chat_jid(&chat),
        sender: Some(contact(sender)),
        push_name,
        sent_at: Some(Timestamp::from(sent_at)),
        from_me,
        group,
        content: content.to_owned(),
        text,
        offline,
    }
}

fn receipt(receipt: Receipt) -> pb::Receipt {
    let Receipt {
        messages,
        chat,
        by,
        state,
    } = receipt;
    pb::Receipt {
        message_ids: messages.iter().map(|id| id.as_str().to_owned()).collect(),
        chat: chat_jid(&chat),
        by: Some(contact(by)),
        state: send_state(state).into(),
    }
}

fn send_outcome(outcome: SendOutcome) -> pb::SendOutcome {
    let SendOutcome {
        sent:
            Sent {
                id,
                token,
                state,
                server_ack_at: _,
                failure,
            },
        chat,
    } = outcome;
    pb::SendOutcome {
        token: token.as_str().to_owned(),
        message_id: id.as_str().to_owned(),
        chat: chat_jid(&chat),
        state: send_state(state).into(),
        reason: failure.unwrap_or_default().to_owned(),
    }
}

fn undecryptable(message: Undecryptable) -> pb::Undecryptable {
    let Undecryptable {
        id,
        chat,
        sender,
        reason,
    } = message;
    pb::Undecryptable {
        id: id.as_str().to_owned(),
        chat: chat_jid(&chat),
        sender: Some(contact(sender)),
        reason: reason.to_owned(),
    }
}

fn chat_jid(chat: &ChatId) -> String {
    chat.jid().to_owned()
}

fn contact(contact: Contact) -> pb::Contact {
    let Contact { phone, lid } = contact;
    pb::Contact {
        phone: phone.map(|phone| phone.e164()).unwrap_or_default(),
        lid: lid.as_ref().map(Lid::jid).unwrap_or_default(),
    }
}

fn send_state(state: SendState) -> pb::SendState {
    match state {
        SendState::Accepted => pb::SendState::Accepted,
        SendState::ServerAck => pb::SendState::ServerAck,
        SendState::Delivered => pb::SendState::Delivered,
        SendState::Read => pb::SendState::Read,
        SendState::Failed => pb::SendState::Failed,
    }
}

pub(super) fn status(status: Status) -> pb::StatusResponse {
    let Status {
        link,
        last_frame,
        pairing,
        started_at,
        events: (Seq(head), Seq(oldest)),
        counts,
    } = status;
    pb::StatusResponse {
        link: Some(link_status(link, last_frame)),
        started_at: Some(Timestamp::from(started_at)),
        events: Some(pb::EventRange { head, oldest }),
        build: Some(pb::Build {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            simulator: cfg!(feature = "sim"),
        }),
        storage: pb::Storage::Memory.into(),
        pairing,
        traffic: Some(pb::Traffic {
            received: counts.received,
            sent: counts.sent,
            undecryptable: counts.undecryptable,
        }),
    }
}

fn link_status(link: Link, last_frame: Option<SystemTime>) -> pb::LinkStatus {
    let Link {
        state,
        since,
        account,
        reason,
    } = link;
    let (attempt, retry_at) = match state {
        LinkState::BackingOff { attempt, until } => (attempt, Some(until)),
        _ => (0, None),
    };
    let banned_until = match state {
        LinkState::Banned { until } => until,
        _ => None,
    };
    let mut wire = pb::LinkStatus {
        state: link_state(state).into(),
        since: Some(Timestamp::from(since)),
        last_frame_at: last_frame.map(Timestamp::from),
        attempt,
        retry_at: retry_at.map(Timestamp::from),
        banned_until: banned_until.map(Timestamp::from),
        reason: reason.map(|reason| reason.to_string()).unwrap_or_default(),
        hint: state.hint().to_owned(),
        ..Default::default()
    };
    if let Some(Account {
        phone,
        lid,
        linked_at,
    }) = account
    {
        wire.phone = phone.e164();
        wire.lid = lid.as_ref().map(Lid::jid).unwrap_or_default();
        DEVICE_NAME.clone_into(&mut wire.device);
        wire.linked_at = Some(Timestamp::from(linked_at));
    }
    wire
}

fn link_state(state: LinkState) -> pb::LinkState {
    match state {
        LinkState::Unlinked => pb::LinkState::Unlinked,
        LinkState::Linking => pb::LinkState::Linking,
        LinkState::Connecting => pb::LinkState::Connecting,
        LinkState::Connected => pb::LinkState::Connected,
        LinkState::BackingOff { .. } => pb::LinkState::BackingOff,
        LinkState::LoggedOut => pb::LinkState::LoggedOut,
        LinkState::Replaced => pb::LinkState::Replaced,
        LinkState::Banned { .. } => pb::LinkState::Banned,
        LinkState::Outdated => pb::LinkState::Outdated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(
        change: impl FnOnce(&mut pb::SendRequest),
    ) -> Result<(Draft, SendState, Duration), GrpcStatus> {
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
        let (draft, wait, timeout) = send(|_| {}).unwrap();
        assert_eq!(
            (draft.token, wait, timeout),
            (None, SendState::ServerAck, DEFAULT_SEND)
        );
    }

    #[test]
    fn bad_requests_name_their_field_and_repeat_no_secret() {
        type Change = fn(&mut pb::SendRequest);
        let cases: [(&str, Change); 7] = [
            ("to", |r| r.to = "SECRET".into()),
            ("to", |r| r.to = String::new()),
            ("text", |r| r.text = String::new()),
            ("text", |r| r.text = "SECRET".repeat(20_000)),
            ("token", |r| r.token = "SECRET SECRET".into()),
            ("wait", |r| r.wait = 77),
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

    #[test]
    fn unknown_kinds_are_refused_and_none_means_all() {
        assert_eq!(kinds(vec![]).unwrap(), KindSet::ALL);
        for bad in [0, 99, -1] {
            assert!(kinds(vec![bad]).is_err());
        }
    }
}
