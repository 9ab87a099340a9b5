//! Events.

mod content;

use openclaw_proto::v1 as pb;
use prost_types::Timestamp;

use super::send_state;
use super::status::link_status;
use crate::model::{
    AuthorCheck, ChatId, ChatKind, Contact, Content, Deletion, Dropped, Edit, Event, Lid, Lost,
    Message, Nack, Occurrence, Origin, Reaction, Receipt, Rejected, SendOutcome, SendState, Sent,
    Undecryptable,
};

pub(in crate::grpc) fn event(event: Event, chat_with: Option<Contact>) -> pb::Event {
    use pb::event::Kind as Wire;
    let Event { seq, at, what } = event;
    let kind = match what {
        Occurrence::Message(message) => Some(Wire::Message(self::message(*message))),
        Occurrence::Edit(edit) => Some(Wire::Edit(self::edit(*edit))),
        Occurrence::Deletion(deletion) => Some(Wire::Deletion(self::deletion(*deletion))),
        Occurrence::Reaction(reaction) => Some(Wire::Reaction(self::reaction(*reaction))),
        Occurrence::Receipt(receipt) => Some(Wire::Receipt(self::receipt(receipt))),
        Occurrence::Link(link) => Some(Wire::Link(link_status(*link, None))),
        Occurrence::Send(outcome) => Some(Wire::Send(send_outcome(outcome))),
        Occurrence::Undecryptable(message) => Some(Wire::Undecryptable(undecryptable(message))),
        Occurrence::Lost(message) => Some(Wire::Lost(lost(message))),
        Occurrence::Dropped(message) => Some(Wire::Dropped(dropped(message))),
        Occurrence::Rejected(change) => Some(Wire::Rejected(rejected(*change))),
        Occurrence::Unknown => None,
    };
    pb::Event {
        seq: seq.0,
        at: Some(Timestamp::from(at)),
        kind,
        chat_with: chat_with.map(contact),
    }
}

fn message(message: Message) -> pb::Message {
    let Message { origin, content } = message;
    let Origin {
        id,
        chat,
        sender,
        push_name,
        sent_at,
        from_me,
        group,
        offline,
        bypassed,
        recovered,
    } = origin;
    let Content {
        word,
        text,
        details,
        quoted,
        mentions,
        view_once,
        forwarded,
        cut,
        disappears_after,
        album,
    } = content;
    pb::Message {
        chat_kind: chat_kind(ChatKind::of(&chat)).into(),
        id: id.as_str().to_owned(),
        chat: chat_jid(&chat),
        sender: Some(contact(sender)),
        push_name,
        sent_at: Some(Timestamp::from(sent_at)),
        from_me,
        group,
        content: word.into_owned(),
        text,
        offline,
        details: details.map(content::details),
        quoted: quoted.map(content::quoted),
        mentions: mentions.into_iter().map(contact).collect(),
        view_once,
        forwarded,
        cut,
        bypassed,
        recovered,
        disappears_after_seconds: disappears_after,
        album_id: album.map(|id| id.as_str().to_owned()).unwrap_or_default(),
    }
}

const fn chat_kind(kind: ChatKind) -> pb::ChatKind {
    match kind {
        ChatKind::Person => pb::ChatKind::Person,
        ChatKind::Group => pb::ChatKind::Group,
        ChatKind::Status => pb::ChatKind::Status,
        ChatKind::Channel => pb::ChatKind::Channel,
    }
}

fn edit(edit: Edit) -> pb::Edit {
    let Edit {
        origin,
        message,
        content,
        author,
        check,
    } = edit;
    let Content {
        word, text, cut, ..
    } = content;
    pb::Edit {
        id: origin.id.as_str().to_owned(),
        chat: chat_jid(&origin.chat),
        sender: Some(contact(origin.sender)),
        sent_at: Some(Timestamp::from(origin.sent_at)),
        from_me: origin.from_me,
        group: origin.group,
        offline: origin.offline,
        message_id: message.as_str().to_owned(),
        content: word.into_owned(),
        text,
        cut,
        author: Some(contact(author)),
        author_check: author_check(check).into(),
    }
}

fn deletion(deletion: Deletion) -> pb::Deletion {
    let Deletion {
        origin,
        message,
        author,
        check,
    } = deletion;
    pb::Deletion {
        id: origin.id.as_str().to_owned(),
        chat: chat_jid(&origin.chat),
        sender: Some(contact(origin.sender)),
        sent_at: Some(Timestamp::from(origin.sent_at)),
        from_me: origin.from_me,
        group: origin.group,
        offline: origin.offline,
        message_id: message.as_str().to_owned(),
        author: Some(contact(author)),
        author_check: author_check(check).into(),
    }
}

