//! What the journal says in the end, beside what was written and what was acked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::Class;

use super::crowd::{Crowd, Written};
use crate::harness::{ACCOUNT, WORD, World};

/// Who wrote a message and where, as the simulator spells that, and its id.
type Name = (String, String);

/// The journal, read.
pub(super) struct Told {
    /// By chat, in the order of the events: the names and the numbers in the texts.
    messages: BTreeMap<String, Vec<(Name, usize)>>,
    lost: Vec<Name>,
    undecryptable: usize,
    acked: Vec<Name>,
}

impl Told {
    pub(super) async fn of(world: &World, crowd: &Crowd) -> Self {
        let digits = |peer: &openclaw_sim::Peer| peer.number().digits().to_owned();
        let lids = crowd.peers.iter();
        let lids = lids.map(|peer| (format!("{}@lid", peer.number().lid_user()), digits(peer)));
        let names = Names(lids.collect());
        let mut told = Self {
            messages: BTreeMap::new(),
            lost: Vec::new(),
            undecryptable: 0,
            acked: acked(world, crowd),
        };
        for event in world.events().await {
            match event.kind {
                Some(Kind::Message(message)) if !message.from_me => {
                    let name = names.of(&message.chat, message.sender.as_ref(), &message.id);
                    let chat = told.messages.entry(message.chat).or_default();
                    chat.push((name, number(&message.text)));
                }
                Some(Kind::Lost(lost)) => {
                    let name = names.of(&lost.chat, lost.sender.as_ref(), &lost.id);
                    told.lost.push(name);
                }
                Some(Kind::Undecryptable(_)) => told.undecryptable += 1,
                _ => {}
            }
        }
        told
    }

    /// How many messages of the crowd are said to be lost.
    pub(super) fn lost(&self) -> usize {
        let own = ACCOUNT.trim_start_matches('+');
        self.lost.iter().filter(|(origin, _)| origin != own).count()
    }

    pub(super) fn holds(&self, world: &World, crowd: &Crowd) {
        let mut known = HashSet::new();
        for (name, n) in self.messages.values().flatten() {
            assert!(known.insert(name), "message {n} is there twice: {name:?}");
            let written = &crowd.written[*n];
            assert_eq!((&written.origin, &written.id), (&name.0, &name.1));
        }
        for lost in &self.lost {
            assert!(known.insert(lost), "both there and lost: {lost:?}");
            // What the phone sends its companions, keys and the like, the library keeps by itself: the journal has none of
            // it, and takes it for lost when it is delivered again.
            let own = lost.0 == ACCOUNT.trim_start_matches('+');
            let fits = |written: &Written| (&written.origin, &written.id) == (&lost.0, &lost.1);
            let written = crowd.written.iter().any(fits);
            assert!(own || written, "nobody wrote it: {lost:?}");
        }
        for acked in &self.acked {
            assert!(known.contains(acked), "acked and nowhere: {acked:?}");
        }
        // The server owes nothing any more, so all of it was acked.
        assert!(world.sim.queue(ACCOUNT).unwrap().is_empty());
        for (n, written) in crowd.written.iter().enumerate() {
            let name = (written.origin.clone(), written.id.clone());
            assert!(known.contains(&name), "message {n} is nowhere: {name:?}");
        }
        for (chat, messages) in &self.messages {
            let order: Vec<_> = messages.iter().map(|(_, n)| *n).collect();
            let misplaced: Vec<_> = order.windows(2).filter(|pair| pair[0] >= pair[1]).collect();
            assert!(
                misplaced.is_empty(),
                "{chat} is out of order: {misplaced:?}"
            );
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: usize = self.messages.values().map(Vec::len).sum();
        let (lost, undecryptable, acked) = (self.lost(), self.undecryptable, self.acked.len());
        write!(
            f,
            "{messages} messages, {lost} lost, {undecryptable} undecryptable, {acked} acks"
        )
    }
}

/// What the crowd wrote and the agent has acked.
fn acked(world: &World, crowd: &Crowd) -> Vec<Name> {
    let written: HashSet<_> = crowd.written.iter().map(|written| &written.id).collect();
    let acks = world.sim.acks(ACCOUNT).unwrap();
    let acks = acks
        .into_iter()
        .filter(|ack| ack.class == Class::Message && written.contains(&ack.id));
    acks.map(|ack| (ack.from, ack.id)).collect()
}

/// The digits of everybody's number, by LID.
struct Names(HashMap<String, String>);

impl Names {
    fn of(&self, chat: &str, sender: Option<&pb::Contact>, id: &str) -> Name {
        let sender = sender.expect("somebody wrote it");
        let digits = match sender.phone.strip_prefix('+') {
            Some(digits) => digits,
            None => &self.0[&sender.lid],
        };
        let origin = match chat.strip_suffix("@g.us") {
            Some(group) => format!("{group}/{digits}"),
            None => digits.to_owned(),
        };
        (origin, id.to_owned())
    }
}

fn number(text: &str) -> usize {
    let rest = text.strip_prefix(WORD).expect("a text of ours");
    let number = rest.split_whitespace().next();
    number.and_then(|number| number.parse().ok()).unwrap()
}
