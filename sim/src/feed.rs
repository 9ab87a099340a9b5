//! How far a companion's socket has got in its queue, while it is behind: at a login, and when it reads more slowly than
//! others write.
//!
//! A socket holds few stanzas that its client has not read ([`crate::link::Link::room`]); the rest stays in the queue, and
//! the socket's task fetches it as the client reads. What is unread is bounded, however much is owed.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;
use crate::link::Link;
use crate::queue::{Class, Queue};
use crate::stanza;
use crate::state::{DeviceId, State};

/// The part of a queue that a socket has still to get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feed {
    next: u64,
    /// What waited at the login ends here, and its end is announced.
    waited: Option<Waited>,
}

#[derive(Debug, Clone, Copy)]
struct Waited {
    until: u64,
    count: usize,
}

impl Feed {
    /// All that a companion is owed when it logs in.
    pub(crate) fn backlog(queue: &Queue) -> Self {
        let waited = Waited {
            until: queue.end(),
            count: queue.len(),
        };
        Self {
            next: 0,
            waited: Some(waited),
        }
    }

    /// What came while the socket was full, from this place on.
    pub(crate) fn from(place: u64) -> Self {
        Self {
            next: place,
            waited: None,
        }
    }
}

impl State {
    /// Puts as much of what a companion is owed on its socket as that has room for.
    pub(crate) fn feed(&mut self, device: &DeviceId, link: &Link) {
        let delay = self.delay(Some(&device.0));
        while link.room() > 0 {
            let Some(user) = self.users.get_mut(&device.0) else {
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
            for node in self.mangled(device, class, node) {
                link.send(&node, delay);
            }
        }
    }

    /// A stanza as the faults of its companion would have it.
    pub(crate) fn mangled(&mut self, device: &DeviceId, class: Class, node: Node) -> Vec<Node> {
        if class != Class::Message {
            return vec![node];
        }
        let own = self.users.get_mut(&device.0).map(|user| &mut user.faults);
        let faults = match own {
            Some(own) if own.touches_messages() => own,
            _ => &mut self.faults,
        };
        faults.mangle(&device.0, device.1, node)
    }
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
    use crate::companion::{About, Companion, Keys};
    use crate::link::Outgoing;
    use crate::party::Party;
    use crate::queue::Item;
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
            state.feed(device, link);
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
            state.feed(&device, &link);
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
            state.deliver(&device, owed(id));
        }
        assert!(link.is_live() && link.unread() < 1_100);
        assert_eq!(read(&mut state, &device, &link), 200_001);
        state.deliver(&device, owed(200_001));
        assert_eq!(link.unread(), 1, "at once again");
    }
}
