//! Events age in agent time, whatever the system clock shows.

use super::*;

/// More than a chunk has.
const DAILY: u64 = 700;
const DAY: Duration = Duration::from_secs(86_400);
const WEEK: Limits = Limits {
    bytes: u64::MAX,
    age: Duration::from_secs(7 * 86_400),
};

fn day(days: u32) -> SystemTime {
    START + DAY * 20_000 + DAY * days
}

fn oldest(journal: &Journal) -> Seq {
    journal.range().1
}

/// Appends events whose own time is from a clock that is wrong by years.
async fn append_at(journal: &Journal, count: u64, wall: SystemTime) {
    for n in 0..count {
        journal.append(event_data(&n.to_string()), wall);
    }
    journal.flush().await;
}

#[tokio::test]
async fn clock_steps_do_not_age_events() {
    for shown in [START, day(1), day(365), day(100 * 365)] {
        let volume = Volume::new();
        let journal = open(&volume, WEEK);
        append_at(&journal, 5, shown).await;
        for passed in [0, 1, 6] {
            journal.tidy_at(day(passed)).await;
            assert_eq!(oldest(&journal), Seq(1), "{shown:?}: {passed} days");
        }
        journal.tidy_at(day(8)).await;
        assert_eq!(oldest(&journal), Seq(0), "{shown:?}");
    }
}

#[tokio::test]
async fn only_events_beyond_the_retention_are_deleted() {
    let mut volume = Volume::new();
    let mut journal = open(&volume, WEEK);
    for passed in 0..20 {
        append(&journal, DAILY).await;
        journal.tidy_at(day(passed)).await;
        if passed % 5 == 4 {
            drop(journal);
            volume.reopen();
            journal = open(&volume, WEEK);
        }
    }
    // On day 19 the events of days 0 to 11 are older than a week; a chunk is deleted as a whole.
    let Seq(first) = oldest(&journal);
    assert!(first > 11 * DAILY && first <= 12 * DAILY + 1, "{first}");
    let kept = u64::try_from(all(&journal, first - 1).0.len()).unwrap();
    assert_eq!(kept, 20 * DAILY - (first - 1));
}

#[tokio::test]
async fn a_journal_without_marks_starts_to_age_at_its_first_check() {
    let volume = Volume::new();
    let journal = open(&volume, WEEK);
    append(&journal, 5).await;
    journal.tidy_at(day(500)).await;
    assert_eq!(oldest(&journal), Seq(1));
    // The time before that was not recorded, so it does not count; but events must not be kept forever.
    journal.tidy_at(day(400)).await;
    journal.tidy_at(day(408)).await;
    assert_eq!(oldest(&journal), Seq(0));
}

#[tokio::test]
async fn the_number_of_marks_is_bounded() {
    let volume = Volume::new();
    let journal = open(&volume, WEEK);
    for hour in 0..300 {
        append(&journal, 1).await;
        journal
            .tidy_at(day(0) + Duration::from_secs(3_600) * hour)
            .await;
    }
    let kept = volume.vault.load(Key::new(Tables::CLOCK, "journal", ""));
    let bytes = kept.unwrap().len();
    assert!(bytes < 3_072, "{bytes}");
}
