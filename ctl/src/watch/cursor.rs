//! The position in the events: a single number, since they are totally ordered. It only moves forward, unless the
//! agent's events themselves start over.

use openclaw_proto::v1::watch_events_response::Item;
use openclaw_proto::v1::{Event, Gap, Heartbeat, WatchEventsResponse};

/// The position in the order of events.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// The last event or gap that was printed. `None`: start with new events; their position is not known yet.
    seen: Option<u64>,
    /// From a heartbeat: all matching events up to this one were sent. The next stream continues here, but it is no
    /// reason to drop an event of this stream.
    reached: Option<u64>,
    /// The position that the current stream was opened with, until its first heartbeat.
    opened: Option<u64>,
}

/// What to do with an item.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Print this event.
    Print(Box<Event>),
    /// Report that these are missing.
    Gap(Gap),
    /// Print this, which has no place in the order.
    Transient(Box<Item>),
    /// Nothing.
    Quiet,
    /// The agent lost its events, like one that keeps them in memory and restarts: its head is `head`, before `after`.
    /// Open the stream again, from the oldest event.
    StartOver { head: u64, after: u64 },
}

impl Cursor {
    /// Starts after `after`, or with new events.
    pub(crate) fn new(after: Option<u64>) -> Self {
        Self {
            seen: after,
            reached: None,
            opened: None,
        }
    }

    /// The position for opening the next stream.
    pub(crate) fn open(&mut self) -> Option<u64> {
        self.seen = self.seen.max(self.reached.take());
        self.opened = self.seen;
        self.seen
    }

    /// True if the position is known.
    pub(crate) fn is_placed(&self) -> bool {
        self.seen.is_some() || self.reached.is_some()
    }

    /// Sets the position to `after`, whatever it was.
    pub(crate) fn place(&mut self, after: u64) {
        *self = Self::new(Some(after));
    }

    /// Everything up to this event was printed, or did not match.
    pub(crate) fn reported(&self) -> Option<u64> {
        self.seen.max(self.reached)
    }

    /// Handles the agent's newest event before the next stream is opened, like a heartbeat in [`Cursor::take`].
    pub(crate) fn head(&mut self, head: u64) -> Step {
        match self.reported() {
            Some(after) if head < after => {
                self.place(0);
                Step::StartOver { head, after }
            }
            _ => Step::Quiet,
        }
    }

    /// Marks an event, or the last of a gap, as seen, once it was written out.
    pub(crate) fn printed(&mut self, seq: u64) {
        self.seen = self.seen.max(Some(seq));
    }

    /// Handles an item of the stream.
    pub(crate) fn take(&mut self, item: WatchEventsResponse) -> Step {
        match item.item {
            Some(Item::Event(event)) if self.is_new(event.seq) => Step::Print(Box::new(event)),
            Some(Item::Gap(gap)) if gap.first <= gap.last && self.is_new(gap.last) => {
                let unseen = self.seen.map_or(0, |seen| seen + 1);
                Step::Gap(Gap {
                    first: gap.first.max(unseen),
                    ..gap
                })
            }
            Some(Item::Heartbeat(Heartbeat { head })) => self.beat(head),
            Some(item @ (Item::Presence(_) | Item::Typing(_))) => Step::Transient(Box::new(item)),
            _ => Step::Quiet,
        }
    }

    fn beat(&mut self, head: u64) -> Step {
        // Compared only with the position at opening: an event may overtake a heartbeat.
        if let Some(after) = self.opened.take().filter(|after| head < *after) {
            self.seen = Some(0);
            self.reached = None;
            return Step::StartOver { head, after };
        }
        self.reached = self.reached.max(Some(head));
        Step::Quiet
    }

