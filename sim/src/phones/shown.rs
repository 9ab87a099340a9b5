//! What a person sees of the messages on their phone: edits and deletions applied, reactions and votes attached to
//! their message.

use std::collections::BTreeMap;

use waproto::whatsapp as wa;

use crate::number::Number;
use crate::phones::poll;
use crate::state::inbox::Received;
use crate::state::sent::{Sent, To};
use crate::state::user::User;
use crate::wire::content::{Content, Key, Kind, text_of, unwrapped};

/// A message as a person sees it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Shown {
    /// The message. Its text is the current text.
    #[serde(flatten)]
    pub received: Received,
    /// The current content; `None` after a deletion.
    pub content: Option<Content>,
    /// The person sent it: it is listed because others reacted to it or changed it.
    #[serde(skip_serializing_if = "is_not")]
    pub own: bool,
    /// Edited.
    #[serde(skip_serializing_if = "is_not")]
    pub edited: bool,
    /// Pinned.
    #[serde(skip_serializing_if = "is_not")]
    pub pinned: bool,
    /// Reactions, by the number of their sender.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reactions: BTreeMap<String, String>,
    /// Votes: the chosen options, by the number of the voter.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub votes: BTreeMap<String, Vec<String>>,
}

const fn is_not(flag: &bool) -> bool {
    !*flag
}

impl Shown {
    fn new(received: Received, own: bool) -> Self {
        let mut content = Content::of(&received.message);
        if let Some((_, media)) = content.kind.media_mut() {
            media.file.opened.clone_from(&received.media);
        }
        Self {
            content: Some(content),
            received,
            own,
            edited: false,
            pinned: false,
            reactions: BTreeMap::new(),
            votes: BTreeMap::new(),
        }
    }

    fn set_content(&mut self, message: &wa::Message) {
        self.content = Some(Content::of(message));
        self.received.text = text_of(message);
        self.received.message = message.clone();
        self.edited = true;
    }
}

/// All messages of a user, in the order of arrival.
pub(crate) fn shown(user: &User, number: &Number) -> Vec<Shown> {
    let mut list = Vec::new();
    for received in &user.inbox {
        if !change(user, number, &mut list, received) {
            list.push(Shown::new(received.clone(), false));
        }
    }
    list
}

/// Applies this message to the earlier one that it refers to. False: it is a message of its own.
fn change(user: &User, number: &Number, list: &mut Vec<Shown>, received: &Received) -> bool {
    let Received { from, message, .. } = received;
    if let Some(voter) = voter(received)
        && let Some(vote) = poll::read(user, number, &voter, message)
    {
        if let Some(poll) = find(user, number, list, &vote.poll) {
            poll.votes.insert(from.clone(), vote.options);
        }
        return true;
    }
    match Content::of(message).kind {
        Kind::Edit(edit) => {
            let (_, inner) = unwrapped(message);
            let edited = &inner.protocol_message.edited_message;
            match find(user, number, list, &edit.about.id) {
                Some(target) if may(target, received, &edit.about) => target.set_content(edited),
                _ => {}
            }
        }
        Kind::Deletion(about) => match find(user, number, list, &about.id) {
            Some(target) if may(target, received, &about) => {
                target.content = None;
                target.received.text = None;
            }
            _ => {}
        },
        Kind::Reaction(reaction) => {
            if let Some(target) = find(user, number, list, &reaction.about.id) {
                match reaction.emoji.as_str() {
                    "" => target.reactions.remove(from),
                    emoji => target.reactions.insert(from.clone(), emoji.to_owned()),
                };
            }
        }
        Kind::Pin(pin) => {
            if let Some(target) = find(user, number, list, &pin.about.id) {
                target.pinned = pin.pinned;
            }
        }
        _ => return false,
    }
    true
}

fn voter(received: &Received) -> Option<Number> {
    received.from.parse().ok()
}

/// Only the author can change a message; in a group an admin can delete messages of others.
fn may(target: &Shown, change: &Received, about: &Key) -> bool {
    let by_admin = about.own == Some(false) && change.chat.ends_with("@g.us");
    target.received.from == change.from || by_admin
}

/// The message with this id in the list. A message that the person sent is added to the list first.
fn find<'a>(
    user: &User,
    number: &Number,
    list: &'a mut Vec<Shown>,
    id: &str,
) -> Option<&'a mut Shown> {
    let place = list.iter().position(|shown| shown.received.id == id);
    let place = match place {
        Some(place) => place,
        None => {
            let sent = user.sent.iter().find(|sent| sent.envelope.id == id)?;
            list.push(Shown::new(own(number, sent), true));
            list.len() - 1
        }
    };
    list.get_mut(place)
}

fn own(
    number: &Number,
    Sent {
        envelope, message, ..
    }: &Sent,
) -> Received {
    let chat = match &envelope.to {
        To::User(to, by) if by.is_lid() => to.lid(),
        To::User(to, _) => to.pn(),
        To::Group(group, _) => wacore_binary::Jid::group(group.as_str()),
        To::Broadcast(..) | To::OwnCompanion => number.lid(),
    };
    Received::plain(&envelope.id, &envelope.from, &chat, message)
}

#[cfg(test)]
mod tests;
