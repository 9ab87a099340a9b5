//! Events.

use openclaw_types::{
    AuthorCheck, ChatId, Contact, Deletion, Dropped, Edit, Event, Link, Lost, Message, MessageId,
    Occurrence, Origin, Reaction, Receipt, Rejected, Seq, Undecryptable,
};
use prost_types::Timestamp;

use super::content::{Frame, content, content_from};
use super::link::{link_from, link_status};
use super::people::{chat_name, contact, kind_of, person};
use super::send::{send_outcome, send_outcome_from, send_state, send_state_from};
use super::{Error, missing, reason, time};
use crate::v1;
use crate::v1::event::Kind;

reason!(
    undecryptable_reason,
    undecryptable_reason_from,
    UndecryptableReason {
        NotDecrypted,
        ViewOnce,
        Hosted,
        Bot,
        Unavailable,
        UnknownEncryption,
    }
);
reason!(
    lost_reason,
    lost_reason_from,
    LostReason {
        NotKept,
        Unreadable
    }
);
reason!(
    drop_reason,
    drop_reason_from,
    DropReason {
        Disabled,
        NotListed,
        GroupNotListed,
        NotResolved,
        TooManyHeld,
    }
);
reason!(
    reject_reason,
    reject_reason_from,
    RejectReason {
        NotTheAuthor,
        NotTheRecipient,
        OtherChat,
    }
);

/// An event of this agent. `hint` is what a person should do about a link.
pub fn event(
    event: Event,
    agent: v1::AgentIdentity,
    chat_with: Option<Contact>,
    hint: impl FnOnce(&Link) -> String,
) -> v1::Event {
    let Event { seq, at, what } = event;
    let kind = match what {
        Occurrence::Message(message) => Some(Kind::Message(self::message(*message))),
        Occurrence::Edit(edit) => Some(Kind::Edit(self::edit(*edit))),
        Occurrence::Deletion(deletion) => Some(Kind::Deletion(self::deletion(*deletion))),
        Occurrence::Reaction(reaction) => Some(Kind::Reaction(self::reaction(*reaction))),
        Occurrence::Receipt(receipt) => Some(Kind::Receipt(self::receipt(receipt))),
        Occurrence::Link(link) => {
            let hint = hint(&link);
            Some(Kind::Link(link_status(*link, hint)))
        }
        Occurrence::Send(outcome) => Some(Kind::Send(send_outcome(outcome))),
        Occurrence::Undecryptable(message) => Some(Kind::Undecryptable(undecryptable(message))),
        Occurrence::Lost(message) => Some(Kind::Lost(lost(message))),
        Occurrence::Dropped(message) => Some(Kind::Dropped(dropped(message))),
        Occurrence::Rejected(change) => Some(Kind::Rejected(rejected(*change))),
        Occurrence::Unknown => None,
    };
    v1::Event {
        seq: seq.0,
        recorded_at: Some(Timestamp::from(at)),
        agent: Some(agent),
        kind,
        chat_with: chat_with.map(contact),
    }
}

impl TryFrom<v1::Event> for Event {
    type Error = Error;

    fn try_from(event: v1::Event) -> Result<Self, Error> {
        let v1::Event {
            seq,
            recorded_at,
            agent: _,
            kind,
            chat_with: _,
        } = event;
        Ok(Self {
            seq: Seq(seq),
            at: time(recorded_at, "recorded_at")?,
            what: kind.map_or(Ok(Occurrence::Unknown), occurrence)?,
        })
    }
}

fn occurrence(kind: Kind) -> Result<Occurrence, Error> {
    Ok(match kind {
        Kind::Message(message) => Occurrence::Message(Box::new(message_from(message)?)),
        Kind::Edit(edit) => Occurrence::Edit(Box::new(edit_from(edit)?)),
        Kind::Deletion(deletion) => Occurrence::Deletion(Box::new(deletion_from(deletion)?)),
        Kind::Reaction(reaction) => Occurrence::Reaction(Box::new(reaction_from(reaction)?)),
        Kind::Receipt(receipt) => Occurrence::Receipt(receipt_from(receipt)?),
        Kind::Link(link) => Occurrence::Link(Box::new(link_from(link)?)),
        Kind::Send(outcome) => Occurrence::Send(send_outcome_from(outcome)?),
        Kind::Undecryptable(message) => Occurrence::Undecryptable(undecryptable_from(message)?),
        Kind::Lost(message) => Occurrence::Lost(lost_from(message)?),
        Kind::Dropped(message) => Occurrence::Dropped(dropped_from(message)?),
        Kind::Rejected(change) => Occurrence::Rejected(Box::new(rejected_from(change)?)),
    })
}

