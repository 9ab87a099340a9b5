//! Converts an [`Outgoing`] into a protobuf message. No other module does.

mod file;
#[cfg(test)]
mod tests;

use openclaw_state::uploads::{Hosted, Upload};
use openclaw_types::{
    Body, Card, Contact, ContactCard, NewContent, NewMessage, Outgoing, Place, Poll, Referred,
};
use whatsapp_rust::proto_helpers::MessageExt as _;
use whatsapp_rust::wacore::poll;
use whatsapp_rust::wacore::proto_helpers::{build_quote_context, build_reaction_message};
use whatsapp_rust::wacore_binary::JidExt as _;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;
use whatsapp_rust::{Jid, buffa::MessageField};

use super::names::jids;
use super::polls::PollKey;

/// The chat of an outgoing message, and how people are addressed in it.
pub(super) struct Chat {
    pub(super) jid: Jid,
    /// True if people are addressed by LID, false if by number.
    pub(super) by_lid: bool,
    pub(super) own_number: Jid,
    pub(super) own_lid: Option<Jid>,
    /// The timer of disappearing messages, in seconds.
    pub(super) timer: Option<u32>,
}

impl Chat {
    /// The account's address in this chat.
    pub(super) fn own(&self) -> &Jid {
        let lid = self.own_lid.as_ref().filter(|_| self.by_lid);
        lid.unwrap_or(&self.own_number)
    }

    /// A person's address in this chat: of the chat's kind if known, else of the other kind.
    fn name(&self, who: &Contact) -> Option<Jid> {
        let [lid, number] = jids(who);
        if self.by_lid {
            lid.or(number)
        } else {
            number.or(lid)
        }
    }

    fn author(&self, of: &Referred) -> Option<Jid> {
        if of.ours {
            return Some(self.own().clone());
        }
        self.name(&of.author)
    }

    /// The key of a message of this chat, for another message that refers to it.
    fn key(&self, of: &Referred) -> Option<wa::MessageKey> {
        let participant = if self.jid.is_group() {
            Some(self.author(of)?.to_string())
        } else {
            None
        };
        Some(wa::MessageKey {
            remote_jid: Some(self.jid.to_string()),
            from_me: Some(of.ours),
            id: Some(of.id.as_str().to_owned()),
            participant,
        })
    }
}

/// What a message needs in addition to its content.
#[derive(Clone, Copy, Default)]
pub(super) struct Parts<'a> {
    /// The key of the poll that it creates or votes in.
    pub(super) poll: Option<&'a PollKey>,
    /// The uploaded file that it sends.
    pub(super) file: Option<(&'a Upload, &'a Hosted)>,
}

/// The protobuf message. `now` is in milliseconds. `None` if a required address, key or file is not known.
pub(super) fn message(
    outgoing: &Outgoing,
    chat: &Chat,
    parts: Parts<'_>,
    now: i64,
) -> Option<wa::Message> {
    Some(match outgoing {
        Outgoing::Message(message) => new_message(message, chat, parts)?,
        Outgoing::Reaction { target, emoji } => {
            build_reaction_message(chat.key(target)?, emoji, now)
        }
        Outgoing::Edit {
            target,
            text,
            mentions,
        } => edit(
            chat,
            target,
            with_mentions(text.as_str(), mentions, chat),
            now,
        )?,
        Outgoing::Deletion { target } => deletion(chat, target)?,
        Outgoing::Vote { target, options } => vote(chat, target, options, parts.poll?, now)?,
    })
}

fn new_message(message: &NewMessage, chat: &Chat, parts: Parts<'_>) -> Option<wa::Message> {
    let NewMessage {
        content,
        reply_to,
        mentions,
    } = message;
    let mut composed = match content {
        NewContent::Text(text) => plain(text.as_str()),
        NewContent::Location(place) => location(place),
        NewContent::Contacts(cards) => contacts(cards),
        NewContent::Poll(of) => wa::Message {
            message_context_info: MessageField::some(wa::MessageContextInfo {
                message_secret: Some(parts.poll?.secret.to_vec()),
                ..Default::default()
            }),
            ..poll(of)
        },
        NewContent::File(file) => {
            let (upload, hosted) = parts.file?;
            file::message(file, upload, hosted)
        }
    };
    if reply_to.is_some() || !mentions.is_empty() {
        let mut context = match reply_to {
            Some(of) => {
                let author = chat.author(of)?.to_string();
                build_quote_context(of.id.as_str(), author, &quoted(&of.body))
            }
            None => wa::ContextInfo::default(),
        };
        context.mentioned_jid = named(mentions, chat);
        composed.set_context_info(context);
    }
    if let Some(seconds) = chat.timer {
        composed.set_ephemeral_expiration(seconds);
    }
    Some(match (content, parts.file) {
        (NewContent::File(file), Some((upload, _))) => file::in_envelope(file, upload, composed),
        _ => composed,
    })
}

fn plain(text: &str) -> wa::Message {
    wa::Message {
        conversation: Some(text.to_owned()),
        ..Default::default()
    }
}

/// A text: `conversation`, or `extendedTextMessage` if it needs a context for mentions or the chat's timer.
fn with_mentions(text: &str, mentions: &[Contact], chat: &Chat) -> wa::Message {
    let mut message = plain(text);
    if !mentions.is_empty() {
        message.set_context_info(wa::ContextInfo {
            mentioned_jid: named(mentions, chat),
            ..Default::default()
        });
    }
    if let Some(seconds) = chat.timer {
        message.set_ephemeral_expiration(seconds);
    }
    message
}

