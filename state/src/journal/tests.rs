//! Tests of the journal, with a vault in a directory.

mod ages;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openclaw_types::{ChatId, Contact, EventData, Lost, LostReason, MessageId, Seq};
use openclaw_vault::{Batch, Key};

use super::{Arrival, Journal, Limits, Mark, MessageName};
use crate::clock;
use crate::vault::trial::Volume;
use crate::vault::{Tables, Ticket};

const FOREVER: Limits = Limits {
    bytes: u64::MAX,
    age: Duration::MAX,
};
/// A time at which a new journal assigns the seq 1 to its first event.
const START: SystemTime = UNIX_EPOCH;

fn open(volume: &Volume, limits: Limits) -> Journal {
    Journal::open(volume.vault.clone(), limits, START)
}

fn event_data(name: &str) -> EventData {
    EventData::Lost(Lost {
        id: MessageId::new(name),
        chat: ChatId::new("1@g.us".into()),
        sender: Contact::default(),
        from_me: None,
        sent_at: None,
        offline: None,
        reason: "x".repeat(400).into(),
    })
}

fn message(id: &str) -> MessageName {
    MessageName::new(vec!["chat".into()], vec!["sender".into()], id)
}

fn arrival(name: &str) -> Arrival {
    Arrival {
        name: message(name),
        what: Some(event_data(name)),
    }
}

async fn append(journal: &Journal, count: u64) {
    for n in 0..count {
        journal.append(event_data(&n.to_string()), START);
    }
    journal.flush().await;
}

/// Reads all events after a cursor, page by page, and the first gap.
fn all(journal: &Journal, after: u64) -> (Vec<u64>, Option<(Seq, Seq)>) {
    let (mut cursor, mut seqs, mut gap) = (Seq(after), Vec::new(), None);
    loop {
        let page = journal.read(cursor, 7);
        if page.cursor == cursor {
            return (seqs, gap);
        }
        seqs.extend(page.events.iter().map(|event| event.seq.0));
        gap = gap.or(page.gap);
        cursor = page.cursor;
    }
}

#[tokio::test]
async fn a_cursor_continues_where_it_stopped() {
    let volume = Volume::new();
    let journal = open(&volume, FOREVER);
    append(&journal, 5).await;
    let page = journal.read(Seq(0), 3);
    let seqs: Vec<_> = page.events.iter().map(|event| event.seq.0).collect();
    assert_eq!((seqs, page.gap, page.cursor), (vec![1, 2, 3], None, Seq(3)));
    assert_eq!(all(&journal, 3), (vec![4, 5], None));
    assert_eq!(journal.range(), (Seq(5), Seq(1)));
    assert_eq!(page.events[0].what, event_data("0"));
}

#[tokio::test]
async fn an_event_is_visible_once_it_is_durable_and_not_before() {
    let volume = Volume::new();
    let journal = open(&volume, FOREVER);
    let head = journal.subscribe();
    assert_eq!(journal.append(event_data("a"), START), Seq(1));
    assert_eq!(all(&journal, 0), (vec![], None));
    assert_eq!(
        (*head.borrow(), journal.range()),
        (Seq(0), (Seq(0), Seq(0)))
    );
    journal.flush().await;
    assert_eq!(all(&journal, 0), (vec![1], None));
    assert!(head.has_changed().unwrap());
}

#[tokio::test]
async fn events_move_into_files_and_are_read_there_and_after_a_restart() {
    let mut volume = Volume::new();
    let journal = open(&volume, FOREVER);
    append(&journal, 3_000).await;
    journal.tidy().await;
    let files = |volume: &Volume| volume.names(".seg").len();
    assert!(files(&volume) >= 4, "{}", files(&volume));
    let every: Vec<u64> = (1..=3_000).collect();
    assert_eq!(all(&journal, 0), (every.clone(), None));
    drop(journal);
    volume.reopen();
    let journal = open(&volume, FOREVER);
    assert_eq!(all(&journal, 0), (every, None));
    assert_eq!(all(&journal, 2_990).0.len(), 10);
    append(&journal, 1).await;
    assert_eq!(journal.range(), (Seq(3_001), Seq(1)));
}

