//! Content to send: every kind is checked here, and an error names the field.

#[cfg(test)]
mod tests;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::content::Kind;
use openclaw_proto::v1::message_ref::By;
use openclaw_proto::v1::send_request::Payload;
use openclaw_types::{
    Card, Contact, MessageId, MessageRef, NewContent, NewFile, NewMessage, Outgoing, Phone, Place,
    Poll, Recipient, Seq, Text,
};
use tonic::Status as GrpcStatus;

use crate::edge::grpc::status::{invalid, unsupported};

/// WhatsApp's ids have up to 32 characters; the limit allows for longer ones.
const MAX_ID_CHARS: usize = 64;
const MAX_EMOJI_BYTES: usize = 64;
const MAX_MENTIONS: usize = 1_024;
const MAX_NAME_CHARS: usize = 1_000;
const MAX_CAPTION_CHARS: usize = 4_096;
const MAX_CARDS: usize = 64;
const MAX_CARD_PHONES: usize = 16;
const MAX_VCARD_BYTES: usize = 64 * 1024;
/// WhatsApp's limits for polls, from `WAWebPollsGatingUtils`.
const MAX_QUESTION_CHARS: usize = 255;
const MAX_OPTION_CHARS: usize = 100;
const OPTIONS: std::ops::RangeInclusive<usize> = 2..=12;

/// An invalid field.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrong(&'static str);

/// A text of invalid length.
#[derive(Debug, thiserror::Error)]
#[error("must have 1 to {0} characters")]
struct BadLength(usize);

fn wrong(field: &str, why: &'static str) -> GrpcStatus {
    invalid(field, &Wrong(why))
}

/// Converts a payload to content that this version can send.
pub(super) fn outgoing(
    payload: Option<Payload>,
    reply_to: Option<pb::MessageRef>,
) -> Result<Outgoing<MessageRef>, GrpcStatus> {
    let payload =
        payload.ok_or_else(|| wrong("payload", "is missing: there is nothing to send"))?;
    if reply_to.is_some() && !matches!(payload, Payload::Content(_)) {
        return Err(wrong("reply_to", "is only for a new message (`content`)"));
    }
    match payload {
        Payload::Content(content) => new_message(content, reply_to),
        Payload::Reaction(pb::ReactionDraft { target, emoji }) => Ok(Outgoing::Reaction {
            target: message_ref("reaction.target", target)?,
            emoji: self::emoji(emoji)?,
        }),
        Payload::Edit(pb::EditDraft { target, content }) => edit(target, content),
        Payload::Deletion(pb::DeletionDraft { target }) => Ok(Outgoing::Deletion {
            target: message_ref("deletion.target", target)?,
        }),
        Payload::PollVote(pb::PollVoteDraft { target, options }) => Ok(Outgoing::Vote {
            target: message_ref("poll_vote.target", target)?,
            options: names("poll_vote.options", options)?,
        }),
    }
}

fn new_message(
    content: pb::Content,
    reply_to: Option<pb::MessageRef>,
) -> Result<Outgoing<MessageRef>, GrpcStatus> {
    let pb::Content {
        kind,
        mentions,
        truncated,
    } = content;
    let reply_to = reply_to.map(|of| message_ref("reply_to", Some(of)));
    Ok(Outgoing::Message(Box::new(NewMessage {
        content: new_content(kind, truncated)?,
        reply_to: reply_to.transpose()?,
        mentions: self::mentions("content.mentions", mentions)?,
    })))
}

fn new_content(kind: Option<Kind>, truncated: bool) -> Result<NewContent, GrpcStatus> {
    if truncated {
        let why = "is set on received content only: content is sent whole";
        return Err(wrong("content.truncated", why));
    }
    match kind {
        None => Err(wrong(
            "content.kind",
            "is missing: there is nothing to send",
        )),
        Some(Kind::Text(text)) => Ok(NewContent::Text(self::text("content.text.body", text)?)),
        Some(Kind::Location(location)) => Ok(NewContent::Location(place(location)?)),
        Some(Kind::Contacts(cards)) => Ok(NewContent::Contacts(self::cards(cards)?)),
        Some(Kind::Poll(poll)) => Ok(NewContent::Poll(self::poll(poll)?)),
        Some(Kind::Media(media)) => Ok(NewContent::File(file(media)?)),
        Some(Kind::CalendarEvent(_)) => Err(unsupported("content.calendar_event")),
        Some(Kind::GroupInvite(_)) => Err(unsupported("content.group_invite")),
        Some(Kind::Choices(_)) => Err(unsupported("content.choices")),
        Some(Kind::Choice(_)) => Err(unsupported("content.choice")),
        Some(Kind::Album(_)) => Err(unsupported("content.album")),
        Some(Kind::PollVote(_)) => Err(unsupported("content.poll_vote")),
        Some(Kind::Pin(_)) => Err(unsupported("content.pin")),
        Some(Kind::TimerChange(_)) => Err(unsupported("content.timer_change")),
        Some(Kind::Other(_)) => Err(unsupported("content.other")),
    }
}