fn origin(origin: Origin) -> v1::Origin {
    let Origin {
        id,
        chat,
        sender,
        push_name,
        sent_at,
        from_me,
        group: _,
        offline,
        bypassed,
        recovered,
    } = origin;
    v1::Origin {
        id: id.into(),
        chat: chat_name(&chat),
        chat_kind: kind_of(&chat),
        sender: Some(contact(sender)),
        push_name,
        sent_at: Some(Timestamp::from(sent_at)),
        from_me,
        offline,
        not_durable: bypassed,
        recovered,
    }
}

fn origin_from(origin: Option<v1::Origin>) -> Result<Origin, Error> {
    let origin = origin.ok_or(missing("origin"))?;
    let group = origin.chat_kind() == v1::ChatKind::Group;
    let v1::Origin {
        id,
        chat,
        chat_kind: _,
        sender,
        push_name,
        sent_at,
        from_me,
        offline,
        not_durable,
        recovered,
    } = origin;
    Ok(Origin {
        id: MessageId::new(&id),
        chat: ChatId::new(chat),
        sender: person(sender),
        push_name,
        sent_at: time(sent_at, "origin.sent_at")?,
        from_me,
        group,
        offline,
        bypassed: not_durable,
        recovered,
    })
}

/// Of what is known by its names alone.
fn names(id: MessageId, chat: &ChatId, sender: Contact, from_me: bool) -> v1::Origin {
    v1::Origin {
        id: id.into(),
        chat: chat_name(chat),
        chat_kind: kind_of(chat),
        sender: Some(contact(sender)),
        from_me,
        ..Default::default()
    }
}

fn names_from(origin: Option<v1::Origin>) -> Result<(MessageId, ChatId, Contact, bool), Error> {
    let origin = origin.ok_or(missing("origin"))?;
    let v1::Origin {
        id,
        chat,
        sender,
        from_me,
        ..
    } = origin;
    Ok((
        MessageId::new(&id),
        ChatId::new(chat),
        person(sender),
        from_me,
    ))
}

fn target(id: MessageId, author: Contact, check: AuthorCheck) -> Option<v1::Target> {
    Some(v1::Target {
        id: id.into(),
        author: Some(contact(author)),
        check: author_check(check).into(),
    })
}

fn target_from(target: Option<v1::Target>) -> Result<(MessageId, Contact, AuthorCheck), Error> {
    let target = target.ok_or(missing("target"))?;
    let check = author_check_from(target.check());
    let v1::Target {
        id,
        author,
        check: _,
    } = target;
    Ok((MessageId::new(&id), person(author), check))
}

fn message(message: Message) -> v1::Message {
    let Message { origin, content } = message;
    let (content, frame) = self::content(content);
    let Frame {
        quoted,
        view_once,
        forwarded,
        disappears_after,
        album_id,
    } = frame;
    v1::Message {
        origin: Some(self::origin(origin)),
        content: Some(content),
        quoted,
        view_once,
        forwarded,
        disappears_after,
        album_id,
    }
}

fn message_from(message: v1::Message) -> Result<Message, Error> {
    let v1::Message {
        origin,
        content,
        quoted,
        view_once,
        forwarded,
        disappears_after,
        album_id,
    } = message;
    let frame = Frame {
        quoted,
        view_once,
        forwarded,
        disappears_after,
        album_id,
    };
    Ok(Message {
        origin: origin_from(origin)?,
        content: content_from(content.ok_or(missing("content"))?, frame),
    })
}

fn edit(edit: Edit) -> v1::Edit {
    let Edit {
        origin,
        message,
        content,
        author,
        check,
    } = edit;
    let (content, _) = self::content(content);
    v1::Edit {
        origin: Some(self::origin(origin)),
        target: target(message, author, check),
        content: Some(content),
    }
}

fn edit_from(edit: v1::Edit) -> Result<Edit, Error> {
    let v1::Edit {
        origin,
        target,
        content,
    } = edit;
    let (message, author, check) = target_from(target)?;
    let frame = Frame {
        quoted: None,
        view_once: false,
        forwarded: false,
        disappears_after: None,
        album_id: String::new(),
    };
    Ok(Edit {
        origin: origin_from(origin)?,
        message,
        content: content_from(content.ok_or(missing("content"))?, frame),
        author,
        check,
    })
}

