//! What waited for a companion while it had no socket, or read too slowly: announced, delivered as it reads, and its end.
//!
//! A socket holds few stanzas that its client has not read ([`Link::room`]); the rest stays in the queue, and the socket's
//! task fetches it as the client reads. What is unread is bounded, however much is owed.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;
use crate::delivery::mangled;
use crate::number::DeviceId;
use crate::state::State;
use crate::state::feed::Feed;
use crate::state::link::Link;
use crate::state::queue::{Class, Queue};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// `<iq xmlns="passive"><active/>`: what is owed comes now, and after it everything as it happens.
pub(crate) fn activate(shared: &Shared, link: &Link, id: &DeviceId) {
    let mut state = lock(&shared.state);
    let delay = state.delay(Some(&id.0));
    let Some(companion) = state.companion(id) else {
        return;
    };
    if companion.active {
        return;
    }
    companion.active = true;
    companion.feed = Some(Feed::backlog(&companion.queue));
    // The socket's own task takes the rest as fast as it is read.
    link.send(&preview(&companion.queue), delay);
    drop(state);
    shared.announce();
}

/// Puts as much of what a companion is owed on its socket as that has room for.
pub(crate) fn feed(state: &mut State, device: &DeviceId, link: &Link) {
    let delay = state.delay(Some(&device.0));
    while link.room() > 0 {
        let Some(user) = state.users.get_mut(&device.0) else {
            return;
        };
        let Some(companion) = user.companions.get_mut(&device.1) else {
            return;
        };
        if companion.link.as_ref().is_none_or(|own| own.id != link.id) {
            return;
        }
        let Some(feed) = &mut companion.feed else {
            return;
        };
        let next = companion.queue.at_or_after(feed.next);
        let waited = feed.waited;
        if let Some(waited) = waited
            && next.is_none_or(|(place, _)| place >= waited.until)
        {
            feed.waited = None;
            link.send(&end(waited.count), delay);
            for kind in ["account_sync", "groups"] {
                link.send(&dirty(kind), delay);
            }
            continue;
        }
        let Some((place, item)) = next else {
            companion.feed = None;
            return;
        };
        feed.next = place + 1;
        let (class, node) = (item.class, item.node.clone());
        if waited.is_some() {
            link.send(&offline(node), delay);
            continue;
        }
        for node in mangled(state, device, class, node) {
            link.send(&node, delay);
        }
    }
}

/// What is about to be delivered, by class.
fn preview(queue: &Queue) -> Node {
    let count = |class: Class| queue.iter().filter(|item| item.class == class).count();
    let preview = NodeBuilder::new("offline_preview")
        .attr("count", queue.len())
        .attr("message", count(Class::Message))
        .attr("receipt", count(Class::Receipt))
        .attr("notification", count(Class::Notification))
        .attr("appdata", 0)
        .attr("call", 0)
        .attr("status", 0)
        .build();
    stanza::ib(preview)
}

/// A stanza as it comes after a login: marked as one that waited.
fn offline(mut node: Node) -> Node {
    node.attrs.insert("offline", "1");
    node
}

/// That is all that waited.
fn end(count: usize) -> Node {
    stanza::ib(NodeBuilder::new("offline").attr("count", count).build())
}

fn dirty(kind: &'static str) -> Node {
    let dirty = NodeBuilder::new("dirty")
        .attr("type", kind)
        .attr("timestamp", unix_now())
        .build();
    stanza::ib(dirty)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::delivery::deliver;
    use crate::signal::party::Party;
    use crate::state::companion::{About, Companion, Keys};
    use crate::state::link::Outgoing;
    use crate::state::queue::Item;
    use crate::sync::ready;

    /// A companion that has a socket.
    fn companion(state: &mut State) -> (DeviceId, Arc<Link>) {
        let device = ("+15550100001".parse().expect("a number"), 1);
        let link = Arc::new(Link::new(7));
        let mut party = Party::new();
        let companion = Companion {
            key_index: 1,
            noise: [0; 32],
            device_identity: Vec::new(),
            keys: Keys::registered(1, party.identity_public(), party.take_bundle().signed),
            about: About::default(),
            queue: Queue::default(),
            feed: None,
            link: Some(Arc::clone(&link)),
            active: true,
            presence: None,
            bootstrapped: true,
        };
        state.user(&device.0).companions.insert(1, companion);
        (device, link)
    }

    fn owed(id: usize) -> Item {
        let id = id.to_string();
        Item {
            class: Class::Message,
            node: NodeBuilder::new("message").attr("id", id.as_str()).build(),
            id,
            origin: String::new(),
        }
    }

    /// Reads all that the socket has and will get; how many stanzas that are.
    fn read(state: &mut State, device: &DeviceId, link: &Link) -> usize {
        let mut read = 0;
        loop {
            feed(state, device, link);
            if link.unread() == 0 {
                return read;
            }
            let stanzas = ready(link.outgoing(128));
            assert!(stanzas.iter().all(|it| matches!(it, Outgoing::Stanza(_))));
            read += stanzas.len();
        }
    }

    #[test]
    fn what_waited_is_put_on_the_socket_as_fast_as_it_is_read() {
        for waiting in [0, 5, 3_000, 200_001] {
            let mut state = State::default();
            let (device, link) = companion(&mut state);
            let companion = state.companion(&device).expect("it is there");
            for id in 0..waiting {
                companion.queue.push(owed(id));
            }
            companion.feed = Some(Feed::backlog(&companion.queue));
            feed(&mut state, &device, &link);
            assert!(link.is_live() && link.unread() < 1_100, "{waiting}");
            // And the end of it, and what has changed meanwhile.
            assert_eq!(read(&mut state, &device, &link), waiting + 3);
        }
    }

    #[test]
    fn what_comes_while_nothing_is_read_waits_in_the_queue() {
        let mut state = State::default();
        let (device, link) = companion(&mut state);
        for id in 0..200_001 {
            deliver(&mut state, &device, owed(id));
        }
        assert!(link.is_live() && link.unread() < 1_100);
        assert_eq!(read(&mut state, &device, &link), 200_001);
        deliver(&mut state, &device, owed(200_001));
        assert_eq!(link.unread(), 1, "at once again");
    }
}
