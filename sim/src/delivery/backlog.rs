//! The backlog: stanzas that were queued while a companion had no socket or read too slowly. Announces it, delivers
//! it, and ends it.
//!
//! A client has to request the backlog of a login: `<offline_preview>` announces it, the first few stanzas are sent
//! unprompted, the rest on request (`<offline_batch>`). `<offline>` follows when the whole backlog is acked; stanzas
//! that arrived meanwhile are sent only after that (whatsapp-rust#125, #359, #629).
//!
//! A socket holds only a few stanzas that its client has not read ([`Link::room`]); the rest stays in the queue, and
//! the socket's task fetches it as the client reads. So the unread stanzas are bounded, whatever the length of the
//! queue.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;
use crate::delivery::{cut_if_asked, mangled};
use crate::number::DeviceId;
use crate::state::State;
use crate::state::config::Leniency;
use crate::state::feed::Feed;
use crate::state::link::Link;
use crate::state::queue::{Class, Item, Queue};
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;

/// `<iq xmlns="passive"><active/>`: the client requests its stanzas: first the backlog, then new ones as they arrive.
pub(crate) fn activate(shared: &Shared, link: &Link, id: &DeviceId) {
    let strict = shared.config.is_strict(Leniency::Backlog);
    let mut state = lock(&shared.state);
    let delay = state.delay(Some(&id.0));
    let user = state.users.get_mut(&id.0);
    let announced = !user.is_some_and(|user| std::mem::take(&mut user.faults.unannounced));
    let Some(companion) = state.companion(id) else {
        return;
    };
    if companion.active {
        return;
    }
    companion.active = true;
    companion.feed = Some(Feed::backlog(&companion.queue, strict));
    if announced {
        // The socket's own task sends the rest as fast as the client reads.
        link.send(&preview(&companion.queue), delay);
    } else if let Some(feed) = &mut companion.feed {
        feed.without_primer();
    }
    drop(state);
    shared.announce();
}

/// `<ib><offline_batch count>`: the client requests this many more stanzas of its backlog.
pub(crate) fn request(shared: &Shared, link: &Link, id: &DeviceId, node: &Node) {
    const RULE: &str = "a backlog request has a number of stanzas";
    let Some(batch) = node.get_optional_child("offline_batch") else {
        return;
    };
    let count = stanza::text(batch, "count");
    let count: Option<usize> = count.and_then(|count| count.parse().ok());
    let who = verdict::name_of(id);
    let kept = count.is_some_and(|count| count > 0);
    lock(&shared.verdicts).require(&who, RULE, kept, "the count is missing or not a number");
    let mut state = lock(&shared.state);
    if let Some(feed) = state.companion(id).and_then(|it| it.feed.as_mut()) {
        feed.request(count.unwrap_or(0));
        link.wake();
    }
}

/// Writes as many of a companion's queued stanzas to its socket as fit.
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
        let before =
            |until, next: Option<(u64, &Item)>| next.is_some_and(|(place, _)| place < until);
        if let Some(waited) = feed.waited
            && !before(waited.until, next)
        {
            let owed = companion.queue.at_or_after(0);
            if waited.is_acked_first && before(waited.until, owed) {
                return;
            }
            feed.waited = None;
            link.send(&end(waited.count), delay);
            for kind in std::mem::take(&mut companion.dirty) {
                link.send(&dirty(kind), delay);
            }
            continue;
        }
        let Some((place, item)) = next else {
            companion.feed = None;
            return;
        };
        if feed.waited.is_some_and(|waited| !waited.may_send()) {
            return;
        }
        feed.next = place + 1;
        let (class, node) = (item.class, item.node.clone());
        let number = feed.waited.as_mut().map(|waited| {
            waited.sent += 1;
            waited.sent
        });
        companion.queue.sent(place);
        let nodes = match number {
            Some(number) => vec![offline(node, number)],
            None => mangled(state, device, class, node),
        };
        for node in nodes {
            link.send(&node, delay);
        }
        cut_if_asked(state, device, link);
    }
}

/// The number of stanzas that are about to be delivered, by class.
fn preview(queue: &Queue) -> Node {
    let count = |class: Class| queue.iter().filter(|item| item.class == class).count();
    let preview = NodeBuilder::new("offline_preview")
        .attr("count", queue.len())
        .attr("message", count(Class::Message))
        .attr("receipt", count(Class::Receipt))
        .attr("notification", count(Class::Notification))
        .attr("appdata", 0)
        .attr("call", count(Class::Call))
        .attr("status", count(Class::Status))
        .build();
    stanza::ib(preview)
}

