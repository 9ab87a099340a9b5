//! Channels ("newsletters"): unencrypted posts, and followers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node, Server};

use crate::number::{DeviceId, Number};

/// The server's id of a channel's first post.
const FIRST_POST: u64 = 100;
/// The duration of live updates after each request of a companion.
pub(crate) const WATCH_PERIOD: Duration = Duration::from_secs(300);

/// A channel.
pub(crate) struct Channel {
    /// The user part of its JID.
    pub(crate) id: String,
    /// The owner, who may post; `None` if the channel belongs to no user of the simulator.
    pub(crate) owner: Option<Number>,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) created_at: u64,
    /// The code of its invite link.
    pub(crate) invite: String,
    /// The followers, without the owner.
    pub(crate) followers: BTreeSet<Number>,
    /// The people who have muted it.
    pub(crate) muted: BTreeSet<Number>,
    posts: Vec<Post>,
    /// The companions that get live updates, and until when.
    watchers: HashMap<DeviceId, Instant>,
}

/// A post in a channel.
#[derive(Clone)]
pub(crate) struct Post {
    /// The sender's id of the message.
    pub(crate) id: String,
    /// The server's id, which increases by one within a channel.
    pub(crate) server_id: u64,
    pub(crate) at: u64,
    /// `text`, `media`, …
    pub(crate) kind: String,
    /// `<plaintext>`: the unencrypted message. `None` if the post was deleted.
    pub(crate) plaintext: Option<Node>,
    /// Each person's reaction.
    pub(crate) reactions: BTreeMap<Number, String>,
}

impl Channel {
    pub(crate) fn new(id: &str, owner: Option<Number>, name: &str, now: u64) -> Self {
        Self {
            id: id.to_owned(),
            owner,
            name: name.to_owned(),
            description: String::new(),
            created_at: now,
            invite: crate::id::message(),
            followers: BTreeSet::new(),
            muted: BTreeSet::new(),
            posts: Vec::new(),
            watchers: HashMap::new(),
        }
    }

    pub(crate) fn jid(&self) -> Jid {
        Jid::new(self.id.as_str(), Server::Newsletter)
    }

    /// Whether the person owns or follows the channel.
    pub(crate) fn has(&self, number: &Number) -> bool {
        self.owner.as_ref() == Some(number) || self.followers.contains(number)
    }

    /// The people whose companions get its posts.
    pub(crate) fn readers(&self) -> Vec<Number> {
        self.owner.iter().chain(&self.followers).cloned().collect()
    }

    /// Adds a post. Returns the server's id.
    pub(crate) fn post(&mut self, id: &str, kind: &str, plaintext: Node, now: u64) -> u64 {
        let server_id = self
            .posts
            .last()
            .map_or(FIRST_POST, |last| last.server_id + 1);
        self.posts.push(Post {
            id: id.to_owned(),
            server_id,
            at: now,
            kind: kind.to_owned(),
            plaintext: Some(plaintext),
            reactions: BTreeMap::new(),
        });
        server_id
    }

    pub(crate) fn post_with_id(&mut self, id: &str) -> Option<&mut Post> {
        self.posts.iter_mut().find(|post| post.id == id)
    }

    pub(crate) fn post_with_server_id(&mut self, server_id: u64) -> Option<&mut Post> {
        let mut posts = self.posts.iter_mut();
        posts.find(|post| post.server_id == server_id)
    }

    /// The last `count` posts, or the last ones before an id; oldest first.
    pub(crate) fn page(&self, count: usize, before: Option<u64>) -> &[Post] {
        let end = before.map_or(self.posts.len(), |before| {
            self.posts.partition_point(|post| post.server_id < before)
        });
        &self.posts[end.saturating_sub(count)..end]
    }

    /// Starts live updates for a companion.
    pub(crate) fn watch(&mut self, device: DeviceId) {
        self.watchers.insert(device, Instant::now() + WATCH_PERIOD);
    }

    /// The companions that get live updates.
    pub(crate) fn watchers(&self) -> Vec<DeviceId> {
        let now = Instant::now();
        let watching = self.watchers.iter().filter(|(_, until)| **until > now);
        watching.map(|(device, _)| device.clone()).collect()
    }
}

impl Post {
    /// `<message>`, as in the response to a request for posts.
    pub(crate) fn describe(&self, own: bool) -> Node {
        let message = NodeBuilder::new("message")
            .attr("id", self.id.as_str())
            .attr("server_id", self.server_id)
            .attr("t", self.at)
            .attr("type", self.kind.as_str());
        let message = match own {
            true => message.attr("is_sender", "true"),
            false => message,
        };
        let children = self.plaintext.iter().cloned().chain(self.counts());
        message.children(children).build()
    }

    /// `<message>`, as in a live update.
    pub(crate) fn update(&self) -> Node {
        let message = NodeBuilder::new("message").attr("server_id", self.server_id);
        message.children(self.counts()).build()
    }

    /// `<reactions>`, if there are any.
    fn counts(&self) -> Option<Node> {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for code in self.reactions.values() {
            *counts.entry(code.as_str()).or_default() += 1;
        }
        let counted = counts.into_iter().map(|(code, count)| {
            NodeBuilder::new("reaction")
                .attr("code", code)
                .attr("count", count)
                .build()
        });
        let reactions = NodeBuilder::new("reactions").children(counted);
        (!self.reactions.is_empty()).then(|| reactions.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> Channel {
        let mut channel = Channel::new("120363000000000009", None, "Tides", 1_700_000_000);
        for id in ["a", "b", "c", "d"] {
            let plaintext = NodeBuilder::new("plaintext").build();
            channel.post(id, "text", plaintext, 1_700_000_000);
        }
        channel
    }

    fn ids(posts: &[Post]) -> Vec<(&str, u64)> {
        let named = posts.iter().map(|post| (post.id.as_str(), post.server_id));
        named.collect()
    }

    #[test]
    fn posts_have_increasing_ids_and_are_read_backwards_in_pages() {
        let channel = channel();
        assert_eq!(ids(channel.page(2, None)), [("c", 102), ("d", 103)]);
        assert_eq!(ids(channel.page(2, Some(102))), [("a", 100), ("b", 101)]);
        assert_eq!(ids(channel.page(9, Some(101))), [("a", 100)]);
        assert!(channel.page(2, Some(100)).is_empty());
        assert!(channel.page(0, None).is_empty());
    }

    #[test]
    fn reactions_are_counted_by_emoji_one_per_person() {
        let mut channel = channel();
        let post = channel.post_with_server_id(101).expect("a post");
        for (number, code) in [("+15550100001", "🌊"), ("+15550100002", "⚓")] {
            let number: Number = number.parse().expect("a number");
            post.reactions.insert(number, code.to_owned());
        }
        let number: Number = "+15550100001".parse().expect("a number");
        post.reactions.insert(number, "⚓".to_owned());
        let counts = post.counts().expect("reactions");
        let counts = counts.children().expect("children").to_vec();
        assert_eq!(counts.len(), 1);
        assert_eq!(
            counts[0].attrs.get("count").map(ToString::to_string),
            Some("2".to_owned())
        );
    }
}