#[tokio::test]
async fn events_beyond_the_retention_are_removed_and_an_old_cursor_gets_a_gap() {
    let volume = Volume::new();
    let limits = Limits {
        bytes: 1 << 20,
        ..FOREVER
    };
    let journal = open(&volume, limits);
    append(&journal, 6_000).await;
    journal.tidy().await;
    let (_, Seq(oldest)) = journal.range();
    assert!(oldest > 1_000, "{oldest}");
    assert!(journal.bytes() <= limits.bytes);
    let (seqs, gap) = all(&journal, 10);
    assert_eq!(gap, Some((Seq(11), Seq(oldest - 1))));
    assert_eq!(seqs, (oldest..=6_000).collect::<Vec<_>>());
    assert_eq!(all(&journal, 0).1, None, "0 starts at the oldest event");
    let kept = volume.names(".seg").len();
    assert!(kept <= 4, "files of expired events are removed: {kept}");
}

#[tokio::test]
async fn an_old_event_is_deleted_and_its_seq_is_not_reused() {
    let mut volume = Volume::new();
    let limits = Limits {
        age: Duration::from_secs(1),
        ..FOREVER
    };
    let journal = open(&volume, limits);
    append(&journal, 5).await;
    let now = clock::now();
    journal.tidy_at(now).await;
    assert_eq!(journal.range(), (Seq(5), Seq(1)));
    journal.tidy_at(now + Duration::from_secs(2)).await;
    assert_eq!(journal.range(), (Seq(5), Seq(0)));
    assert_eq!(all(&journal, 2), (vec![], Some((Seq(3), Seq(5)))));
    drop(journal);
    volume.reopen();
    let journal = open(&volume, FOREVER);
    append(&journal, 1).await;
    assert_eq!(all(&journal, 5), (vec![6], None));
}

#[tokio::test]
async fn a_message_arrives_once_even_across_a_restart() {
    let mut volume = Volume::new();
    let journal = open(&volume, FOREVER);
    let companion = Key::new(Tables::PENDING_INBOUND, "chat", "row");
    for _ in 0..2 {
        let arrivals = vec![arrival("a"), arrival("b"), arrival("a")];
        journal
            .arrived(
                arrivals,
                START,
                Ticket::NEVER,
                |batch: &mut Batch, _: &[Mark]| {
                    batch.put(companion, b"");
                },
            )
            .await;
    }
    assert_eq!(all(&journal, 0), (vec![1, 2], None));
    assert!(volume.vault.contains(companion));
    append(&journal, 2_000).await;
    journal.tidy().await;
    drop(journal);
    volume.reopen();
    let journal = open(&volume, FOREVER);
    journal.arrive(vec![arrival("b"), arrival("c")], START, |_, _| {});
    journal.flush().await;
    assert_eq!(journal.range().0, Seq(2_003));
    assert!(journal.knows(&message("c")));
}

#[tokio::test]
async fn a_message_twice_in_a_batch_is_not_held_if_one_copy_is_an_event() {
    let volume = Volume::new();
    let journal = open(&volume, FOREVER);
    let elsewhere = |id| Arrival {
        name: message(id),
        what: None,
    };
    let arrivals = vec![
        arrival("a"),
        elsewhere("a"),
        elsewhere("b"),
        elsewhere("b"),
        arrival("b"),
    ];
    let mut kept = Vec::new();
    journal.arrive(arrivals, START, |_, aside| kept = aside.to_vec());
    assert_eq!(kept, [message("b").mark()]);
    // A volume of an earlier version may have held the other copy as well.
    for (name, count) in [("a", 1), ("b", 2), ("b", 2)] {
        let Some(what) = arrival(name).what else {
            panic!("the arrival has no event")
        };
        journal.release(message(name).mark(), &what, START, |_| {});
        journal.flush().await;
        assert_eq!(all(&journal, 0).0.len(), count, "{name}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_a_gap_and_later_events_are_read() {
    let volume = Volume::new();
    let journal = open(&volume, FOREVER);
    append(&journal, 3_000).await;
    journal.tidy().await;
    let mut names = volume.names(".seg");
    names.sort();
    std::fs::write(volume.path().join(&names[0]), b"short").unwrap();
    std::fs::remove_file(volume.path().join(&names[1])).unwrap();
    let (seqs, gap) = all(&journal, 0);
    let (first, last) = gap.unwrap();
    assert_eq!(first, Seq(1));
    assert!(seqs[0] > last.0, "{last:?} {}", seqs[0]);
    assert_eq!(seqs.last(), Some(&3_000));
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]));
}