/// A stanza of the backlog, with the mark and number of an offline stanza.
fn offline(mut node: Node, number: usize) -> Node {
    node.attrs.insert("offline", number.to_string());
    node
}

/// `<offline>`: the end of the backlog.
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
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use wacore_binary::marshal::unmarshal_ref;

    use super::*;
    use crate::delivery::deliver;
    use crate::signal::party::Party;
    use crate::state::companion::{Companion, Keys};
    use crate::state::link::Outgoing;
    use crate::sync::ready;

    /// Creates a companion with a socket.
    fn companion(state: &mut State) -> (DeviceId, Arc<Link>) {
        let device = ("+15550100001".parse().expect("a number"), 1);
        let link = Arc::new(Link::new(7, Arc::default()));
        let mut party = Party::new();
        let signed = party.take_bundle().signed;
        let keys = Keys::registered(1, party.identity_public(), signed);
        let mut companion = Companion::new(1, keys);
        companion.link = Some(Arc::clone(&link));
        companion.active = true;
        companion.dirty = BTreeSet::from(["groups"]);
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

    /// Reads everything from the socket until it is empty. Returns the number of stanzas.
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
    fn the_backlog_is_written_as_fast_as_it_is_read() {
        for waiting in [0, 5, 3_000, 200_001] {
            let mut state = State::default();
            let (device, link) = companion(&mut state);
            let companion = state.companion(&device).expect("it is there");
            for id in 0..waiting {
                companion.queue.push(owed(id));
            }
            companion.feed = Some(Feed::backlog(&companion.queue, false));
            feed(&mut state, &device, &link);
            assert!(link.is_live() && link.unread() < 1_100, "{waiting}");
            // Two more: the end of the backlog, and the app state collections that changed meanwhile.
            assert_eq!(read(&mut state, &device, &link), waiting + 2);
        }
    }

    /// The tags of the stanzas on the socket, and the `offline` numbers of messages.
    fn taken(state: &mut State, device: &DeviceId, link: &Link) -> Vec<String> {
        feed(state, device, link);
        let mut taken = Vec::new();
        while link.unread() > 0 {
            for outgoing in ready(link.outgoing(128)) {
                let Outgoing::Stanza(bytes) = outgoing else {
                    panic!("the socket was closed");
                };
                let node = unmarshal_ref(&bytes[1..]).expect("a stanza").to_owned();
                taken.push(match stanza::text(&node, "offline") {
                    Some(number) => number.into_owned(),
                    None => stanza::children(&node)[0].tag.to_string(),
                });
            }
        }
        taken
    }

    #[test]
    fn a_backlog_is_sent_on_request_and_ends_when_it_is_acked() {
        let mut state = State::default();
        let (device, link) = companion(&mut state);
        let companion = state.companion(&device).expect("it is there");
        for id in 0..12 {
            companion.queue.push(owed(id));
        }
        companion.feed = Some(Feed::backlog(&companion.queue, true));
        assert_eq!(taken(&mut state, &device, &link), ["1", "2", "3", "4", "5"]);
        assert!(taken(&mut state, &device, &link).is_empty(), "unasked");
        let request = |state: &mut State, count| {
            let companion = state.companion(&device).expect("it is there");
            companion.feed.as_mut().expect("behind").request(count);
        };
        request(&mut state, 2);
        assert_eq!(taken(&mut state, &device, &link), ["6", "7"]);
        request(&mut state, 200);
        deliver(&mut state, &device, owed(12));
        let rest = taken(&mut state, &device, &link);
        assert_eq!(rest, ["8", "9", "10", "11", "12"], "no newer stanzas");
        let ack = |state: &mut State, id: usize| {
            let queue = &mut state.companion(&device).expect("it is there").queue;
            queue.settle(Class::Message, &id.to_string(), |_| true);
        };
        for id in 0..11 {
            ack(&mut state, id);
        }
        assert!(
            taken(&mut state, &device, &link).is_empty(),
            "one stanza is not acked yet"
        );
        ack(&mut state, 11);
        feed(&mut state, &device, &link);
        assert_eq!(
            link.unread(),
            3,
            "the end of the backlog, the changed collections, the live message"
        );
    }

    #[test]
    fn new_stanzas_stay_in_the_queue_while_the_client_does_not_read() {
        let mut state = State::default();
        let (device, link) = companion(&mut state);
        for id in 0..200_001 {
            deliver(&mut state, &device, owed(id));
        }
        assert!(link.is_live() && link.unread() < 1_100);
        assert_eq!(read(&mut state, &device, &link), 200_001);
        deliver(&mut state, &device, owed(200_001));
        assert_eq!(link.unread(), 1, "sent immediately again");
    }
}
