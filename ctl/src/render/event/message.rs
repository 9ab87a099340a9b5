//! Messages and what becomes of them, for a person.

use openclaw_proto::v1::message::Details;
use openclaw_proto::v1::{Contact, Deletion, Edit, Media, Message, Reaction};

use super::person;
use crate::numbers::Numbers;
use crate::render::size::size;
use crate::text::one_line;

pub(super) fn of_message(message: &Message) -> String {
    let who = match (message.from_me, person(message.sender.as_ref())) {
        (true, _) => "me".to_owned(),
        (false, who) if message.push_name.is_empty() => who,
        (false, who) => format!("{who} ({})", one_line(&message.push_name)),
    };
    let place = place(&message.chat, message.group, message.from_me);
    let mut said = format!("{who}{place}: {}", content(message));
    for (is, note) in [
        (message.cut, "shortened"),
        (message.bypassed, "not protected against loss"),
        (message.recovered, "told by the phone"),
    ] {
        if is {
            said.push_str(&format!(" ({note})"));
        }
    }
    said
}

pub(super) fn of_edit(edit: &Edit) -> String {
    let said = match edit.content.as_str() {
        "text" => one_line(&edit.text),
        content => bracketed(content, &[], &edit.text),
    };
    let who = doer(edit.sender.as_ref(), edit.from_me);
    let place = place(&edit.chat, edit.group, edit.from_me);
    format!(
        "{who}{place}: {} is now: {said}",
        one_line(&edit.message_id)
    )
}

pub(super) fn of_deletion(deletion: &Deletion) -> String {
    let who = doer(deletion.sender.as_ref(), deletion.from_me);
    let place = place(&deletion.chat, deletion.group, deletion.from_me);
    let by = match &deletion.author {
        Some(author) if deletion.group && deletion.author != deletion.sender => {
            format!(", by {}", person(Some(author)))
        }
        _ => String::new(),
    };
    format!("{who}{place}: {}{by}", one_line(&deletion.message_id))
}

pub(super) fn of_reaction(reaction: &Reaction) -> String {
    let who = doer(reaction.sender.as_ref(), reaction.from_me);
    let place = place(&reaction.chat, reaction.group, reaction.from_me);
    let emoji = match (reaction.sealed, reaction.emoji.as_str()) {
        (true, _) => "[sealed]".to_owned(),
        (false, "") => "no longer".to_owned(),
        (false, emoji) => one_line(emoji),
    };
    format!(
        "{who}{place}: {emoji} to {}",
        one_line(&reaction.message_id)
    )
}

fn doer(sender: Option<&Contact>, from_me: bool) -> String {
    if from_me {
        "me".to_owned()
    } else {
        person(sender)
    }
}

fn place(chat: &str, group: bool, from_me: bool) -> String {
    match (group, from_me) {
        (true, _) => format!(" in {}", Numbers::chosen().show_jid(chat)),
        (false, true) => format!(" to {}", Numbers::chosen().show_jid(chat)),
        (false, false) => String::new(),
    }
}

fn content(message: &Message) -> String {
    let mut about = Vec::new();
    match &message.details {
        None => {}
        Some(Details::Media(media)) => about = of_media(media),
        Some(Details::Place(place)) => {
            about.push(format!("{:.5}, {:.5}", place.latitude, place.longitude));
            about.push(one_line(&place.name));
            if place.live {
                about.push("live".to_owned());
            }
        }
        Some(Details::Poll(poll)) => {
            about.push(one_line(&poll.question));
            about.extend(poll.options.iter().map(|option| one_line(option)));
        }
        Some(Details::Cards(cards)) => about.extend(cards.names.iter().map(|name| one_line(name))),
        Some(Details::Choice(text) | Details::AboutId(text) | Details::Title(text)) => {
            about.push(one_line(text));
        }
    }
    for (is, note) in [
        (message.view_once, "view once"),
        (message.forwarded, "forwarded"),
    ] {
        if is {
            about.push(note.to_owned());
        }
    }
    if let Some(quoted) = &message.quoted {
        about.push(format!("in reply to {}", one_line(&quoted.id)));
    }
    about.retain(|part| !part.is_empty());
    match message.content.as_str() {
        "text" if about.is_empty() => one_line(&message.text),
        "text" => format!("({}) {}", about.join("; "), one_line(&message.text)),
        content => bracketed(content, &about, &message.text),
    }
}

/// `[image: image/jpeg, 81 KiB] look`
fn bracketed(content: &str, about: &[String], text: &str) -> String {
    let mut said = format!("[{}", one_line(content));
    if !about.is_empty() {
        said.push_str(&format!(": {}", about.join("; ")));
    }
    said.push(']');
    if !text.is_empty() {
        said.push_str(&format!(" {}", one_line(text)));
    }
    said
}

fn of_media(media: &Media) -> Vec<String> {
    let mut about = vec![one_line(&media.file_name), one_line(&media.mime_type)];
    if media.size > 0 {
        about.push(size(media.size));
    }
    if media.width > 0 && media.height > 0 {
        about.push(format!("{} × {}", media.width, media.height));
    }
    if media.seconds > 0 {
        about.push(format!("{}:{:02}", media.seconds / 60, media.seconds % 60));
    }
    if media.voice {
        about.push("voice".to_owned());
    }
    about
}
