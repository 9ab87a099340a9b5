//! Changes the stanzas that the server sends, according to a program: bytes from a fuzzer. Pure.
//!
//! Each stanza takes one byte of the program; [`UNCHANGED`] of its 256 values leave the stanza unchanged, and so does
//! the end of the program. A change selects a node of the stanza (by position, depth first) and a replacement: words
//! that occur in stanzas, or words that break parsers.

use wacore_binary::node::{Attrs, NodeContent, NodeValue};
use wacore_binary::{Node, marshal_auto};

/// This many of the 256 values of a stanza's first byte leave it unchanged.
const UNCHANGED: u8 = 96;
/// The maximum number of copies of a repeated stanza.
const MAX_COPIES: u8 = 8;
/// The depth of nested nodes: more than the 128 that whatsapp-rust 0.7.0 parses (`MAX_NODE_DEPTH`).
const MAX_DEPTH: u8 = 160;
/// The number of bytes by which content is made longer.
const LONG: [usize; 4] = [1, 255, 70_000, 1 << 20];

const TAGS: [&str; 32] = [
    "message",
    "receipt",
    "notification",
    "ack",
    "iq",
    "ib",
    "call",
    "chatstate",
    "presence",
    "success",
    "failure",
    "stream:error",
    "xmlstreamend",
    "status",
    "enc",
    "participants",
    "to",
    "device-identity",
    "list",
    "item",
    "retry",
    "keys",
    "offline",
    "offline_preview",
    "dirty",
    "edge_routing",
    "client_expiration",
    "unavailable",
    "error",
    "token",
    "conflict",
    "",
];
const NAMES: [&str; 32] = [
    "id",
    "from",
    "to",
    "type",
    "participant",
    "recipient",
    "class",
    "t",
    "offline",
    "count",
    "v",
    "notify",
    "sender_lid",
    "sender_pn",
    "participant_lid",
    "participant_pn",
    "addressing_mode",
    "phash",
    "edit",
    "error",
    "code",
    "reason",
    "category",
    "decrypt-fail",
    "jid",
    "lid",
    "name",
    "device_hash",
    "version",
    "xmlns",
    "expire",
    "",
];
const VALUES: [&str; 40] = [
    "",
    "0",
    "1",
    "-1",
    "7",
    "255",
    "65536",
    "4294967296",
    "9223372036854775807",
    "18446744073709551616",
    "1e9",
    "NaN",
    "text",
    "media",
    "retry",
    "read",
    "pkmsg",
    "msg",
    "skmsg",
    "msmsg",
    "encrypt",
    "devices",
    "w:gp2",
    "account_sync",
    "s.whatsapp.net",
    "@",
    "@s.whatsapp.net",
    "status@broadcast",
    "1@g.us",
    "120363000000000001@g.us",
    "15550100001@s.whatsapp.net",
    "15550100001:1@s.whatsapp.net",
    "15550100002@s.whatsapp.net",
    "15550100002:99@hosted",
    "100000000000001@lid",
    "x@newsletter",
    "867051314767696@bot",
    "401",
    "515",
    "\u{0}\u{202e}",
];

/// A program that is running.
#[derive(Debug, Default)]
pub struct Tamper {
    program: Vec<u8>,
    at: usize,
    /// Stanzas that are held back, and sent after the next one.
    held: Vec<Node>,
    /// The previous stanza, a source of nodes.
    before: Option<Node>,
}

impl Tamper {
    /// Starts a program.
    #[must_use]
    pub fn new(program: Vec<u8>) -> Self {
        Self {
            program,
            ..Self::default()
        }
    }

    /// The frames to send in place of a stanza.
    pub(crate) fn apply(&mut self, stanza: &Node) -> Vec<Vec<u8>> {
        let held = std::mem::take(&mut self.held);
        let mut frames = self.frames(stanza);
        frames.extend(held.iter().flat_map(marshal_auto));
        self.before = Some(stanza.clone());
        frames
    }

    fn frames(&mut self, stanza: &Node) -> Vec<Vec<u8>> {
        let how = match self.next() {
            Some(how) if how >= UNCHANGED => how - UNCHANGED,
            _ => return marshal_auto(stanza).into_iter().collect(),
        };
        let mut changed = stanza.clone();
        match how % 8 {
            0 => return Vec::new(),
            1 => {
                let copies = 2 + self.below(MAX_COPIES - 1);
                let frame = marshal_auto(stanza).unwrap_or_default();
                return vec![frame; usize::from(copies)];
            }
            2 => {
                self.held.push(changed);
                return Vec::new();
            }
            3 => {
                let mut frame = marshal_auto(stanza).unwrap_or_default();
                self.corrupt(&mut frame);
                return vec![frame];
            }
            _ => {
                for _ in 0..=how / 64 {
                    self.change(&mut changed);
                }
            }
        }
        marshal_auto(&changed).into_iter().collect()
    }

