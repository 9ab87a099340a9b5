//! Events age by the time that has passed, whatever the system's clock shows.

use super::*;

/// More than a chunk.
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

/// Events whose own time is what a clock shows that is wrong by years.
async fn append_at(journal: &Journal, count: u64, wall: SystemTime) {
    for n in 0..count {
        journal.append(event_data(&n.to_string()), wall);
    }
    journal.flush().await;
}

#[tokio::test]
async fn clock_steps_make_no_event_older() {
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
async fn events_go_when_their_time_has_passed_and_not_those_after_them() {
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
    // Those of the days 0 to 11 are older than a week on the 19th; a chunk goes as a whole.
    let Seq(first) = oldest(&journal);
    assert!(first > 11 * DAILY && first <= 12 * DAILY + 1, "{first}");
    let kept = u64::try_from(all(&journal, first - 1).0.len()).unwrap();
    assert_eq!(kept, 20 * DAILY - (first - 1));
}

#[tokio::test]
async fn a_journal_of_before_begins_to_age_when_it_is_first_looked_at() {
    let volume = Volume::new();
    let journal = open(&volume, WEEK);
    append(&journal, 5).await;
    journal.tidy_at(day(500)).await;
    assert_eq!(oldest(&journal), Seq(1));
    // A time before that was noted is none, and is no way to keep events for ever.
    journal.tidy_at(day(400)).await;
    journal.tidy_at(day(408)).await;
    assert_eq!(oldest(&journal), Seq(0));
}

#[tokio::test]
async fn marks_are_bounded_however_much_is_written() {
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