fn deletion(deletion: Deletion) -> v1::Deletion {
    let Deletion {
        origin,
        message,
        author,
        check,
    } = deletion;
    v1::Deletion {
        origin: Some(self::origin(origin)),
        target: target(message, author, check),
    }
}

fn deletion_from(deletion: v1::Deletion) -> Result<Deletion, Error> {
    let v1::Deletion { origin, target } = deletion;
    let (message, author, check) = target_from(target)?;
    Ok(Deletion {
        origin: origin_from(origin)?,
        message,
        author,
        check,
    })
}

fn reaction(reaction: Reaction) -> v1::Reaction {
    let Reaction {
        origin,
        message,
        author,
        emoji,
        sealed,
        check,
    } = reaction;
    v1::Reaction {
        origin: Some(self::origin(origin)),
        target: target(message, author, check),
        emoji,
        sealed,
    }
}

fn reaction_from(reaction: v1::Reaction) -> Result<Reaction, Error> {
    let v1::Reaction {
        origin,
        target,
        emoji,
        sealed,
    } = reaction;
    let (message, author, check) = target_from(target)?;
    Ok(Reaction {
        origin: origin_from(origin)?,
        message,
        author,
        emoji,
        sealed,
        check,
    })
}

fn receipt(receipt: Receipt) -> v1::Receipt {
    let Receipt {
        messages,
        chat,
        by,
        state,
        check,
    } = receipt;
    v1::Receipt {
        message_ids: messages.into_iter().map(String::from).collect(),
        chat: chat_name(&chat),
        chat_kind: kind_of(&chat),
        recipient: Some(contact(by)),
        state: send_state(state).into(),
        check: author_check(check).into(),
    }
}

fn receipt_from(receipt: v1::Receipt) -> Result<Receipt, Error> {
    let (state, check) = (receipt.state(), receipt.check());
    let v1::Receipt {
        message_ids,
        chat,
        chat_kind: _,
        recipient,
        state: _,
        check: _,
    } = receipt;
    Ok(Receipt {
        messages: message_ids.iter().map(|id| MessageId::new(id)).collect(),
        chat: ChatId::new(chat),
        by: person(recipient),
        state: send_state_from(state)?,
        check: author_check_from(check),
    })
}

const fn author_check(check: AuthorCheck) -> v1::AuthorCheck {
    match check {
        AuthorCheck::Unspecified => v1::AuthorCheck::Unspecified,
        AuthorCheck::Checked => v1::AuthorCheck::Checked,
        AuthorCheck::Unknown => v1::AuthorCheck::Unknown,
        AuthorCheck::AdminAssumed => v1::AuthorCheck::AdminAssumed,
    }
}

const fn author_check_from(check: v1::AuthorCheck) -> AuthorCheck {
    match check {
        v1::AuthorCheck::Unspecified => AuthorCheck::Unspecified,
        v1::AuthorCheck::Checked => AuthorCheck::Checked,
        v1::AuthorCheck::Unknown => AuthorCheck::Unknown,
        v1::AuthorCheck::AdminAssumed => AuthorCheck::AdminAssumed,
    }
}

fn undecryptable(message: Undecryptable) -> v1::Undecryptable {
    let Undecryptable {
        id,
        chat,
        sender,
        reason,
    } = message;
    let (reason, other_reason) = undecryptable_reason(reason);
    v1::Undecryptable {
        origin: Some(names(id, &chat, sender, false)),
        reason,
        other_reason,
    }
}

fn undecryptable_from(message: v1::Undecryptable) -> Result<Undecryptable, Error> {
    let v1::Undecryptable {
        origin,
        reason,
        other_reason,
    } = message;
    let (id, chat, sender, _) = names_from(origin)?;
    Ok(Undecryptable {
        id,
        chat,
        sender,
        reason: undecryptable_reason_from(reason, other_reason),
    })
}

fn lost(message: Lost) -> v1::Lost {
    let Lost {
        id,
        chat,
        sender,
        reason,
    } = message;
    let (reason, other_reason) = lost_reason(reason);
    v1::Lost {
        origin: Some(names(id, &chat, sender, false)),
        reason,
        other_reason,
    }
}