#[tokio::test]
async fn a_new_journal_starts_above_every_seq_of_earlier_volumes() {
    let volume = Volume::new();
    let now = START + Duration::from_secs(1_000_000_000);
    let journal = Journal::open(volume.vault.clone(), FOREVER, now);
    append(&journal, 1).await;
    assert_eq!(
        all(&journal, 7),
        (
            vec![1_000_000_000_000],
            Some((Seq(8), Seq(999_999_999_999)))
        )
    );
}

#[tokio::test]
async fn an_unknown_cursor_gets_everything() {
    let volume = Volume::new();
    let journal = open(&volume, FOREVER);
    append(&journal, 2).await;
    let page = journal.read(Seq(u64::MAX), 10);
    assert_eq!((page.events.len(), page.cursor), (2, Seq(2)));
}

#[tokio::test]
async fn events_of_a_newer_version_are_shown_as_unknown() {
    let volume = Volume::new();
    let journal = open(&volume, FOREVER);
    let mut batch = Batch::new();
    journal
        .state()
        .stored
        .push(&mut batch, 0, 0, b"\xff not an event");
    volume.vault.write(&batch);
    append(&journal, 1).await;
    let page = journal.read(Seq(0), 10);
    assert_eq!(page.events[0].what, EventData::Unknown);
    assert_eq!(page.events.len(), 2);
}

#[tokio::test]
async fn a_message_is_known_after_its_event_was_deleted() {
    let mut volume = Volume::new();
    let limits = Limits {
        bytes: 1 << 20,
        ..FOREVER
    };
    let journal = open(&volume, limits);
    for names in (0..6_000).collect::<Vec<_>>().chunks(400) {
        let arrivals = names.iter().map(|n| arrival(&n.to_string())).collect();
        journal.arrive(arrivals, START, |_, _| {});
    }
    journal.flush().await;
    journal.tidy().await;
    let (head, Seq(oldest)) = journal.range();
    assert!(oldest > 1_000, "{oldest}");
    let check = async |journal: &Journal| {
        for name in ["0", "1", "999", "5999"] {
            journal.arrive(vec![arrival(name)], START, |_, _| {});
        }
        journal.flush().await;
        assert_eq!(journal.range().0, head);
    };
    check(&journal).await;
    drop(journal);
    volume.reopen();
    check(&open(&volume, limits)).await;
}

/// A volume of the previous version: two messages by number, one in a group, then more, the last of which is not in a
/// file yet.
#[tokio::test]
async fn a_journal_of_an_earlier_version_is_read_and_knows_its_messages() {
    let volume = Volume::of(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/journal"
    ));
    let journal = open(&volume, FOREVER);
    let (head, oldest) = journal.range();
    assert_eq!((head, oldest), (Seq(2_054), Seq(1)));
    let (seqs, gap) = all(&journal, 0);
    assert_eq!((seqs.len(), gap), (2_054, None));
    let chat = "15550100002@s.whatsapp.net";
    let named = |chat: &str, sender: &str, id: &str| {
        let names = |jid: &str| vec![ChatId::of_jid(jid).jid().to_owned()];
        MessageName::new(names(chat), names(sender), id).addressed(chat, sender)
    };
    for id in ["3EB0A", "3EB0B", "3EB0D"] {
        assert!(
            journal.knows(&named(chat, "15550100002:3@s.whatsapp.net", id)),
            "{id}"
        );
    }
    let group = "120363000000000001@g.us";
    assert!(journal.knows(&named(group, "100000000000002:1@lid", "3EB0C")));
    assert!(!journal.knows(&named(chat, "15550100002:3@s.whatsapp.net", "3EB0E")));
}

