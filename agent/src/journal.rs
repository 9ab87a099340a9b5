//! Events in order, bounded, in memory: what WatchEvents reads.
//!
//! A subscriber is a cursor, woken by a `watch` of the head: there is no queue per client. When the
//! bound is reached the oldest events go, and a cursor that points before them is told so. It does
//! not survive a restart: it starts at a seq above those of its earlier lives (the clock's
//! milliseconds), so that a cursor from one of them is told the gap too. It knows no WhatsApp type.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::model::{Event, Occurrence, Seq};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events.
    pub events: usize,
    /// Bytes, counted roughly.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            events: 10_000,
            bytes: 8 << 20,
        }
    }
}

/// The events.
#[derive(Debug)]
pub struct Journal {
    limits: Limits,
    kept: Mutex<Kept>,
    head: watch::Sender<Seq>,
}

#[derive(Debug)]
struct Kept {
    events: VecDeque<Event>,
    bytes: usize,
    head: Seq,
}

/// What a cursor finds.
#[derive(Debug, Default)]
pub struct Page {
    /// Events that were asked for and are gone: first and last, both included.
    pub gap: Option<(Seq, Seq)>,
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// Everything up to here has been looked at: where the next page starts.
    pub cursor: Seq,
}

impl Journal {
    /// An empty journal whose next event gets the seq after `head`.
    #[must_use]
    pub fn new(limits: Limits, head: Seq) -> Self {
        let kept = Kept {
            events: VecDeque::new(),
            bytes: 0,
            head,
        };
        Self {
            limits,
            kept: Mutex::new(kept),
            head: watch::Sender::new(head),
        }
    }

    /// Adds an event and wakes every subscriber.
    pub fn append(&self, what: Occurrence, at: SystemTime) -> Seq {
        let seq = {
            let mut kept = self.kept();
            let seq = kept.head.next();
            kept.head = seq;
            kept.bytes += cost(&what);
            kept.events.push_back(Event { seq, at, what });
            while kept.events.len() > self.limits.events || kept.bytes > self.limits.bytes {
                let Some(gone) = kept.events.pop_front() else {
                    break;
                };
                kept.bytes -= cost(&gone.what);
            }
            seq
        };
        self.head.send_replace(seq);
        seq
    }

    /// Up to `most` events after `after`. A cursor beyond the head gets everything that is kept:
    /// nobody was given it here, and waiting for it would be silence for ever.
    #[must_use]
    pub fn read(&self, after: Seq, most: usize) -> Page {
        let kept = self.kept();
        let after = if after > kept.head { Seq(0) } else { after };
        let oldest = kept
            .events
            .front()
            .map_or(kept.head.next(), |event| event.seq);
        let gap =
            (after != Seq(0) && after.next() < oldest).then(|| (after.next(), Seq(oldest.0 - 1)));
        let start = usize::try_from(after.0.saturating_sub(oldest.0 - 1)).unwrap_or(usize::MAX);
        let events: Vec<Event> = kept.events.iter().skip(start).take(most).cloned().collect();
        let cursor = events
            .last()
            .map_or(Seq(after.0.max(oldest.0 - 1)), |event| event.seq);
        Page {
            gap,
            events,
            cursor,
        }
    }

    /// The seqs of the newest and the oldest event kept; 0 where there is none.
    #[must_use]
    pub fn range(&self) -> (Seq, Seq) {
        let kept = self.kept();
        (
            kept.head,
            kept.events.front().map_or(Seq(0), |event| event.seq),
        )
    }

    /// Follows the head.
    pub fn subscribe(&self) -> watch::Receiver<Seq> {
        self.head.subscribe()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(what: &Occurrence) -> usize {
    size_of::<Event>() + what.heap_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChatId, Contact, MessageId, Undecryptable};

    fn occurrence() -> Occurrence {
        Occurrence::Undecryptable(Undecryptable {
            id: MessageId::new("A"),
            chat: ChatId::new("1@g.us".into()),
            sender: Contact::default(),
            reason: "no_session".into(),
        })
    }

    fn journal(events: usize, count: u64) -> Journal {
        let journal = Journal::new(
            Limits {
                events,
                bytes: usize::MAX,
            },
            Seq(0),
        );
        for _ in 0..count {
            journal.append(occurrence(), SystemTime::UNIX_EPOCH);
        }
        journal
    }

    fn seqs(page: &Page) -> Vec<u64> {
        page.events.iter().map(|event| event.seq.0).collect()
    }

    #[test]
    fn a_cursor_reads_on_where_it_stopped() {
        let journal = journal(10, 5);
        let page = journal.read(Seq(0), 3);
        assert_eq!((seqs(&page), page.gap), (vec![1, 2, 3], None));
        let page = journal.read(page.cursor, 3);
        assert_eq!(seqs(&page), [4, 5]);
        let page = journal.read(page.cursor, 3);
        assert_eq!((seqs(&page), page.cursor), (vec![], Seq(5)));
    }

    #[test]
    fn a_cursor_older_than_what_is_kept_is_told_the_gap() {
        let journal = journal(3, 10);
        let page = journal.read(Seq(4), 10);
        assert_eq!(
            (seqs(&page), page.gap),
            (vec![8, 9, 10], Some((Seq(5), Seq(7))))
        );
        assert_eq!(journal.read(Seq(7), 10).gap, None);
        assert_eq!(journal.range(), (Seq(10), Seq(8)));
    }

    #[test]
    fn a_cursor_from_an_earlier_life_is_told_the_gap() {
        let journal = Journal::new(Limits::default(), Seq(1000));
        journal.append(occurrence(), SystemTime::UNIX_EPOCH);
        let page = journal.read(Seq(7), 10);
        assert_eq!(
            (seqs(&page), page.gap),
            (vec![1001], Some((Seq(8), Seq(1000))))
        );
        assert_eq!(
            journal.read(Seq(0), 10).gap,
            None,
            "0 asks for what is kept"
        );
    }

    #[test]
    fn a_cursor_that_nobody_was_given_gets_everything() {
        let page = journal(3, 2).read(Seq(u64::MAX), 10);
        assert_eq!(
            (seqs(&page), page.gap, page.cursor),
            (vec![1, 2], None, Seq(2))
        );
    }

    #[test]
    fn memory_is_bounded_by_bytes_too() {
        let journal = Journal::new(
            Limits {
                events: usize::MAX,
                bytes: 10 * cost(&occurrence()),
            },
            Seq(0),
        );
        for _ in 0..1000 {
            journal.append(occurrence(), SystemTime::UNIX_EPOCH);
        }
        assert_eq!(journal.range(), (Seq(1000), Seq(991)));
    }

    #[test]
    fn an_empty_journal_has_nothing_and_no_gap() {
        let page = journal(3, 0).read(Seq(0), 10);
        assert_eq!((seqs(&page), page.gap, page.cursor), (vec![], None, Seq(0)));
    }
}
