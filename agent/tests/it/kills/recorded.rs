//! Compares the final journal with the messages that were sent and acked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::Class;

use super::LIMIT;
use super::people::{People, Written};
use crate::harness::{ACCOUNT, WORD, World};

/// The polling interval of the journal.
const POLL: Duration = Duration::from_millis(50);

/// The sender and chat of a message, in the simulator's format, and its id.
type Name = (String, String);

/// The content of the journal.
pub(super) struct Recorded {
    /// By chat, in the order of events: the names, and the numbers in the texts.
    messages: BTreeMap<String, Vec<(Name, usize)>>,
    lost: Vec<Name>,
    /// WhatsApp gets a retry receipt for these, and delivers them again.
    undecryptable: HashSet<Name>,
    acked: Vec<Name>,
}

impl Recorded {
    /// The journal after everything has arrived, or when no more events arrive.
    pub(super) async fn of(world: &World, people: &People) -> Self {
        let complete = async {
            loop {
                let recorded = Self::so_far(world, people).await;
                let messages: usize = recorded.messages.values().map(Vec::len).sum();
                if messages + recorded.lost() >= people.written.len() {
                    return recorded;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(LIMIT, complete).await {
            Ok(recorded) => recorded,
            Err(_) => Self::so_far(world, people).await,
        }
    }

    async fn so_far(world: &World, people: &People) -> Self {
        let digits = |peer: &openclaw_sim::Peer| peer.number().digits().to_owned();
        let lids = people.peers.iter();
        let lids = lids.map(|peer| (format!("{}@lid", peer.number().lid_user()), digits(peer)));
        let names = Names(lids.collect());
        let mut recorded = Self {
            messages: BTreeMap::new(),
            lost: Vec::new(),
            undecryptable: HashSet::new(),
            acked: acked(world, people),
        };
        for event in world.events().await {
            match event.kind {
                Some(Kind::Message(message)) if !message.origin().from_me() => {
                    let name = names.of(message.origin());
                    let chat = message.origin().chat.clone();
                    let chat = recorded.messages.entry(chat).or_default();
                    chat.push((name, number(message.text())));
                }
                Some(Kind::Lost(lost)) => {
                    recorded.lost.push(names.of(lost.origin()));
                }
                Some(Kind::Undecryptable(one)) => {
                    recorded.undecryptable.insert(names.of(one.origin()));
                }
                _ => {}
            }
        }
        recorded
    }

    /// How many messages of these people are reported as lost.
    pub(super) fn lost(&self) -> usize {
        self.lost.iter().filter(|name| !is_own(name)).count()
    }

    pub(super) fn check(&self, people: &People) {
        let mut known = HashSet::new();
        for (name, n) in self.messages.values().flatten() {
            assert!(
                known.insert(name),
                "message {n} is recorded twice: {name:?}"
            );
            let written = &people.written[*n];
            assert_eq!((&written.origin, &written.id), (&name.0, &name.1));
        }
        for lost in &self.lost {
            assert!(known.insert(lost), "both recorded and lost: {lost:?}");
            let fits = |written: &Written| (&written.origin, &written.id) == (&lost.0, &lost.1);
            let written = people.written.iter().any(fits);
            assert!(is_own(lost) || written, "never sent: {lost:?}");
        }
        // These are reported as a gap, which remains if a kill prevents the agent from requesting them again.
        known.extend(&self.undecryptable);
        for acked in &self.acked {
            assert!(known.contains(acked), "acked but not recorded: {acked:?}");
        }
        for (n, written) in people.written.iter().enumerate() {
            let name = (written.origin.clone(), written.id.clone());
            assert!(known.contains(&name), "message {n} is missing: {name:?}");
        }
        // After a kill, the order only holds per address: messages that the library had decrypted are recovered at the
        // start, and earlier ones by the person's other address are delivered again later.
        let addresses = self.messages.iter().flat_map(|(chat, messages)| {
            [true, false].map(|by_lid| {
                let mut messages = messages.clone();
                messages.retain(|(_, n)| people.written[*n].by_lid == by_lid);
                (chat, messages)
            })
        });
        for (chat, messages) in addresses {
            // Messages that had to be delivered again arrive late.
            let in_time = messages
                .iter()
                .filter(|(name, _)| !self.undecryptable.contains(name));
            let order: Vec<_> = in_time.map(|(_, n)| *n).collect();
            let misplaced: Vec<_> = order.windows(2).filter(|pair| pair[0] >= pair[1]).collect();
            assert!(
                misplaced.is_empty(),
                "{chat} is out of order: {misplaced:?}"
            );
        }
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: usize = self.messages.values().map(Vec::len).sum();
        let (lost, undecryptable) = (self.lost(), self.undecryptable.len());
        let acked = self.acked.len();
        write!(
            f,
            "{messages} messages, {lost} lost, {undecryptable} undecryptable, {acked} acks"
        )
    }
}

/// The phone's own messages to its companions.
fn is_own((origin, _): &Name) -> bool {
    ACCOUNT.strip_prefix('+') == Some(origin)
}

/// The messages of these people that the agent has acked.
fn acked(world: &World, people: &People) -> Vec<Name> {
    let written: HashSet<_> = people.written.iter().map(|written| &written.id).collect();
    let acks = world.sim.acks(ACCOUNT).unwrap();
    let acks = acks
        .into_iter()
        .filter(|ack| ack.class == Class::Message && written.contains(&ack.id));
    acks.map(|ack| (ack.from, ack.id)).collect()
}

/// The digits of every number, by LID.
struct Names(HashMap<String, String>);

impl Names {
    fn of(&self, at: &pb::Origin) -> Name {
        let sender = at.sender.as_ref().expect("someone wrote it");
        let digits = match sender.phone.strip_prefix('+') {
            Some(digits) => digits,
            None => &self.0[&sender.lid],
        };
        let origin = match at.chat.strip_suffix("@g.us") {
            Some(group) => format!("{group}/{digits}"),
            None => digits.to_owned(),
        };
        (origin, at.id.clone())
    }
}

fn number(text: &str) -> usize {
    let rest = text.strip_prefix(WORD).expect("a text of ours");
    let number = rest.split_whitespace().next();
    number.and_then(|number| number.parse().ok()).unwrap()
}
