//! Events, and the filter for their kinds.

use openclaw_proto::v1 as pb;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::status::link_status;
use super::{UnknownValue, send_state};
use crate::grpc::status::invalid;
use crate::model::{
    ChatId, Contact, Event, Kind, KindSet, Lid, Message, Occurrence, Receipt, SendOutcome, Sent,
    Undecryptable,
};

pub(in crate::grpc) fn kinds(kinds: Vec<i32>) -> Result<KindSet, GrpcStatus> {
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

pub(in crate::grpc) fn event(event: Event) -> pb::Event {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_are_refused_and_none_means_all() {
        assert_eq!(kinds(vec![]).unwrap(), KindSet::ALL);
        for bad in [0, 99, -1] {
            assert!(kinds(vec![bad]).is_err());
        }
    }
}
