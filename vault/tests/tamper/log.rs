//! Changes to a log.

use openclaw_vault::{Batch, Error, Key};

use super::{
    BATCHES, Memory, TABLE, closed, crashed, filled, flipped, frames, open, prefix, put,
    rearranged, secret,
};

const LOG: &str = "vault-1.log";

/// The result of opening a changed log: how many batches are left, or `None` if it is refused.
fn outcome(disk: &Memory, log: Vec<u8>) -> Option<u32> {
    match open(&disk.with(LOG, log), &secret(1)) {
        Ok(store) => Some(prefix(&store).expect("the records are a prefix of those written")),
        Err(Error::Damaged { .. } | Error::Older { .. }) => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// The number of batches that the header of a crashed store proves durable: the eleven that existed at its last
/// opening.
const PROVEN: u32 = BATCHES - 1;

#[test]
fn a_changed_byte_of_a_closed_log_is_refused() {
    let disk = closed();
    for (at, log) in flipped(&disk.read(LOG)) {
        assert_eq!(outcome(&disk, log), None, "byte {at}");
    }
}

#[test]
fn a_changed_byte_of_a_crashed_log_is_refused_or_costs_the_last_batch() {
    let (disk, mut store) = filled();
    put(&mut store, BATCHES);
    put(&mut store, BATCHES + 1);
    let log = disk.read(LOG);
    let last = log.len() - frames(&log).last().unwrap().len();
    for (at, log) in flipped(&log) {
        let expected = (at >= last).then_some(BATCHES + 1);
        assert_eq!(
            outcome(&disk, log),
            expected,
            "byte {at} of the last frame at {last}"
        );
    }
}

#[test]
fn a_cut_of_a_closed_log_is_refused() {
    let disk = closed();
    let log = disk.read(LOG);
    for length in 0..log.len() {
        assert_eq!(outcome(&disk, log[..length].to_vec()), None, "at {length}");
    }
}

#[test]
fn a_cut_of_a_crashed_log_leaves_a_prefix_or_is_refused() {
    let disk = crashed();
    let log = disk.read(LOG);
    let last = log.len() - frames(&log).last().unwrap().len();
    for length in 0..log.len() {
        let expected = (length >= last).then_some(PROVEN);
        assert_eq!(
            outcome(&disk, log[..length].to_vec()),
            expected,
            "at {length}"
        );
    }
}

#[test]
fn rearranged_frames_of_a_closed_log_are_refused() {
    let disk = closed();
    let whole = frames(&disk.read(LOG));
    for changed in rearranged(&whole) {
        // Bytes added after the end are dropped, like a torn write.
        let expected = changed.starts_with(&whole).then_some(BATCHES);
        assert_eq!(outcome(&disk, changed.concat()), expected);
    }
}

#[test]
fn rearranged_frames_of_a_crashed_log_are_refused_or_leave_a_prefix() {
    let (disk, mut store) = filled();
    for number in BATCHES..BATCHES + 5 {
        put(&mut store, number);
    }
    let whole = frames(&disk.read(LOG));
    for changed in rearranged(&whole) {
        let kept = whole
            .iter()
            .zip(&changed)
            .take_while(|(one, other)| one == other);
        let dropped = whole.len() - kept.count();
        let left = outcome(&disk, changed.concat());
        // Rearranging frames achieves no more than truncating the log, which is always possible.
        let allowed = (BATCHES + 5).checked_sub(u32::try_from(dropped).unwrap());
        assert!(
            left.is_none() || left == allowed,
            "{left:?}, not {allowed:?}"
        );
        assert!(
            dropped > 0 || left.is_some(),
            "bytes were added after the end"
        );
    }
}

#[test]
fn an_older_log_under_a_newer_header_is_refused() {
    let (disk, mut store) = filled();
    let older = disk.read(LOG);
    put(&mut store, BATCHES);
    drop(store);
    drop(open(&disk, &secret(1)).unwrap());
    let reopened = disk.copy();
    openclaw_vault::Vault::open(reopened.clone(), &secret(1), openclaw_vault::on_heap).unwrap();
    assert_eq!(outcome(&reopened, older), None);
}

#[test]
fn a_log_of_another_number_or_of_another_store_is_refused() {
    let (disk, mut store) = filled();
    let first = disk.read(LOG);
    store.begin_compaction().unwrap();
    while store.compact(1 << 20).unwrap() != openclaw_vault::Compaction::Done {}
    assert_eq!(prefix(&store), Some(BATCHES));
    for other in [first, crashed().read(LOG)] {
        let changed = disk.with("vault-2.log", other);
        assert!(matches!(
            open(&changed, &secret(1)),
            Err(Error::Damaged { .. })
        ));
    }
    assert!(open(&disk, &secret(1)).is_ok());
}

/// The index has the position of a record; the store must notice if another record is there.
#[test]
fn frames_swapped_under_an_open_store_are_not_mistaken_for_one_another() {
    let (disk, mut store) = filled();
    for number in [100_u32, 101, 102] {
        let mut batch = Batch::new();
        batch.put(
            Key::new(TABLE, "other", &number.to_le_bytes()),
            b"the same length",
        );
        store.append(&batch).unwrap();
    }
    let mut changed = frames(&disk.read(LOG));
    let last = changed.len() - 1;
    // With its predecessor's tag, a frame opens at another position.
    let (one, other) = (changed[last - 1].clone(), changed[last].clone());
    let tag = changed[last - 1].len() - 16;
    changed[last - 2][tag..].copy_from_slice(&one[tag..]);
    changed[last - 1] = other;
    disk.write(LOG, changed.concat());
    assert!(
        store
            .load(Key::new(TABLE, "other", &101_u32.to_le_bytes()))
            .is_err()
    );
    assert!(store.scan(TABLE, Some(b"other"), |_| ()).is_err());
}

/// 16 MB of random bytes contain many plausible frame heads by chance; none of them must be taken for a frame.
#[test]
fn a_large_torn_end_is_dropped() {
    let (disk, mut store) = filled();
    let mut value = vec![0; openclaw_vault::MAX_BODY_BYTES - 100];
    fastrand::Rng::with_seed(1).fill(&mut value);
    let mut batch = Batch::new();
    batch.put(Key::new(TABLE, "large", "record"), &value);
    store.append(&batch).unwrap();
    let mut log = disk.read(LOG);
    let torn = log.len() / 2;
    log[torn..torn + 512].fill(0);
    assert_eq!(outcome(&disk, log), Some(BATCHES));
}

/// Every nine bytes look like the head of a frame: searching all of them would take hours.
#[test]
fn an_end_that_is_made_to_be_searched_for_long_is_refused_in_time() {
    let disk = crashed();
    let mut log = disk.read(LOG);
    let head = [
        [2, 0, 0, 0x20, 0, 9, 0, 0, 0],
        [2, 0, 0, 0x10, 0, 3, 0, 0, 0],
    ]
    .concat();
    log.extend(head.repeat(200_000));
    let start = std::time::Instant::now();
    assert_eq!(outcome(&disk, log), None);
    assert!(start.elapsed() < std::time::Duration::from_secs(120));
}
