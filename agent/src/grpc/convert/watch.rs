//! Watching: what is asked for, and the consumers whose place is remembered.

use openclaw_proto::v1 as pb;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::UnknownValue;
use crate::grpc::status::invalid;
use crate::model::{
    ChatKind, ChatKinds, ChatSet, Consumer, ConsumerName, Filter, Kind, KindSet, MAX_CHATS, Seq,
};

/// What a WatchEvents call asks for.
pub(in crate::grpc) struct WatchRequest {
    pub(in crate::grpc) after: Option<Seq>,
    pub(in crate::grpc) follow: bool,
    pub(in crate::grpc) filter: Filter,
    pub(in crate::grpc) consumer: Option<ConsumerName>,
}

/// More chats than a filter may name.
#[derive(Debug, thiserror::Error)]
#[error("at most {MAX_CHATS} chats can be named")]
struct TooManyChats;

pub(in crate::grpc) fn watch_request(
    request: pb::WatchEventsRequest,
) -> Result<WatchRequest, GrpcStatus> {
    let pb::WatchEventsRequest {
        after,
        follow,
        kinds,
        chats,
        consumer,
        chat_kinds,
    } = request;
    Ok(WatchRequest {
        after: after.map(Seq),
        follow,
        filter: Filter {
            kinds: self::kinds(kinds)?,
            chats: self::chats(&chats)?,
            chat_kinds: self::chat_kinds(chat_kinds)?,
        },
        consumer: match consumer.as_str() {
            "" => None,
            name => Some(self::consumer(name)?),
        },
    })
}

fn kinds(kinds: Vec<i32>) -> Result<KindSet, GrpcStatus> {
    let known = kinds
        .into_iter()
        .map(|kind| match pb::EventKind::try_from(kind) {
            Ok(pb::EventKind::Message) => Ok(Kind::Message),
            Ok(pb::EventKind::Receipt) => Ok(Kind::Receipt),
            Ok(pb::EventKind::Link) => Ok(Kind::Link),
            Ok(pb::EventKind::Send) => Ok(Kind::Send),
            Ok(pb::EventKind::Undecryptable) => Ok(Kind::Undecryptable),
            Ok(pb::EventKind::Edit) => Ok(Kind::Edit),
            Ok(pb::EventKind::Deletion) => Ok(Kind::Deletion),
            Ok(pb::EventKind::Reaction) => Ok(Kind::Reaction),
            Ok(pb::EventKind::Lost) => Ok(Kind::Lost),
            Ok(pb::EventKind::Dropped) => Ok(Kind::Dropped),
            Ok(pb::EventKind::Rejected) => Ok(Kind::Rejected),
            Ok(pb::EventKind::Unspecified) | Err(_) => Err(invalid("kinds", &UnknownValue(kind))),
        });
    Ok(KindSet::of(known.collect::<Result<Vec<_>, _>>()?))
}

fn chat_kinds(kinds: Vec<i32>) -> Result<ChatKinds, GrpcStatus> {
    let known = kinds
        .into_iter()
        .map(|kind| match pb::ChatKind::try_from(kind) {
            Ok(pb::ChatKind::Person) => Ok(ChatKind::Person),
            Ok(pb::ChatKind::Group) => Ok(ChatKind::Group),
            Ok(pb::ChatKind::Status) => Ok(ChatKind::Status),
            Ok(pb::ChatKind::Channel) => Ok(ChatKind::Channel),
            Ok(pb::ChatKind::Unspecified) | Err(_) => {
                Err(invalid("chat_kinds", &UnknownValue(kind)))
            }
        });
    Ok(ChatKinds::of(known.collect::<Result<Vec<_>, _>>()?))
}

fn chats(chats: &[String]) -> Result<ChatSet, GrpcStatus> {
    if chats.len() > MAX_CHATS {
        return Err(invalid("chats", &TooManyChats));
    }
    let mut set = ChatSet::default();
    for chat in chats {
        set.add(chat).map_err(|error| invalid("chats", &error))?;
    }
    Ok(set)
}

pub(in crate::grpc) fn consumer(name: &str) -> Result<ConsumerName, GrpcStatus> {
    name.parse().map_err(|error| invalid("consumer", &error))
}

pub(in crate::grpc) fn consumers(consumers: Vec<Consumer>) -> pb::ListConsumersResponse {
    let consumers = consumers.into_iter().map(|consumer| {
        let Consumer {
            name,
            seq,
            acked_at,
        } = consumer;
        pb::Consumer {
            name: name.as_str().to_owned(),
            seq: seq.0,
            acked_at: Some(Timestamp::from(acked_at)),
        }
    });
    pb::ListConsumersResponse {
        consumers: consumers.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_are_refused_and_none_means_all() {
        assert_eq!(kinds(vec![]).unwrap(), KindSet::ALL);
        for bad in [0, 99, -1] {
            assert!(kinds(vec![bad]).is_err());
            assert!(chat_kinds(vec![bad]).is_err());
        }
    }

    #[test]
    fn a_chat_that_is_none_is_refused_and_not_repeated() {
        let refused = chats(&["SECRET".to_owned()]).unwrap_err();
        assert!(refused.message().starts_with("chats") && !refused.message().contains("SECRET"));
        assert!(chats(&vec!["1@lid".to_owned(); MAX_CHATS + 1]).is_err());
        assert!(chats(&vec!["1@lid".to_owned(); MAX_CHATS]).is_ok());
    }
}
