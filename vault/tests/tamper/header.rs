//! Changes to a header.

use openclaw_vault::{Error, Secret, Vault, on_heap};

use super::{BATCHES, HEADER, Memory, closed, filled, flipped, open, prefix, secret};

const NAME: &str = "vault.hdr";
const SLOTS: usize = 61;
const SLOT: usize = 158;

fn both(copy: &[u8]) -> Vec<u8> {
    [copy, copy].concat()
}

fn is_refused(disk: &Memory, header: Vec<u8>, secret: &Secret) -> bool {
    match open(&disk.with(NAME, header), secret) {
        Ok(_) => false,
        Err(
            Error::HeaderDamaged
            | Error::WrongKey { .. }
            | Error::Newer { .. }
            | Error::LogMissing(_)
            | Error::Damaged { .. },
        ) => true,
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_changed_byte_of_one_copy_is_healed_from_the_other() {
    let disk = closed();
    let header = disk.read(NAME);
    for (at, changed) in flipped(&header).step_by(3) {
        let disk = disk.with(NAME, changed);
        let (store, _) = Vault::open(disk.clone(), &secret(1), on_heap).unwrap();
        assert_eq!(prefix(&store), Some(BATCHES), "byte {at}");
        drop(store);
        let healed = disk.read(NAME);
        assert_eq!(healed[..HEADER], healed[HEADER..], "byte {at}");
    }
}

#[test]
fn a_changed_byte_of_both_copies_is_refused() {
    let disk = closed();
    let header = disk.read(NAME);
    for (at, changed) in flipped(&header[..HEADER]) {
        assert!(is_refused(&disk, both(&changed), &secret(1)), "byte {at}");
    }
}

#[test]
fn a_cut_header_is_refused_once_neither_copy_is_whole() {
    let disk = closed();
    let header = disk.read(NAME);
    for length in (0..HEADER).step_by(7) {
        assert!(is_refused(&disk, header[..length].to_vec(), &secret(1)));
    }
    assert!(open(&disk.with(NAME, header[..HEADER].to_vec()), &secret(1)).is_ok());
}

#[test]
fn a_removed_slot_does_not_come_back() {
    let (disk, mut store) = filled();
    store.add_slot("other", &secret(2), 0).unwrap();
    store.remove_slot("default").unwrap();
    store.close().unwrap();
    let header = disk.read(NAME);
    assert!(is_refused(&disk, header.clone(), &secret(1)));
    for (at, changed) in flipped(&header).step_by(5) {
        assert!(is_refused(&disk, changed, &secret(1)), "byte {at}");
    }
}

/// A crash between the writes of the two copies leaves the removed slot in the older one.
#[test]
fn a_slot_removal_that_reached_one_copy_is_effective() {
    let (disk, mut store) = filled();
    store.add_slot("other", &secret(2), 0).unwrap();
    let before = disk.read(NAME);
    store.remove_slot("default").unwrap();
    let after = disk.read(NAME);
    for header in [
        [&after[..HEADER], &before[HEADER..]].concat(),
        [&before[..HEADER], &after[HEADER..]].concat(),
    ] {
        assert!(is_refused(&disk, header.clone(), &secret(1)));
        assert!(!is_refused(&disk, header, &secret(2)));
    }
}

#[test]
fn forged_lists_of_slots_are_refused() {
    let (disk, mut store) = filled();
    store.add_slot("second", &secret(2), 0).unwrap();
    store.add_slot("third", &secret(3), 0).unwrap();
    store.close().unwrap();
    let header = disk.read(NAME)[..HEADER].to_vec();
    let slot = |number: usize| SLOTS + SLOT * number..SLOTS + SLOT * (number + 1);
    let end = SLOTS + 3 * SLOT + 32;
    let with_slots = |slots: &[&[u8]]| {
        let slots_bytes = slots.concat();
        let count = [u8::try_from(slots.len()).unwrap()];
        let mac = &header[end - 32..end];
        let mut forged = [&header[..SLOTS - 1], &count, &slots_bytes, mac].concat();
        forged.resize(HEADER, 0);
        forged
    };
    let [one, two, three] = [0, 1, 2].map(|number| &header[slot(number)]);
    let stranger = closed().read(NAME);
    assert!(!is_refused(
        &disk,
        both(&with_slots(&[one, two, three])),
        &secret(1)
    ));
    for slots in [
        &[one][..],
        &[one, two],
        &[two, one, three],
        &[one, two, three, three],
        &[one, two, &stranger[slot(0)]],
    ] {
        assert!(is_refused(&disk, both(&with_slots(slots)), &secret(1)));
    }
    // Nor does a slot open under another name, or a whole header with another store's log.
    let mut renamed = header.clone();
    renamed[SLOTS + 2..SLOTS + 9].copy_from_slice(b"Default");
    assert!(is_refused(&disk, both(&renamed), &secret(1)));
    assert!(is_refused(&disk, stranger, &secret(1)));
}

#[test]
fn costs_out_of_bounds_are_refused_before_argon2_runs() {
    let disk = Memory::default();
    let words = Secret::parse_passphrase("words").unwrap();
    let store = Vault::create(disk.clone(), &words, "default", 0, on_heap).unwrap();
    store.close().unwrap();
    let header = disk.read(NAME)[..HEADER].to_vec();
    for field in [42, 46, 50] {
        let mut costly = header.clone();
        costly[SLOTS + field..SLOTS + field + 4].fill(0xff);
        let refused = open(&disk.with(NAME, both(&costly)), &words).map(|_| ());
        assert!(matches!(refused, Err(Error::HeaderDamaged)), "{refused:?}");
    }
}
