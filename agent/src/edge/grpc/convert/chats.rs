//! Read receipts, typing and presence.

use openclaw_proto::convert::contact;
use openclaw_proto::v1 as pb;
use openclaw_types::{Activity, Doing, MessageRef, Recipient};
use openclaw_whatsapp::session::Typing;
use pb::watch_events_response::Item;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::outgoing::message_ref;
use crate::edge::grpc::status::invalid;

/// WhatsApp's clients put so many messages into one receipt.
const MAX_MESSAGES: usize = 256;
/// Each needs a subscription at WhatsApp.
const MAX_FOLLOWED_CHATS: usize = 64;

/// A list of the wrong length.
#[derive(Debug, thiserror::Error)]
#[error("must have 1 to {0} entries")]
pub(super) struct BadCount(pub(super) usize);

/// Presence in a stream that does not follow.
#[derive(Debug, thiserror::Error)]
#[error("is only for a stream with `follow`")]
struct NotFollowed;

pub(in crate::edge::grpc) fn mark_read_request(
    request: pb::MarkReadRequest,
) -> Result<Vec<MessageRef>, GrpcStatus> {
    let pb::MarkReadRequest { messages } = request;
    if !(1..=MAX_MESSAGES).contains(&messages.len()) {
        return Err(invalid("messages", &BadCount(MAX_MESSAGES)));
    }
    let messages = messages.into_iter().enumerate();
    messages
        .map(|(at, message)| message_ref(&format!("messages[{at}]"), Some(message)))
        .collect()
}

pub(in crate::edge::grpc) fn set_typing_request(
    request: pb::SetTypingRequest,
) -> Result<(Recipient, Typing), GrpcStatus> {
    let pb::SetTypingRequest { to, recording } = request;
    let to = to.parse().map_err(|error| invalid("to", &error))?;
    let what = match recording {
        true => Typing::Recording,
        false => Typing::Text,
    };
    Ok((to, what))
}

/// The chats whose presence a stream has.
pub(super) fn followed(chats: &[String], follow: bool) -> Result<Vec<Recipient>, GrpcStatus> {
    if chats.len() > MAX_FOLLOWED_CHATS {
        return Err(invalid("presence_of", &BadCount(MAX_FOLLOWED_CHATS)));
    }
    if !chats.is_empty() && !follow {
        return Err(invalid("presence_of", &NotFollowed));
    }
    let chats = chats.iter().map(|chat| chat.parse::<Recipient>());
    let chats: Result<Vec<_>, _> = chats.collect();
    chats.map_err(|error| invalid("presence_of", &error))
}

pub(in crate::edge::grpc) fn activity(activity: Activity) -> Item {
    let Activity { chat, who, what } = activity;
    let (chat, contact) = (chat.jid().to_owned(), Some(contact(who)));
    let state = match what {
        Doing::Online => {
            return Item::Presence(pb::Presence {
                chat,
                contact,
                online: true,
                last_seen: None,
            });
        }
        Doing::Offline { last_seen } => {
            return Item::Presence(pb::Presence {
                chat,
                contact,
                online: false,
                last_seen: last_seen.map(Timestamp::from),
            });
        }
        Doing::Typing => pb::TypingState::Typing,
        Doing::Recording => pb::TypingState::Recording,
        Doing::Stopped => pb::TypingState::Stopped,
    };
    Item::Typing(pb::Typing {
        chat,
        contact,
        state: state.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_request_names_its_field_and_repeats_no_secret() {
        let seq = |seq| pb::MessageRef {
            by: Some(pb::message_ref::By::Seq(seq)),
        };
        let request = |messages| mark_read_request(pb::MarkReadRequest { messages });
        assert!(request(vec![seq(1); MAX_MESSAGES]).is_ok());
        for (messages, field) in [
            (vec![], "messages:"),
            (vec![seq(1); MAX_MESSAGES + 1], "messages:"),
            (vec![seq(1), seq(0)], "messages[1].seq:"),
        ] {
            let refused = request(messages).unwrap_err();
            assert!(refused.message().starts_with(field), "{refused:?}");
        }
        let to = "SECRET".to_owned();
        let typing = pb::SetTypingRequest {
            to: to.clone(),
            recording: false,
        };
        let refused = [
            set_typing_request(typing).unwrap_err(),
            followed(&[to], true).unwrap_err(),
            followed(&["+15550100002".to_owned()], false).unwrap_err(),
            followed(&vec![String::new(); MAX_FOLLOWED_CHATS + 1], true).unwrap_err(),
        ];
        for refused in refused {
            assert_eq!(refused.code(), tonic::Code::InvalidArgument);
            assert!(!refused.message().contains("SECRET"));
        }
    }
}
