//! WatchEvents and ListEvents requests, and consumers with their cursors.

use openclaw_proto::{Word, v1 as pb};
use openclaw_types::{
    ChatKind, ChatKinds, ChatSet, Consumer, ConsumerName, Filter, Kind, KindSet, MAX_CHATS,
    Recipient, Seq,
};
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::chats::followed;
use super::page::BadToken;
use super::{UnknownValue, page};
use crate::edge::grpc::status::invalid;

/// The default and the largest size of a page of events or chats.
const DEFAULT_PAGE: usize = 50;
const MAX_PAGE: usize = 500;

/// A parsed WatchEvents request.
pub(in crate::edge::grpc) struct WatchRequest {
    pub(in crate::edge::grpc) after: Option<Seq>,
    pub(in crate::edge::grpc) follow: bool,
    pub(in crate::edge::grpc) filter: Filter,
    pub(in crate::edge::grpc) consumer: Option<ConsumerName>,
    /// Whose presence and typing is streamed.
    pub(in crate::edge::grpc) followed: Vec<Recipient>,
}

/// The filter has too many chats.
#[derive(Debug, thiserror::Error)]
#[error("at most {MAX_CHATS} chats can be named")]
struct TooManyChats;

pub(in crate::edge::grpc) fn watch_request(
    request: pb::WatchEventsRequest,
) -> Result<WatchRequest, GrpcStatus> {
    let pb::WatchEventsRequest {
        after,
        follow,
        filter,
        consumer,
        presence_of,
    } = request;
    Ok(WatchRequest {
        followed: followed(&presence_of, follow)?,
        after: after.map(Seq),
        follow,
        filter: self::filter(filter)?,
        consumer: match consumer.as_str() {
            "" => None,
            name => Some(self::consumer(name)?),
        },
    })
}

/// A parsed ListEvents request.
pub(in crate::edge::grpc) struct ListRequest {
    pub(in crate::edge::grpc) filter: Filter,
    pub(in crate::edge::grpc) size: usize,
    /// Only events before this one; `None`: from the head.
    pub(in crate::edge::grpc) before: Option<Seq>,
}

pub(in crate::edge::grpc) fn list_request(
    request: pb::ListEventsRequest,
) -> Result<ListRequest, GrpcStatus> {
    let pb::ListEventsRequest {
        filter,
        page_size,
        page_token,
    } = request;
    let before = match page_token.as_str() {
        "" => None,
        token => {
            let before = token.parse();
            Some(before.map_err(|_| invalid("page_token", &BadToken))?)
        }
    };
    Ok(ListRequest {
        filter: self::filter(filter)?,
        size: page_size_of(page_size),
        before: before.map(Seq),
    })
}

pub(super) fn page_size_of(requested: u32) -> usize {
    match usize::try_from(requested) {
        Ok(size @ 1..) => size.min(MAX_PAGE),
        _ => DEFAULT_PAGE,
    }
}

/// Empty on the last page.
pub(in crate::edge::grpc) fn page_token(before: Option<Seq>) -> String {
    before.map_or_else(String::new, |Seq(seq)| seq.to_string())
}

fn filter(filter: Option<pb::EventFilter>) -> Result<Filter, GrpcStatus> {
    let pb::EventFilter {
        kinds,
        chats,
        chat_kinds,
    } = filter.unwrap_or_default();
    Ok(Filter {
        kinds: self::kinds(kinds)?,
        chats: self::chats(&chats)?,
        chat_kinds: self::chat_kinds("filter.chat_kinds", chat_kinds)?,
    })
}

fn kinds(kinds: Vec<i32>) -> Result<KindSet, GrpcStatus> {
    let known = kinds.into_iter().map(|kind| {
        let name = pb::EventKind::try_from(kind).map(Word::word);
        let mut all = Kind::ALL.iter().copied();
        let known = all.find(|known| name == Ok(known.name()));
        known.ok_or_else(|| invalid("filter.kinds", &UnknownValue(kind)))
    });
    Ok(KindSet::of(known.collect::<Result<Vec<_>, _>>()?))
}

/// `field` is the name of the list in the request.
pub(super) fn chat_kinds(field: &str, kinds: Vec<i32>) -> Result<ChatKinds, GrpcStatus> {
    let known = kinds
        .into_iter()
        .map(|kind| match pb::ChatKind::try_from(kind) {
            Ok(pb::ChatKind::Person) => Ok(ChatKind::Person),
            Ok(pb::ChatKind::Group) => Ok(ChatKind::Group),
            Ok(pb::ChatKind::Status) => Ok(ChatKind::Status),
            Ok(pb::ChatKind::Channel) => Ok(ChatKind::Channel),
            Ok(pb::ChatKind::Unspecified) | Err(_) => Err(invalid(field, &UnknownValue(kind))),
        });
    Ok(ChatKinds::of(known.collect::<Result<Vec<_>, _>>()?))
}

fn chats(chats: &[String]) -> Result<ChatSet, GrpcStatus> {
    if chats.len() > MAX_CHATS {
        return Err(invalid("filter.chats", &TooManyChats));
    }
    let mut set = ChatSet::default();
    for chat in chats {
        set.add(chat)
            .map_err(|error| invalid("filter.chats", &error))?;
    }
    Ok(set)
}

pub(in crate::edge::grpc) fn consumer(name: &str) -> Result<ConsumerName, GrpcStatus> {
    name.parse().map_err(|error| invalid("consumer", &error))
}

pub(in crate::edge::grpc) fn consumers(
    request: &pb::ListConsumersRequest,
    consumers: Vec<Consumer>,
) -> Result<pb::ListConsumersResponse, GrpcStatus> {
    let pb::ListConsumersRequest {
        page_size,
        page_token,
    } = request;
    let name = |it: &Consumer| it.name.as_str().to_owned();
    let page = page(consumers, *page_size, page_token, name)?;
    let consumers = page.items.into_iter().map(|consumer| {
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
    Ok(pb::ListConsumersResponse {
        consumers: consumers.collect(),
        next_page_token: page.next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_are_refused_and_none_means_all() {
        assert_eq!(kinds(vec![]).unwrap(), KindSet::ALL);
        for bad in [0, 99, -1] {
            assert!(kinds(vec![bad]).is_err());
            assert!(chat_kinds("chat_kinds", vec![bad]).is_err());
        }
    }

    #[test]
    fn an_invalid_chat_is_refused_and_not_echoed() {
        let refused = chats(&["SECRET".to_owned()]).unwrap_err();
        assert!(
            refused.message().starts_with("filter.chats") && !refused.message().contains("SECRET")
        );
        assert!(chats(&vec!["1@lid".to_owned(); MAX_CHATS + 1]).is_err());
        assert!(chats(&vec!["1@lid".to_owned(); MAX_CHATS]).is_ok());
    }
}
