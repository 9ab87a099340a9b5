//! ListChats requests, and the chats in its pages.

use std::time::SystemTime;

use openclaw_proto::convert::{chat_kind, contact};
use openclaw_proto::v1 as pb;
use openclaw_types::{ChatId, ChatKind, ChatKinds, Contact, Seq};
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::page::BadToken;
use super::watch::{self, page_size_of};
use crate::edge::grpc::status::invalid;

/// A parsed ListChats request.
pub(in crate::edge::grpc) struct ChatListRequest {
    pub(in crate::edge::grpc) chat_kinds: ChatKinds,
    pub(in crate::edge::grpc) size: usize,
    /// The head as of the first page, and the newest event of the last chat so far; `None`: the first page.
    pub(in crate::edge::grpc) position: Option<(Seq, Seq)>,
}

/// A chat, and its newest event.
#[derive(Clone)]
pub(in crate::edge::grpc) struct ListedChat {
    pub(in crate::edge::grpc) id: ChatId,
    /// The other party of a direct chat.
    pub(in crate::edge::grpc) with: Option<Contact>,
    pub(in crate::edge::grpc) seq: Seq,
    pub(in crate::edge::grpc) at: SystemTime,
    pub(in crate::edge::grpc) kind: pb::EventKind,
}

pub(in crate::edge::grpc) fn list_chats_request(
    request: pb::ListChatsRequest,
) -> Result<ChatListRequest, GrpcStatus> {
    let pb::ListChatsRequest {
        page_size,
        page_token,
        chat_kinds,
    } = request;
    let position = match page_token.as_str() {
        "" => None,
        token => {
            let read = |(head, last): (&str, &str)| {
                let (head, last) = (head.parse().ok()?, last.parse().ok()?);
                Some((Seq(head), Seq(last)))
            };
            let position = token.split_once('-').and_then(read);
            Some(position.ok_or_else(|| invalid("page_token", &BadToken))?)
        }
    };
    Ok(ChatListRequest {
        chat_kinds: watch::chat_kinds("chat_kinds", chat_kinds)?,
        size: page_size_of(page_size),
        position,
    })
}

/// The token of the page after the chat whose newest event is `last`.
pub(in crate::edge::grpc) fn chats_token(Seq(head): Seq, Seq(last): Seq) -> String {
    format!("{head}-{last}")
}

pub(in crate::edge::grpc) fn chat(listed: ListedChat, name: String) -> pb::Chat {
    let ListedChat {
        id,
        with,
        seq,
        at,
        kind,
    } = listed;
    pb::Chat {
        kind: chat_kind(ChatKind::of(&id)).into(),
        id: id.jid().to_owned(),
        name,
        contact: with.map(contact),
        newest_seq: seq.0,
        newest_at: Some(Timestamp::from(at)),
        newest_kind: kind.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(page_token: &str) -> Result<Option<(Seq, Seq)>, GrpcStatus> {
        let page_token = page_token.to_owned();
        let request = pb::ListChatsRequest {
            page_token,
            ..Default::default()
        };
        list_chats_request(request).map(|request| request.position)
    }

    #[test]
    fn a_token_leads_back_to_its_position_and_others_are_refused() {
        assert_eq!(position("").unwrap(), None);
        let token = chats_token(Seq(90), Seq(7));
        assert_eq!(position(&token).unwrap(), Some((Seq(90), Seq(7))));
        for bad in ["7", "7-", "-7", "x-7", "9--7", "1-2-3", "-"] {
            assert!(position(bad).is_err(), "{bad}");
        }
    }
}
