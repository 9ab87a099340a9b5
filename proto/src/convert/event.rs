//! Events.

mod change;
mod unread;

use std::time::SystemTime;

use openclaw_types::{ChatId, Contact, Event, Link, Message, MessageId, Occurrence, Origin, Seq};
use prost_types::Timestamp;

use super::content::{Frame, content, content_from};
use super::link::{link_from, link_status};
use super::people::{chat_name, contact, kind_of, person};
use super::send::{send_outcome, send_outcome_from};
use super::{Error, missing, time};
use crate::v1;
use crate::v1::event::Kind;
use change::{
    deletion, deletion_from, edit, edit_from, reaction, reaction_from, receipt, receipt_from,
    rejected, rejected_from,
};
use unread::{dropped, dropped_from, lost, lost_from, undecryptable, undecryptable_from};

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
        Occurrence::Outcome(outcome) => Some(Kind::Outcome(send_outcome(outcome))),
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
        Kind::Outcome(outcome) => Occurrence::Outcome(send_outcome_from(outcome)?),
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
        from_me: Some(from_me),
        offline: Some(offline),
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
        from_me: from_me.unwrap_or_default(),
        group,
        offline: offline.unwrap_or_default(),
        bypassed: not_durable,
        recovered,
    })
}

/// What is known of a message that is not here.
struct Names {
    id: MessageId,
    chat: ChatId,
    sender: Contact,
    from_me: Option<bool>,
    sent_at: Option<SystemTime>,
    offline: Option<bool>,
}

fn names(names: Names) -> v1::Origin {
    let Names {
        id,
        chat,
        sender,
        from_me,
        sent_at,
        offline,
    } = names;
    v1::Origin {
        id: id.into(),
        chat_kind: kind_of(&chat),
        chat: chat_name(&chat),
        sender: Some(contact(sender)),
        push_name: String::new(),
        sent_at: sent_at.map(Timestamp::from),
        from_me,
        offline,
        not_durable: false,
        recovered: false,
    }
}

fn names_from(origin: Option<v1::Origin>) -> Result<Names, Error> {
    let v1::Origin {
        id,
        chat,
        chat_kind: _,
        sender,
        push_name: _,
        sent_at,
        from_me,
        offline,
        not_durable: _,
        recovered: _,
    } = origin.ok_or(missing("origin"))?;
    let sent_at = sent_at.map(|at| time(Some(at), "origin.sent_at"));
    Ok(Names {
        id: MessageId::new(&id),
        chat: ChatId::new(chat),
        sender: person(sender),
        from_me,
        sent_at: sent_at.transpose()?,
        offline,
    })
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
        content: content_from(content.ok_or(missing("content"))?, frame)?,
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
            Occurrence::Outcome(outcome) => outcome.sent.server_ack_at = None,
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
