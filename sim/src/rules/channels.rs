//! Channels: posting, delivery of posts, and live updates of reactions.

use buffa::Message as _;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, JidExt as _, Node, Server};

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::{DeviceId, Number};
use crate::state::State;
use crate::state::channel::Channel;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::content::text_message;
use crate::wire::stanza;

/// The `edit` attribute for editing or deleting a post.
const ADMIN_EDIT: &str = "3";
const ADMIN_REVOKE: &str = "8";
/// The `edit` attribute for removing a reaction.
const SENDER_REVOKE: &str = "7";

/// Creates a channel. Returns the user part of its JID.
pub(crate) fn create(state: &mut State, owner: &Number, name: &str, description: &str) -> String {
    state.channels_made += 1;
    let id = format!("12036310000000{:04}", state.channels_made);
    let mut channel = Channel::new(&id, Some(owner.clone()), name, unix_now());
    description.clone_into(&mut channel.description);
    state.channels.insert(id.clone(), channel);
    id
}

/// The channel with this JID.
pub(crate) fn find<'a>(state: &'a mut State, jid: &Jid) -> Option<&'a mut Channel> {
    let id = jid.is_newsletter().then_some(jid.user.as_str())?;
    state.channels.get_mut(id)
}

/// A message to a channel: a post, a change of one, or a reaction. The caller has checked that the sender may send it.
/// Returns the server's id of the post.
pub(crate) fn receive(shared: &Shared, from: &DeviceId, to: &Jid, node: &Node) -> Option<u64> {
    let mut state = lock(&shared.state);
    match node.get_optional_child("reaction") {
        Some(reaction) => react(&mut state, &from.0, to, node, reaction),
        None => publish(&mut state, from, to, node),
    }
}

/// Adds or removes a reaction.
fn react(state: &mut State, from: &Number, to: &Jid, node: &Node, reaction: &Node) -> Option<u64> {
    let code = stanza::text(reaction, "code").unwrap_or_default();
    let removed = code.is_empty() || stanza::is(node, "edit", SENDER_REVOKE);
    let server_id = stanza::text(node, "server_id")?.parse().ok()?;
    let post = find(state, to)?.post_with_server_id(server_id)?;
    match removed {
        true => post.reactions.remove(from),
        false => post.reactions.insert(from.clone(), code.into_owned()),
    };
    let update = post.update();
    report(state, to, update);
    Some(server_id)
}

/// Adds a post, or edits or deletes one.
fn publish(state: &mut State, from: &DeviceId, to: &Jid, node: &Node) -> Option<u64> {
    let id = stanza::text(node, "id")?.into_owned();
    let plaintext = node.get_optional_child("plaintext")?.clone();
    let kind = stanza::text(node, "type").unwrap_or_default().into_owned();
    let edit = stanza::text(node, "edit");
    let channel = find(state, to)?;
    let server_id = match edit.as_deref() {
        Some(edit @ (ADMIN_EDIT | ADMIN_REVOKE)) => {
            let post = channel.post_with_id(&id)?;
            post.plaintext = (edit == ADMIN_EDIT).then(|| plaintext.clone());
            post.server_id
        }
        _ => channel.post(&id, &kind, plaintext.clone(), unix_now()),
    };
    let post = Post {
        id: &id,
        server_id,
        kind: &kind,
        edit: edit.as_deref(),
        plaintext,
    };
    deliver_post(state, to, Some(from), &post);
    Some(server_id)
}

/// Posts text on behalf of someone outside the simulator, in a channel that an account follows; the channel is created
/// on first use. Returns the post's id.
pub(crate) fn post_from_outside(
    shared: &Shared,
    account: &Number,
    name: &str,
    text: &str,
) -> String {
    let id = crate::id::message();
    let plaintext = NodeBuilder::new("plaintext").bytes(text_message(text).encode_to_vec());
    let plaintext = plaintext.build();
    let mut state = lock(&shared.state);
    let channel = state
        .channels
        .entry(name.to_owned())
        .or_insert_with(|| Channel::new(name, None, name, unix_now()));
    if !channel.has(account) {
        channel.followers.insert(account.clone());
    }
    let server_id = channel.post(&id, "text", plaintext.clone(), unix_now());
    let post = Post {
        id: &id,
        server_id,
        kind: "text",
        edit: None,
        plaintext,
    };
    let to = Jid::new(name, Server::Newsletter);
    deliver_post(&mut state, &to, None, &post);
    drop(state);
    shared.announce();
    id
}

/// A post to deliver to readers.
struct Post<'a> {
    id: &'a str,
    server_id: u64,
    kind: &'a str,
    edit: Option<&'a str>,
    plaintext: Node,
}

/// Queues a post for the companions of all readers of the channel, except the one that sent it.
fn deliver_post(state: &mut State, channel: &Jid, sender: Option<&DeviceId>, post: &Post<'_>) {
    let readers = find(state, channel).map(|channel| channel.readers());
    for number in readers.unwrap_or_default() {
        let message = NodeBuilder::new("message")
            .attr("from", channel.clone())
            .attr("id", post.id)
            .attr("server_id", post.server_id)
            .attr("t", unix_now())
            .attr("type", post.kind);
        let message = match post.edit {
            Some(edit) => message.attr("edit", edit),
            None => message,
        };
        let message = match sender {
            Some(sender) if sender.0 == number => message.attr("is_sender", "true"),
            _ => message,
        };
        let node = message.children([post.plaintext.clone()]).build();
        for companion in state.companions_of(&number) {
            if Some(&companion) == sender {
                continue;
            }
            let item = Item {
                class: Class::Message,
                id: post.id.to_owned(),
                origin: channel.to_string(),
                node: node.clone(),
            };
            deliver(state, &companion, item);
        }
    }
}

/// Sends a live update to the companions that have requested them.
fn report(state: &mut State, jid: &Jid, update: Node) {
    let watchers = find(state, jid).map(|channel| channel.watchers());
    let messages = NodeBuilder::new("messages")
        .attr("jid", jid.clone())
        .attr("t", unix_now())
        .children([update]);
    let updates = NodeBuilder::new("live_updates").children([messages.build()]);
    let updates = updates.build();
    for device in watchers.unwrap_or_default() {
        let news = NodeBuilder::new("notification").attr("from", jid.clone());
        let news = news.children([updates.clone()]);
        let item = Item::notification("newsletter", jid.to_string(), news);
        deliver(state, &device, item);
    }
}