/// The JIDs of mentioned people, by the number or LID that the caller gave: the text contains the same digits.
fn named(mentions: &[Contact], chat: &Chat) -> Vec<String> {
    let names = mentions.iter().filter_map(|who| chat.name(who));
    names.map(|jid| jid.to_string()).collect()
}

fn location(place: &Place) -> wa::Message {
    let Place {
        latitude_e6,
        longitude_e6,
        name,
        address,
        caption,
    } = place;
    wa::Message {
        location_message: MessageField::some(wa::message::LocationMessage {
            degrees_latitude: Some(f64::from(*latitude_e6) / 1e6),
            degrees_longitude: Some(f64::from(*longitude_e6) / 1e6),
            name: non_empty(name),
            address: non_empty(address),
            comment: non_empty(caption),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn contacts(cards: &[Card]) -> wa::Message {
    let message = |card: &Card| wa::message::ContactMessage {
        display_name: Some(card.name.clone()),
        vcard: Some(card.vcard.clone()),
        ..Default::default()
    };
    if let [card] = cards {
        return wa::Message {
            contact_message: MessageField::some(message(card)),
            ..Default::default()
        };
    }
    let names: Vec<&str> = cards.iter().map(|card| &*card.name).collect();
    wa::Message {
        contacts_array_message: MessageField::some(wa::message::ContactsArrayMessage {
            display_name: Some(names.join(", ")),
            contacts: cards.iter().map(message).collect(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A poll, in the same version as the library's: version 3 if one option may be selected, else version 1.
fn poll(poll: &Poll) -> wa::Message {
    let Poll {
        question,
        options,
        selectable,
    } = poll;
    let options = options.iter().map(|name| {
        let option_name = Some(name.clone());
        wa::message::poll_creation_message::Option {
            option_name,
            ..Default::default()
        }
    });
    let creation = MessageField::some(wa::message::PollCreationMessage {
        name: Some(question.clone()),
        options: options.collect(),
        selectable_options_count: Some(*selectable),
        poll_content_type: Some(wa::message::PollContentType::TEXT),
        ..Default::default()
    });
    match selectable {
        1 => wa::Message {
            poll_creation_message_v3: creation,
            ..Default::default()
        },
        _ => wa::Message {
            poll_creation_message: creation,
            ..Default::default()
        },
    }
}

fn edit(chat: &Chat, target: &Referred, edited: wa::Message, now: i64) -> Option<wa::Message> {
    Some(protocol(wa::message::ProtocolMessage {
        key: MessageField::some(chat.key(target)?),
        r#type: Some(Type::MESSAGE_EDIT),
        edited_message: MessageField::some(edited),
        timestamp_ms: Some(now),
        ..Default::default()
    }))
}

fn deletion(chat: &Chat, target: &Referred) -> Option<wa::Message> {
    let mut key = chat.key(target)?;
    if target.ours {
        // Only the deletion of another person's message names the author.
        key.participant = None;
    }
    Some(protocol(wa::message::ProtocolMessage {
        key: MessageField::some(key),
        r#type: Some(Type::REVOKE),
        ..Default::default()
    }))
}

fn protocol(message: wa::message::ProtocolMessage) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(message),
        ..Default::default()
    }
}

/// A vote. Voter and author have the same kind of address.
fn vote(
    chat: &Chat,
    target: &Referred,
    options: &[String],
    key: &PollKey,
    now: i64,
) -> Option<wa::Message> {
    let PollKey { creator, secret } = key;
    let voter = match &chat.own_lid {
        Some(lid) if creator.is_lid() => lid,
        _ => &chat.own_number,
    };
    let chosen: Vec<Vec<u8>> = options
        .iter()
        .map(|option| poll::compute_option_hash(option).to_vec())
        .collect();
    let (payload, iv) = poll::encrypt_poll_vote_with_secret(
        &chosen,
        &secret[..],
        target.id.as_str(),
        &creator.to_string(),
        &voter.to_string(),
    )
    .ok()?;
    let mut named = chat.key(target)?;
    if chat.jid.is_group() {
        named.participant = Some(creator.to_string());
    }
    Some(wa::Message {
        poll_update_message: MessageField::some(wa::message::PollUpdateMessage {
            poll_creation_message_key: MessageField::some(named),
            vote: MessageField::some(wa::message::PollEncValue {
                enc_payload: Some(payload),
                enc_iv: Some(iv.to_vec()),
            }),
            sender_timestamp_ms: Some(now),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// A quoted message as it is embedded in a reply, for clients that do not have it.
fn quoted(body: &Body) -> wa::Message {
    match body {
        Body::Media(media) => file::quoted(media.kind, &media.caption, &media.file_name),
        Body::Location(at) => location(&Place {
            latitude_e6: at.latitude_e6,
            longitude_e6: at.longitude_e6,
            name: at.name.clone(),
            caption: at.caption.clone(),
            ..Place::default()
        }),
        Body::Contacts(cards) => {
            let card = |card: &ContactCard| Card {
                name: card.name.clone(),
                vcard: String::new(),
            };
            contacts(&cards.iter().map(card).collect::<Vec<_>>())
        }
        Body::Poll(of) => poll(of),
        other => plain(other.text()),
    }
}

/// `None` if empty.
fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