fn reaction(reaction: Reaction) -> pb::Reaction {
    let Reaction {
        origin,
        message,
        author,
        emoji,
        sealed,
        check,
    } = reaction;
    pb::Reaction {
        id: origin.id.as_str().to_owned(),
        chat: chat_jid(&origin.chat),
        sender: Some(contact(origin.sender)),
        sent_at: Some(Timestamp::from(origin.sent_at)),
        from_me: origin.from_me,
        group: origin.group,
        offline: origin.offline,
        message_id: message.as_str().to_owned(),
        author: Some(contact(author)),
        emoji,
        sealed,
        author_check: author_check(check).into(),
    }
}

fn receipt(receipt: Receipt) -> pb::Receipt {
    let Receipt {
        messages,
        chat,
        by,
        state,
        check,
    } = receipt;
    pb::Receipt {
        message_ids: messages.iter().map(|id| id.as_str().to_owned()).collect(),
        chat: chat_jid(&chat),
        by: Some(contact(by)),
        state: send_state(state).into(),
        author_check: author_check(check).into(),
    }
}

fn author_check(check: AuthorCheck) -> pb::AuthorCheck {
    match check {
        AuthorCheck::Unspecified => pb::AuthorCheck::Unspecified,
        AuthorCheck::Checked => pb::AuthorCheck::Checked,
        AuthorCheck::Unknown => pb::AuthorCheck::Unknown,
        AuthorCheck::AdminAssumed => pb::AuthorCheck::AdminAssumed,
    }
}

fn rejected(rejected: Rejected) -> pb::Rejected {
    let Rejected {
        id,
        chat,
        sender,
        from_me,
        messages,
        change,
        author,
        reason,
    } = rejected;
    pb::Rejected {
        id: id.as_str().to_owned(),
        chat: chat_jid(&chat),
        sender: Some(contact(sender)),
        from_me,
        message_ids: messages.iter().map(|id| id.as_str().to_owned()).collect(),
        change: change.into_owned(),
        author: Some(contact(author)),
        reason: reason.into_owned(),
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
                nack,
            },
        chat,
    } = outcome;
    let refused = nack.filter(|_| state == SendState::Failed);
    pb::SendOutcome {
        token: token.as_str().to_owned(),
        message_id: id.as_str().to_owned(),
        chat: chat_jid(&chat),
        state: send_state(state).into(),
        reason: failure.unwrap_or_default().into_owned(),
        code: refused.map_or(0, |Nack(code)| code.into()),
        meaning: refused.map_or("", Nack::meaning).to_owned(),
        hint: refused.map_or("", Nack::hint).to_owned(),
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
        reason: reason.into_owned(),
    }
}

fn lost(message: Lost) -> pb::Lost {
    let Lost {
        id,
        chat,
        sender,
        reason,
    } = message;
    pb::Lost {
        id: id.as_str().to_owned(),
        chat: chat_jid(&chat),
        sender: Some(contact(sender)),
        reason: reason.into_owned(),
    }
}

/// Without the number: whoever is not admitted is not handed on.
fn dropped(message: Dropped) -> pb::Dropped {
    let Dropped {
        id,
        chat,
        sender,
        reason,
    } = message;
    let Contact { phone, lid } = sender;
    let masked = phone.map(|phone| phone.to_string());
    pb::Dropped {
        id: id.as_str().to_owned(),
        chat: match ChatKind::of(&chat) {
            ChatKind::Person => String::new(),
            ChatKind::Group | ChatKind::Status | ChatKind::Channel => chat_jid(&chat),
        },
        sender: masked
            .or_else(|| lid.map(|lid| lid.jid()))
            .unwrap_or_default(),
        reason: reason.into_owned(),
    }
}

fn chat_jid(chat: &ChatId) -> String {
    chat.jid().to_owned()
}

pub(super) fn contact(contact: Contact) -> pb::Contact {
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
    fn a_dropped_sender_is_masked_and_so_is_the_chat_with_them() {
        let drop = |chat: &str, contact: Contact| {
            dropped(Dropped {
                id: crate::model::MessageId::new("A"),
                chat: ChatId::new(chat.into()),
                sender: contact,
                reason: "not_allowed".into(),
            })
        };
        let phone = "+15550100123".parse().ok();
        let lid = Lid::new("100000000000001");
        let known = drop(
            "15550100123@s.whatsapp.net",
            Contact {
                phone,
                lid: lid.clone(),
            },
        );
        assert_eq!((&*known.chat, &*known.sender), ("", "+1 555 XXX XXXX"));
        let unknown = drop("120363000000000001@g.us", Contact { phone: None, lid });
        assert_eq!(
            (&*unknown.chat, &*unknown.sender),
            ("120363000000000001@g.us", "100000000000001@lid")
        );
    }
}
