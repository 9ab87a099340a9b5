//! Older messages from the account's phone.

use std::time::SystemTime;

use openclaw_proto::convert::contact;
use openclaw_proto::v1 as pb;
use openclaw_types::{ChatId, MessageRef};
use openclaw_whatsapp::session::{HistoryPosition, MAX_HISTORY_MESSAGES};
use pb::fetch_history_request::Start as Wire;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::outgoing::message_ref;
use crate::edge::grpc::status::invalid;
use crate::link::HistoryFrom;

/// A count that is too large.
#[derive(Debug, thiserror::Error)]
#[error("must be at most {MAX_HISTORY_MESSAGES}")]
struct TooMany;

/// No message and no chat.
#[derive(Debug, thiserror::Error)]
#[error("is missing: name a message, or a `chat`")]
struct Missing;

/// A time that is none.
#[derive(Debug, thiserror::Error)]
#[error("is not a time after 1970")]
struct BadTime;

pub(in crate::edge::grpc) fn fetch_history_request(
    request: pb::FetchHistoryRequest,
) -> Result<(HistoryFrom, u32), GrpcStatus> {
    let pb::FetchHistoryRequest {
        start,
        sent_at,
        count,
    } = request;
    let count = match count {
        0 => MAX_HISTORY_MESSAGES,
        1..=MAX_HISTORY_MESSAGES => count,
        _ => return Err(invalid("count", &TooMany)),
    };
    let from = match start {
        None => return Err(invalid("before", &Missing)),
        Some(Wire::Before(of)) => {
            let of: MessageRef = message_ref("before", Some(of))?;
            HistoryFrom::Message(of, sent_at.map(time).transpose()?)
        }
        Some(Wire::Chat(chat)) => {
            let chat = chat.parse().map_err(|error| invalid("chat", &error))?;
            HistoryFrom::Chat(chat)
        }
    };
    Ok((from, count))
}

/// The reference to an entry of the phone's history.
pub(in crate::edge::grpc) fn history_key(
    chat: &ChatId,
    position: HistoryPosition,
) -> pb::MessageRef {
    let key = pb::MessageKey {
        chat: chat.jid().to_owned(),
        id: position.id.into(),
        sender: position.sender.map(contact),
    };
    let by = Some(pb::message_ref::By::Key(key));
    pb::MessageRef { by }
}

fn time(at: Timestamp) -> Result<SystemTime, GrpcStatus> {
    let at = SystemTime::try_from(at).ok();
    let at = at.filter(|at| *at > SystemTime::UNIX_EPOCH);
    at.ok_or_else(|| invalid("sent_at", &BadTime))
}

#[cfg(test)]
mod tests {
    use pb::message_ref::By;

    use super::*;

    #[test]
    fn a_bad_request_names_its_field_and_repeats_no_secret() {
        let seq = |seq| {
            let by = Some(By::Seq(seq));
            Some(Wire::Before(pb::MessageRef { by }))
        };
        let request = |start, seconds, count| {
            let sent_at = Some(Timestamp { seconds, nanos: 0 });
            fetch_history_request(pb::FetchHistoryRequest {
                start,
                sent_at,
                count,
            })
        };
        assert_eq!(request(seq(1), 1, 0).unwrap().1, 50);
        let chat = |chat: &str| Some(Wire::Chat(chat.to_owned()));
        for (refused, field) in [
            (request(None, 1, 0), "before:"),
            (request(seq(0), 1, 0), "before.seq:"),
            (request(seq(1), 0, 0), "sent_at:"),
            (request(seq(1), i64::MIN, 0), "sent_at:"),
            (request(seq(1), 1, 51), "count:"),
            (request(chat("SECRET"), 1, 0), "chat:"),
        ] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.code(), tonic::Code::InvalidArgument);
            assert!(refused.message().starts_with(field), "{refused:?}");
            assert!(!refused.message().contains("SECRET"));
        }
    }
}