/// The file of a message. Its properties were given to Files.Upload; repeated here they are rejected, not ignored.
fn file(media: pb::Media) -> Result<NewFile, GrpcStatus> {
    const ID: &str = "content.media.media_id";
    let pb::Media {
        kind,
        mime_type,
        file_name,
        size_bytes,
        duration,
        width,
        height,
        caption,
        downloadable,
        media_id,
        view_once,
    } = media;
    if media_id.is_empty() {
        return Err(wrong(
            ID,
            "is missing: upload the file with Files.Upload first",
        ));
    }
    let is_said = kind != 0
        || !mime_type.is_empty()
        || !file_name.is_empty()
        || size_bytes != 0
        || duration.is_some()
        || (width, height) != (0, 0)
        || downloadable;
    if is_said {
        return Err(wrong(
            "content.media",
            "has fields that only Files.Upload takes: leave all but `media_id`, `caption` and `view_once` empty",
        ));
    }
    if caption.chars().count() > MAX_CAPTION_CHARS {
        return Err(invalid(
            "content.media.caption",
            &BadLength(MAX_CAPTION_CHARS),
        ));
    }
    Ok(NewFile {
        media: media_id.parse().map_err(|error| invalid(ID, &error))?,
        caption,
        view_once,
    })
}

fn edit(
    target: Option<pb::MessageRef>,
    content: Option<pb::Content>,
) -> Result<Outgoing<MessageRef>, GrpcStatus> {
    let pb::Content {
        kind,
        mentions,
        truncated,
    } = content.unwrap_or_default();
    let target = message_ref("edit.target", target)?;
    let text = match kind {
        None => return Err(wrong("edit.content", "is missing: there is no new text")),
        Some(Kind::Text(text)) if !truncated => self::text("edit.content.text.body", text)?,
        Some(_) => return Err(wrong("edit.content", "must be a whole text")),
    };
    Ok(Outgoing::Edit {
        target,
        text,
        mentions: self::mentions("edit.content.mentions", mentions)?,
    })
}

fn text(field: &str, text: pb::Text) -> Result<Text, GrpcStatus> {
    // A preview is the work of the client that sends the text.
    let pb::Text { body, preview: _ } = text;
    Text::try_from(body).map_err(|error| invalid(field, &error))
}

/// The message that a field refers to.
pub(super) fn message_ref(
    field: &str,
    of: Option<pb::MessageRef>,
) -> Result<MessageRef, GrpcStatus> {
    match of.and_then(|of| of.by) {
        None => Err(wrong(
            field,
            "is missing: name the message by `seq` or by `key`",
        )),
        Some(By::Seq(0)) => Err(wrong(&format!("{field}.seq"), "must be above zero")),
        Some(By::Seq(seq)) => Ok(MessageRef::Seq(Seq(seq))),
        Some(By::Key(pb::MessageKey { chat, id, sender })) => {
            if !(1..=MAX_ID_CHARS).contains(&id.chars().count()) {
                let field = format!("{field}.key.id");
                return Err(invalid(&field, &BadLength(MAX_ID_CHARS)));
            }
            let chat = chat.parse();
            let sender = sender.map(|who| person(&format!("{field}.key.sender"), who));
            Ok(MessageRef::Key {
                chat: chat.map_err(|error| invalid(&format!("{field}.key.chat"), &error))?,
                id: MessageId::new(&id),
                sender: sender.transpose()?,
            })
        }
    }
}

/// A person, by phone number, LID or both.
fn person(field: &str, who: pb::Contact) -> Result<Contact, GrpcStatus> {
    let pb::Contact { phone, lid } = who;
    let mut contact = Contact::default();
    for text in [phone, lid].into_iter().filter(|text| !text.is_empty()) {
        match text.parse() {
            Ok(Recipient::Phone(phone)) => contact.phone = Some(phone),
            Ok(Recipient::Lid(lid)) => contact.lid = Some(lid),
            Ok(Recipient::Group(_)) => return Err(wrong(field, "must be a person")),
            Err(error) => return Err(invalid(field, &error)),
        }
    }
    if contact == Contact::default() {
        return Err(wrong(field, "must have a number or a LID"));
    }
    Ok(contact)
}

fn mentions(field: &str, mentions: Vec<pb::Contact>) -> Result<Vec<Contact>, GrpcStatus> {
    if mentions.len() > MAX_MENTIONS {
        return Err(wrong(field, "must be at most 1024 people"));
    }
    let mentions = mentions.into_iter().map(|who| person(field, who));
    mentions.collect()
}

/// Without a table of all emoji: rejects text that begins with a letter, or is long.
fn emoji(emoji: String) -> Result<String, GrpcStatus> {
    let is_text = emoji.is_ascii() || emoji.chars().any(char::is_alphabetic);
    if !emoji.is_empty() && (is_text || emoji.len() > MAX_EMOJI_BYTES) {
        return Err(wrong("reaction.emoji", "must be one emoji, or empty"));
    }
    Ok(emoji)
}

