//! Events.

mod call;
mod change;
mod group;
mod unread;

use std::time::SystemTime;

use openclaw_types::{ChatId, Contact, Event, EventData, Link, Message, MessageId, Origin, Seq};
use prost_types::Timestamp;

use super::content::{Frame, content, content_from};
use super::people::{chat_name, contact, kind_of, person};
use super::{Error, missing, time};
use crate::v1;
use crate::v1::event::Kind;

/// The data of an event, and the corresponding message of the contract.
pub(super) trait Wire: Sized {
    type Message;

    fn into_wire(self) -> Self::Message;

    fn from_wire(message: Self::Message) -> Result<Self, Error>;
}

impl<T: Wire> Wire for Box<T> {
    type Message = T::Message;

    fn into_wire(self) -> T::Message {
        T::into_wire(*self)
    }

    fn from_wire(message: T::Message) -> Result<Self, Error> {
        T::from_wire(message).map(Self::new)
    }
}

macro_rules! both_ways {
    ($($(#[$doc:meta])+ $variant:ident($holds:ty) = $name:literal, $stored:literal;)+) => {
        fn kind(what: EventData) -> Option<Kind> {
            match what {
                $(EventData::$variant(it) => Some(Kind::$variant(it.into_wire())),)+
                EventData::Unknown => None,
            }
        }

        fn event_data(kind: Kind) -> Result<EventData, Error> {
            match kind {
                $(Kind::$variant(it) => Wire::from_wire(it).map(EventData::$variant),)+
            }
        }
    };
}

openclaw_types::for_each_kind!(both_ways);

/// An event of this agent. `hint` is what the user should do about a link.
pub fn event(
    event: Event,
    agent: v1::AgentIdentity,
    chat_with: Option<Contact>,
    hint: impl FnOnce(&Link) -> String,
) -> v1::Event {
    let Event { seq, at, what } = event;
    let hint = match &what {
        EventData::Link(link) => hint(link),
        _ => String::new(),
    };
    let mut kind = kind(what);
    if let Some(Kind::Link(link)) = &mut kind {
        link.hint = hint;
    }
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
            what: kind.map_or(Ok(EventData::Unknown), event_data)?,
        })
    }
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
        chat_name: String::new(),
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
        chat_name: _,
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

/// The known fields of a message that is not delivered as content.
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
        chat_name: String::new(),
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
        chat_name: _,
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

impl Wire for Message {
    type Message = v1::Message;

    fn into_wire(self) -> v1::Message {
        let Message { origin, content } = self;
        let (mut content, frame) = self::content(content);
        // The content alone says it too, as in `Send`.
        if let Some(v1::content::Kind::Media(media)) = &mut content.kind {
            media.view_once = frame.view_once;
        }
        let Frame {
            quoted,
            view_once,
            forwarded,
            disappears_after,
            album_id,
            mentions_account,
        } = frame;
        v1::Message {
            origin: Some(self::origin(origin)),
            content: Some(content),
            quoted,
            view_once,
            forwarded,
            disappears_after,
            album_id,
            mentions_account,
        }
    }

    fn from_wire(message: v1::Message) -> Result<Self, Error> {
        let v1::Message {
            origin,
            content,
            quoted,
            view_once,
            forwarded,
            disappears_after,
            album_id,
            mentions_account,
        } = message;
        let frame = Frame {
            quoted,
            view_once,
            forwarded,
            disappears_after,
            album_id,
            mentions_account,
        };
        Ok(Message {
            origin: origin_from(origin)?,
            content: content_from(content.ok_or(missing("content"))?, frame)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use openclaw_types::{Body, Content, Kind as Ours, samples};

    use super::*;
    use crate::Word as _;

    fn there(what: EventData) -> v1::Event {
        let at = SystemTime::UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_789);
        let event = Event {
            seq: Seq(18_204),
            at,
            what,
        };
        self::event(event, v1::AgentIdentity::default(), None, |_| "pair".into())
    }

    /// The event as a client receives it: without the fields that the contract does not have.
    fn seen(mut what: EventData) -> EventData {
        let without_pointer = |content: &mut Content| {
            if let Body::Media(media) = &mut content.body {
                media.pointer = None;
            }
            let quoted = content.quoted.as_mut();
            if let Some(media) = quoted.and_then(|quoted| quoted.media.as_mut()) {
                media.pointer = None;
            }
        };
        match &mut what {
            EventData::Message(message) => without_pointer(&mut message.content),
            EventData::Edit(edit) => {
                edit.content = Content {
                    body: edit.content.body.clone(),
                    mentions: edit.content.mentions.clone(),
                    truncated: edit.content.truncated,
                    preview: edit.content.preview.clone(),
                    album_parts: edit.content.album_parts,
                    ..Content::default()
                };
                without_pointer(&mut edit.content);
            }
            EventData::Outcome(outcome) => outcome.sent.server_ack_at = None,
            _ => {}
        }
        what
    }

    #[test]
    fn every_event_survives_a_round_trip_through_the_contract() {
        for what in samples::every_event_data() {
            let back = Event::try_from(there(what.clone())).map(|event| event.what);
            assert_eq!(back, Ok(seen(what)));
        }
    }

    #[test]
    fn a_kind_has_one_name_in_the_table_in_the_filter_and_in_the_event() {
        let mut named = Vec::new();
        for what in samples::every_event_data() {
            let name = what.kind().name();
            let known = v1::EventKind::from_word(name);
            assert_eq!(known.is_some(), what != EventData::Unknown, "{name}");
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
        for what in samples::every_event_data() {
            let is_media = matches!(&what, EventData::Message(it) if matches!(it.content.body, Body::Media(_)));
            let bytes = there(what).encode_to_vec();
            let key = b"swordfish".repeat(3);
            assert!(
                !bytes.windows(key.len()).any(|window| window == key),
                "{is_media}"
            );
        }
    }
}
