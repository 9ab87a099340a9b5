//! What the ledger decides: nothing twice, and nothing left out, whatever was read or lost before.

use super::*;

const STORE: &[u8] = &[0xab, 0x01];
const OTHER: &[u8] = &[0xcd, 0x02];

fn newest(stream_seq: u64, store: &[u8], seq: u64) -> Newest {
    let mark = Some(Mark::new(store, seq));
    Newest { stream_seq, mark }
}

#[test]
fn a_mark_survives_its_text_and_nothing_else_is_one() {
    let mark = Mark::new(STORE, 7);
    assert_eq!(mark.to_string(), "ab01-7");
    assert_eq!("ab01-7".parse(), Ok(mark));
    for text in [
        "", "-", "-7", "ab01", "ab01-", "AB01-7", "order-7", "ab01--7",
    ] {
        assert_eq!(text.parse::<Mark>(), Err(NoMark), "{text}");
    }
}

#[test]
fn what_the_stream_has_is_skipped() {
    let ledger = Ledger::begin(STORE, Some(Mark::new(STORE, 5)));
    assert_eq!(ledger.step("message", 5), Step::Skip);
    assert_eq!(ledger.step("message", 6), Step::Read);
}

#[test]
fn an_event_is_published_on_what_was_read() {
    let mut ledger = Ledger::begin(STORE, None);
    assert_eq!(ledger.step("message", 1), Step::Read);
    ledger.read("message", Newest::default());
    assert_eq!(ledger.step("message", 1), Step::Publish(0));
    ledger.stored("message", 1, 40);
    assert_eq!(ledger.step("message", 1), Step::Skip);
    assert_eq!(ledger.step("message", 2), Step::Publish(40));
    assert_eq!(ledger.step("receipt", 2), Step::Read);
}

#[test]
fn a_lost_answer_is_read_back() {
    let mut ledger = Ledger::begin(STORE, None);
    ledger.read("message", newest(9, STORE, 3));
    assert_eq!(ledger.step("message", 4), Step::Publish(9));
    ledger.doubt("message");
    assert_eq!(ledger.step("message", 4), Step::Read);
    ledger.read("message", newest(10, STORE, 4));
    assert_eq!(ledger.step("message", 4), Step::Skip);
    assert_eq!(ledger.step("message", 5), Step::Publish(10));
}

#[test]
fn a_store_that_was_set_up_again_starts_over() {
    let mut ledger = Ledger::begin(STORE, Some(Mark::new(OTHER, 900)));
    assert_eq!(ledger.head(), 0);
    ledger.read("message", newest(77, OTHER, 900));
    assert_eq!(ledger.step("message", 1), Step::Publish(77));
}

#[test]
fn a_purged_subject_expects_no_message() {
    let mut ledger = Ledger::begin(STORE, None);
    ledger.stored("message", 8, 100);
    ledger.doubt("message");
    ledger.read("message", Newest::default());
    assert_eq!(ledger.step("message", 8), Step::Skip, "it was stored once");
    assert_eq!(ledger.step("message", 9), Step::Publish(0));
}

#[test]
fn a_foreign_message_is_built_upon_and_holds_no_event() {
    let mut ledger = Ledger::begin(STORE, None);
    let foreign = Newest {
        stream_seq: 5,
        mark: None,
    };
    ledger.read("message", foreign);
    assert_eq!(ledger.step("message", 1), Step::Publish(5));
}

/// The server, as far as it matters here: it stores a message if the newest of its subject is the expected one.
#[derive(Default)]
struct Stream(Vec<(String, u64)>);

impl Stream {
    fn newest(&self, kind: &str) -> Newest {
        let at = self.0.iter().rposition(|(subject, _)| subject == kind);
        at.map_or_else(Newest::default, |at| {
            newest(at as u64 + 1, STORE, self.0[at].1)
        })
    }

    fn publish(&mut self, kind: &str, seq: u64, expected: u64) -> Option<u64> {
        if self.newest(kind).stream_seq != expected {
            return None;
        }
        self.0.push((kind.to_owned(), seq));
        Some(self.0.len() as u64)
    }
}

/// A generator of pseudo-random numbers (xorshift), so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn kind(seq: u64) -> &'static str {
    ["message", "receipt", "link"][(seq % 7 % 3) as usize]
}

/// A relay takes a step with its next event: an answer may be lost, and a publish may arrive late.
fn take_step(
    (ledger, next): &mut (Ledger, u64),
    stream: &mut Stream,
    late: &mut Vec<(u64, u64)>,
    chance: &mut Chance,
) {
    let seq = *next;
    match ledger.step(kind(seq), seq) {
        Step::Skip => *next += 1,
        Step::Read => ledger.read(kind(seq), stream.newest(kind(seq))),
        Step::Publish(expected) => {
            let fate = chance.below(5);
            let stored = match fate {
                0 => {
                    late.push((seq, expected));
                    None
                }
                _ => stream.publish(kind(seq), seq, expected),
            };
            match stored {
                // Else its answer is lost.
                Some(stream_seq) if fate > 1 => ledger.stored(kind(seq), seq, stream_seq),
                _ => ledger.doubt(kind(seq)),
            }
        }
    }
}

/// Two relays at once, each killed and restarted: each event is stored once and in order.
#[test]
fn two_relays_store_each_event_once_and_in_order() {
    const EVENTS: u64 = 60;
    for seed in 1..500 {
        let mut chance = Chance(seed);
        let mut stream = Stream::default();
        let mut relays = [(); 2].map(|()| (Ledger::begin(STORE, None), 1));
        let mut late: Vec<(u64, u64)> = Vec::new();
        while relays.iter().any(|(_, next)| *next <= EVENTS) {
            if chance.below(4) == 0
                && let Some((seq, expected)) = late.pop()
            {
                stream.publish(kind(seq), seq, expected);
            }
            let relay = &mut relays[chance.below(2) as usize];
            if chance.below(15) == 0 {
                let head = stream.0.last().map(|(_, seq)| Mark::new(STORE, *seq));
                let again = relay.1.saturating_sub(chance.below(5)).max(1);
                *relay = (Ledger::begin(STORE, head), again);
            }
            if relay.1 <= EVENTS {
                take_step(relay, &mut stream, &mut late, &mut chance);
            }
        }
        let seqs: Vec<u64> = stream.0.iter().map(|(_, seq)| *seq).collect();
        assert_eq!(seqs, (1..=EVENTS).collect::<Vec<_>>(), "seed {seed}");
    }
}