    /// Changes one node of a stanza.
    fn change(&mut self, stanza: &mut Node) {
        let place = usize::from(self.below(u8::MAX));
        let spare = self.before.clone();
        let node = nth(stanza, place % size(stanza));
        match self.below(12) {
            0 => node.tag = self.word(&TAGS).into(),
            1 => node.attrs = Attrs::new(),
            2 => {
                let name = self.word(&NAMES);
                node.attrs.0.retain(|(known, _)| known != name);
            }
            3 => {
                let (name, value) = (self.word(&NAMES), self.value());
                node.attrs.insert(name, value);
            }
            4 => {
                let place = usize::from(self.below(u8::MAX));
                let value = self.value();
                let count = node.attrs.0.len().max(1);
                if let Some((_, old)) = node.attrs.0.get_mut(place % count) {
                    *old = value;
                }
            }
            5 => node.content = None,
            6 => {
                let bytes = self.below(u8::MAX);
                let length = LONG[usize::from(bytes) % LONG.len()];
                node.content = Some(NodeContent::Bytes(vec![bytes; length]));
            }
            7 => {
                if let Some(NodeContent::Bytes(bytes)) = &mut node.content {
                    self.corrupt(bytes);
                }
            }
            8 => {
                let depth = self.below(MAX_DEPTH);
                for _ in 0..depth {
                    let inner = std::mem::take(node);
                    node.tag = inner.tag.clone();
                    node.content = Some(NodeContent::Nodes(vec![inner]));
                }
            }
            how => {
                let at = usize::from(self.below(u8::MAX));
                let Some(NodeContent::Nodes(children)) = &mut node.content else {
                    node.content = spare.map(|spare| NodeContent::Nodes(vec![spare]));
                    return;
                };
                let at = at % children.len().max(1);
                match (how, children.get(at).cloned()) {
                    (9, Some(_)) => drop(children.remove(at)),
                    (10, Some(child)) => children.extend(vec![child; usize::from(MAX_COPIES)]),
                    (_, Some(_)) => children.rotate_left(at),
                    (_, None) => children.extend(spare),
                }
            }
        }
    }

    /// Changes or truncates bytes.
    fn corrupt(&mut self, bytes: &mut Vec<u8>) {
        let place = usize::from(self.below(u8::MAX)) << 8 | usize::from(self.below(u8::MAX));
        let place = place % bytes.len().max(1);
        match (self.next(), bytes.get_mut(place)) {
            (Some(0), _) => bytes.truncate(place),
            (Some(flip), Some(byte)) => *byte ^= flip,
            _ => bytes.clear(),
        }
    }

    fn value(&mut self) -> NodeValue {
        let value = self.word(&VALUES);
        match value.parse() {
            Ok(jid) if value.contains('@') && self.below(2) == 0 => NodeValue::Jid(jid),
            _ => NodeValue::from(value),
        }
    }

    fn word(&mut self, words: &[&'static str]) -> &'static str {
        let place = usize::from(self.below(u8::MAX));
        words[place % words.len()]
    }

    /// The next byte; 0 after the end of the program.
    fn below(&mut self, limit: u8) -> u8 {
        self.next().unwrap_or_default() % limit
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.program.get(self.at).copied();
        self.at += 1;
        byte
    }
}

/// The number of nodes, including the stanza itself.
fn size(node: &Node) -> usize {
    let children = node.children().unwrap_or_default();
    1 + children.iter().map(size).sum::<usize>()
}

/// The node at this position, in the order of writing. It must exist.
fn nth(node: &mut Node, place: usize) -> &mut Node {
    let Some(mut left) = place.checked_sub(1) else {
        return node;
    };
    let Some(NodeContent::Nodes(children)) = &mut node.content else {
        unreachable!("the place is below the number of nodes")
    };
    for child in children {
        let size = size(child);
        if left < size {
            return nth(child, left);
        }
        left -= size;
    }
    unreachable!("the place is below the number of nodes")
}

#[cfg(test)]
mod tests {
    use wacore_binary::builder::NodeBuilder;
    use wacore_binary::marshal::unmarshal_ref;

    use super::*;

    fn stanza() -> Node {
        let inner = NodeBuilder::new("enc").attr("v", "2").bytes(vec![7; 9]);
        let nodes = [inner.build(), NodeBuilder::new("meta").build()];
        NodeBuilder::new("message")
            .attr("id", "A")
            .children(nodes)
            .build()
    }

    #[test]
    fn a_stanza_after_the_end_of_the_program_is_unchanged() {
        let plain = marshal_auto(&stanza()).expect("a frame");
        let mut tamper = Tamper::new(vec![0, UNCHANGED - 1]);
        for _ in 0..4 {
            assert_eq!(tamper.apply(&stanza()), [plain.as_slice()]);
        }
    }

    #[test]
    fn a_stanza_is_dropped_repeated_or_sent_after_the_next() {
        let plain = marshal_auto(&stanza()).expect("a frame");
        assert!(Tamper::new(vec![UNCHANGED]).apply(&stanza()).is_empty());
        let copies = Tamper::new(vec![UNCHANGED + 1, 1]).apply(&stanza());
        assert_eq!(copies, vec![plain.clone(); 3]);
        let mut tamper = Tamper::new(vec![UNCHANGED + 2]);
        assert!(tamper.apply(&stanza()).is_empty());
        assert_eq!(tamper.apply(&stanza()), vec![plain; 2]);
    }

    #[test]
    fn the_decoder_survives_every_program_of_two_changes() {
        let plain = marshal_auto(&stanza()).expect("a frame");
        let mut changed = 0;
        for seed in 0..20_000_u32 {
            let seed = seed.wrapping_mul(0x9e37_79b9).to_le_bytes();
            let program = [&[u8::MAX - seed[0] % 150], seed.as_slice(), &seed].concat();
            let mut tamper = Tamper::new(program);
            for frame in tamper.apply(&stanza()) {
                changed += usize::from(frame != plain);
                if let Some(body) = frame.get(1..) {
                    let _ = unmarshal_ref(body);
                }
            }
        }
        assert!(changed > 10_000, "{changed}");
    }
}