fn lost_from(message: v1::Lost) -> Result<Lost, Error> {
    let v1::Lost {
        origin,
        reason,
        other_reason,
    } = message;
    let (id, chat, sender, _) = names_from(origin)?;
    Ok(Lost {
        id,
        chat,
        sender,
        reason: lost_reason_from(reason, other_reason),
    })
}

fn dropped(message: Dropped) -> v1::Dropped {
    let Dropped {
        id,
        chat,
        sender,
        reason,
    } = message;
    let (reason, other_reason) = drop_reason(reason);
    v1::Dropped {
        origin: Some(names(id, &chat, sender, false)),
        reason,
        other_reason,
    }
}

fn dropped_from(message: v1::Dropped) -> Result<Dropped, Error> {
    let v1::Dropped {
        origin,
        reason,
        other_reason,
    } = message;
    let (id, chat, sender, _) = names_from(origin)?;
    Ok(Dropped {
        id,
        chat,
        sender,
        reason: drop_reason_from(reason, other_reason),
    })
}

fn rejected(rejected: Rejected) -> v1::Rejected {
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
    let (reason, other_reason) = reject_reason(reason);
    v1::Rejected {
        origin: Some(names(id, &chat, sender, from_me)),
        message_ids: messages.into_iter().map(String::from).collect(),
        change,
        author: Some(contact(author)),
        reason,
        other_reason,
    }
}

fn rejected_from(rejected: v1::Rejected) -> Result<Rejected, Error> {
    let v1::Rejected {
        origin,
        message_ids,
        change,
        author,
        reason,
        other_reason,
    } = rejected;
    let (id, chat, sender, from_me) = names_from(origin)?;
    Ok(Rejected {
        id,
        chat,
        sender,
        from_me,
        messages: message_ids.iter().map(|id| MessageId::new(id)).collect(),
        change,
        author: person(author),
        reason: reject_reason_from(reason, other_reason),
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use openclaw_types::{Body, Content, Kind as Ours, samples};

    use super::*;
    use crate::Word as _;

    fn there(what: Occurrence) -> v1::Event {
        let at = SystemTime::UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_789);
        let event = Event {
            seq: Seq(18_204),
            at,
            what,
        };
        self::event(event, v1::AgentIdentity::default(), None, |_| "pair".into())
    }

    /// As a client sees it: without what the contract does not have.
    fn seen(mut what: Occurrence) -> Occurrence {
        let without_pointer = |content: &mut Content| {
            if let Body::Media(media) = &mut content.body {
                media.pointer = None;
            }
        };
        match &mut what {
            Occurrence::Message(message) => without_pointer(&mut message.content),
            Occurrence::Edit(edit) => {
                edit.content = Content {
                    body: edit.content.body.clone(),
                    mentions: edit.content.mentions.clone(),
                    truncated: edit.content.truncated,
                    ..Content::default()
                };
                without_pointer(&mut edit.content);
            }
            Occurrence::Send(outcome) => outcome.sent.server_ack_at = None,
            _ => {}
        }
        what
    }

    #[test]
    fn every_occurrence_survives_the_way_to_the_contract_and_back() {
        for what in samples::every_occurrence() {
            let back = Event::try_from(there(what.clone())).map(|event| event.what);
            assert_eq!(back, Ok(seen(what)));
        }
    }

    #[test]
    fn a_kind_has_one_name_in_the_table_in_the_filter_and_in_the_event() {
        let mut named = Vec::new();
        for what in samples::every_occurrence() {
            let name = what.kind().name();
            let known = v1::EventKind::from_word(name);
            assert_eq!(known.is_some(), what != Occurrence::Unknown, "{name}");
            named.push(name);
        }
        for kind in Ours::ALL {
            assert!(named.contains(&kind.name()), "no sample of {}", kind.name());
        }
        assert_eq!(v1::EventKind::ALL.len() + 1, Ours::ALL.len());
    }

    #[test]
    fn a_pointer_to_a_file_never_leaves_the_agent() {
        use prost::Message as _;
        for what in samples::every_occurrence() {
            let is_media = matches!(&what, Occurrence::Message(it) if matches!(it.content.body, Body::Media(_)));
            let bytes = there(what).encode_to_vec();
            let key = b"swordfish".repeat(3);
            assert!(
                !bytes.windows(key.len()).any(|window| window == key),
                "{is_media}"
            );
        }
    }
}