fn place(location: pb::Location) -> Result<Place, GrpcStatus> {
    let pb::Location {
        latitude,
        longitude,
        name,
        live,
        caption,
        address,
    } = location;
    if live {
        return Err(wrong(
            "content.location.live",
            "is set on received locations only",
        ));
    }
    let degrees = |field, degrees: f64, most: f64| {
        // NaN is in no range.
        if !(-most..=most).contains(&degrees) {
            return Err(wrong(
                field,
                "must be in degrees: -90 to 90, and -180 to 180",
            ));
        }
        Ok((degrees * 1e6).round() as i32)
    };
    let within = |field: &str, text: String, most| {
        if text.chars().count() > most {
            return Err(invalid(field, &BadLength(most)));
        }
        Ok(text)
    };
    Ok(Place {
        latitude_e6: degrees("content.location.latitude", latitude, 90.0)?,
        longitude_e6: degrees("content.location.longitude", longitude, 180.0)?,
        name: within("content.location.name", name, MAX_NAME_CHARS)?,
        address: within("content.location.address", address, MAX_NAME_CHARS)?,
        caption: within("content.location.caption", caption, MAX_CAPTION_CHARS)?,
    })
}

fn cards(pb::ContactCards { cards }: pb::ContactCards) -> Result<Vec<Card>, GrpcStatus> {
    if !(1..=MAX_CARDS).contains(&cards.len()) {
        return Err(wrong("content.contacts.cards", "must be 1 to 64 cards"));
    }
    cards.into_iter().map(card).collect()
}

fn card(
    pb::ContactCard {
        name,
        phones,
        vcard,
    }: pb::ContactCard,
) -> Result<Card, GrpcStatus> {
    const PHONES: &str = "content.contacts.cards.phones";
    const VCARD: &str = "content.contacts.cards.vcard";
    let name = named("content.contacts.cards.name", name, MAX_NAME_CHARS)?;
    if !vcard.is_empty() {
        if !phones.is_empty() {
            return Err(wrong(
                PHONES,
                "must be empty with `vcard`, which has its own",
            ));
        }
        if !vcard.starts_with("BEGIN:VCARD") || vcard.len() > MAX_VCARD_BYTES {
            return Err(wrong(
                VCARD,
                "must begin with BEGIN:VCARD, and have at most 64 KiB",
            ));
        }
        return Ok(Card { name, vcard });
    }
    if !(1..=MAX_CARD_PHONES).contains(&phones.len()) {
        return Err(wrong(PHONES, "must be 1 to 16 numbers, or use `vcard`"));
    }
    let phones = phones.iter().map(|phone| phone.parse());
    let phones: Result<Vec<Phone>, _> = phones.collect();
    let phones = phones.map_err(|error| invalid(PHONES, &error))?;
    let vcard = self::vcard(&name, &phones);
    Ok(Card { name, vcard })
}

/// A card as WhatsApp's clients write it: `waid` makes the number a WhatsApp contact.
fn vcard(name: &str, phones: &[Phone]) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '\n' | '\r' => escaped.push_str("\\n"),
            '\\' | ',' | ';' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    let phones = phones.iter().map(|phone| {
        let (digits, shown) = (phone.digits(), phone.e164());
        format!("TEL;type=CELL;type=VOICE;waid={digits}:{shown}\n")
    });
    let phones: String = phones.collect();
    format!("BEGIN:VCARD\nVERSION:3.0\nN:;{escaped};;;\nFN:{escaped}\n{phones}END:VCARD")
}

fn poll(poll: pb::Poll) -> Result<Poll, GrpcStatus> {
    const FIELD: &str = "content.poll.options";
    let pb::Poll {
        question,
        options,
        selectable,
    } = poll;
    let options = names(FIELD, options)?;
    if !OPTIONS.contains(&options.len()) {
        return Err(wrong(FIELD, "must be 2 to 12 options"));
    }
    if usize::try_from(selectable).is_ok_and(|selectable| selectable > options.len()) {
        let why = "must be at most the number of options, or 0 for no limit";
        return Err(wrong("content.poll.selectable", why));
    }
    Ok(Poll {
        question: named("content.poll.question", question, MAX_QUESTION_CHARS)?,
        options,
        selectable,
    })
}

/// The options of a poll. They must differ: a vote identifies an option by its text alone.
fn names(field: &str, options: Vec<pb::PollOption>) -> Result<Vec<String>, GrpcStatus> {
    let mut names: Vec<String> = Vec::with_capacity(options.len());
    for pb::PollOption { name } in options {
        let name = named(field, name, MAX_OPTION_CHARS)?;
        if names.contains(&name) {
            return Err(wrong(field, "must all be different"));
        }
        names.push(name);
    }
    Ok(names)
}

fn named(field: &str, name: String, most: usize) -> Result<String, GrpcStatus> {
    match name.chars().count() {
        length if (1..=most).contains(&length) && !name.trim().is_empty() => Ok(name),
        _ => Err(invalid(field, &BadLength(most))),
    }
}