#[tokio::test]
async fn a_message_is_found_by_every_address_of_its_sender() {
    let volume = Volume::new();
    let journal = open(&volume, FOREVER);
    let (number, lid) = ("15550100123@s.whatsapp.net", "100000000000001@lid");
    let named = |names: &[&str], id: &str| {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        MessageName::new(names.clone(), names, id)
    };
    let arrive = |names: &[&str], id: &str, sender: Contact| {
        let lost = Lost {
            id: MessageId::new(id),
            chat: ChatId::new(names[0].into()),
            sender,
            from_me: None,
            sent_at: None,
            offline: None,
            reason: LostReason::NotKept,
        };
        let what = Some(EventData::Lost(lost));
        let name = named(names, id);
        journal.arrive(vec![Arrival { name, what }], START, |_, _| {});
    };
    let by_number = Contact::of_jid(number);
    let both = Contact {
        lid: Contact::of_jid(lid).lid,
        ..by_number.clone()
    };
    arrive(&[number], "A", by_number.clone());
    arrive(&[lid, number], "B", both);
    append(&journal, 2_100).await;
    journal.tidy().await;
    // The LID was unknown at first and is known now; or it was known, and the redelivery has only the number.
    assert!(journal.knows(&named(&[lid, number], "A")));
    assert!(journal.knows(&named(&[number], "B")) && journal.knows(&named(&[lid], "B")));
    assert!(!journal.knows(&named(&["100000000000002@lid"], "B")));
    let written = journal.written(&MessageId::new("A"));
    assert_eq!(written.len(), 1);
    assert_eq!((&written[0].author, written[0].ours), (&by_number, false));
    assert!(journal.written(&MessageId::new("C")).is_empty());
}

#[tokio::test]
async fn damage_is_one_list_for_all_readers() {
    let volume = Volume::new();
    let journal = open(&volume, FOREVER);
    append(&journal, 4_000).await;
    journal.tidy().await;
    let path = |number: u64| volume.path().join(format!("journal-{number}.seg"));
    // Missing, truncated, from another store, one changed byte.
    std::fs::remove_file(path(1)).unwrap();
    let whole = std::fs::read(path(3)).unwrap();
    std::fs::write(path(3), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(path(5), &whole).unwrap();
    journal.examine(false).await;
    let quick = journal.damaged();
    assert!(
        quick
            .iter()
            .any(|damage| damage.why == "journal-1.seg is missing")
    );
    assert!(
        quick
            .iter()
            .any(|damage| damage.why == "journal-3.seg is damaged")
    );
    journal.examine(true).await;
    let damaged = journal.damaged();
    assert_eq!(damaged.len(), 3, "{damaged:?}");
    assert!(damaged[1].first > damaged[0].last, "only the missing half");
    let mut cursor = Seq(0);
    let mut gaps = Vec::new();
    let mut seqs = Vec::new();
    loop {
        let page = journal.read(cursor, 50);
        if page.cursor == cursor {
            break;
        }
        gaps.extend(page.gap.inspect(|_| assert!(page.damaged)));
        seqs.extend(page.events.iter().map(|event| event.seq.0));
        cursor = page.cursor;
    }
    let ranges: Vec<_> = damaged.iter().map(|it| (it.first, it.last)).collect();
    assert_eq!(gaps, ranges);
    let missing: u64 = ranges
        .iter()
        .map(|(first, last)| last.0 - first.0 + 1)
        .sum();
    assert_eq!(seqs.len() as u64 + missing, 4_000);
    assert_eq!(journal.damaged(), damaged, "reading finds no other damage");
}

#[tokio::test]
async fn a_redelivery_is_recognised_at_any_distance() {
    let mut volume = Volume::new();
    let journal = open(&volume, FOREVER);
    journal.arrive(vec![arrival("first")], START, |_, _| {});
    let others: Vec<_> = (0..20_000).map(|n| n.to_string()).collect();
    for names in others.chunks(400) {
        let arrivals = names.iter().map(|name| arrival(name)).collect();
        journal.arrive(arrivals, START, |_, _| {});
    }
    journal.flush().await;
    journal.tidy().await;
    again(&journal).await;
    drop(journal);
    volume.reopen();
    again(&open(&volume, FOREVER)).await;
}

async fn again(journal: &Journal) {
    for name in ["first", "0", "1", "3999", "10000", "19999"] {
        journal.arrive(vec![arrival(name)], START, |_, _| {});
    }
    journal.flush().await;
    assert_eq!(journal.range().0, Seq(20_001));
}