    fn is_new(&self, seq: u64) -> bool {
        self.seen.is_none_or(|seen| seq > seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64) -> WatchEventsResponse {
        let event = Event {
            seq,
            ..Event::default()
        };
        WatchEventsResponse {
            item: Some(Item::Event(event)),
        }
    }

    fn gap(first: u64, last: u64) -> WatchEventsResponse {
        WatchEventsResponse {
            item: Some(Item::Gap(Gap {
                first,
                last,
                damaged: false,
            })),
        }
    }

    fn beat(head: u64) -> WatchEventsResponse {
        WatchEventsResponse {
            item: Some(Item::Heartbeat(Heartbeat { head })),
        }
    }

    /// The seq that is printed for the item, and marked as printed.
    fn printed(cursor: &mut Cursor, item: WatchEventsResponse) -> Option<u64> {
        match cursor.take(item) {
            Step::Print(event) => {
                cursor.printed(event.seq);
                Some(event.seq)
            }
            _ => None,
        }
    }

    #[test]
    fn an_event_is_printed_once_however_often_it_arrives() {
        let mut cursor = Cursor::new(Some(0));
        let steps: Vec<_> = [1, 2, 2, 1, 3]
            .map(|seq| printed(&mut cursor, event(seq)))
            .into();
        assert_eq!(steps, [Some(1), Some(2), None, None, Some(3)]);
    }

    #[test]
    fn an_event_that_was_not_written_is_not_seen() {
        let mut cursor = Cursor::new(Some(0));
        printed(&mut cursor, event(1));
        assert!(matches!(cursor.take(event(2)), Step::Print(_)));
        assert_eq!(cursor.reported(), Some(1));
        assert_eq!(printed(&mut cursor, event(2)), Some(2));
    }

    #[test]
    fn the_first_heartbeat_sets_the_start_of_new_events() {
        let mut cursor = Cursor::new(None);
        assert_eq!(cursor.open(), None);
        assert_eq!(cursor.take(beat(7)), Step::Quiet);
        assert_eq!(cursor.open(), Some(7));
        assert_eq!(printed(&mut cursor, event(7)), None);
        assert_eq!(printed(&mut cursor, event(8)), Some(8));
    }

    #[test]
    fn a_heartbeat_moves_past_events_of_other_kinds() {
        let mut cursor = Cursor::new(Some(3));
        cursor.take(beat(9));
        assert_eq!(cursor.open(), Some(9));
    }

    #[test]
    fn a_heartbeat_drops_no_event_that_follows_it() {
        let mut cursor = Cursor::new(Some(0));
        cursor.open();
        cursor.take(beat(9));
        assert_eq!(printed(&mut cursor, event(4)), Some(4));
    }

    #[test]
    fn only_the_unseen_part_of_a_gap_is_reported() {
        let mut cursor = Cursor::new(Some(5));
        assert_eq!(cursor.take(gap(1, 5)), Step::Quiet);
        assert_eq!(
            cursor.take(gap(4, 9)),
            Step::Gap(Gap {
                first: 6,
                last: 9,
                damaged: false
            })
        );
        cursor.printed(9);
        assert_eq!(cursor.take(gap(9, 4)), Step::Quiet);
        assert_eq!(printed(&mut cursor, event(9)), None);
        assert_eq!(printed(&mut cursor, event(10)), Some(10));
    }

    #[test]
    fn events_that_start_over_are_noticed_once() {
        let mut cursor = Cursor::new(Some(40));
        cursor.open();
        assert_eq!(cursor.take(beat(2)), Step::StartOver { head: 2, after: 40 });
        assert_eq!(cursor.open(), Some(0));
        assert_eq!(cursor.take(beat(2)), Step::Quiet);
    }

    #[test]
    fn a_late_heartbeat_does_not_move_back() {
        let mut cursor = Cursor::new(Some(1));
        cursor.open();
        cursor.take(beat(1));
        printed(&mut cursor, event(2));
        assert_eq!(cursor.take(beat(1)), Step::Quiet);
        assert_eq!(cursor.open(), Some(2));
    }
}
