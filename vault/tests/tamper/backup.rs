//! Changes to a backup.

use openclaw_vault::{Error, Reader};

use super::{BATCHES, HEADER, filled, flipped, frames, put, rearranged, secret};

fn backup() -> Vec<u8> {
    let (_, mut store) = filled();
    let mut bytes = Vec::new();
    let mut backup = store.backup(&secret(9), 0, &mut bytes).unwrap();
    let mut number = BATCHES;
    while !store.backup_step(&mut backup, 1, &mut bytes).unwrap() {
        if number < 2 * BATCHES {
            put(&mut store, number);
            number += 1;
        }
    }
    bytes
}

fn read(bytes: &[u8]) -> Result<u64, Error> {
    let mut reader = Reader::open(bytes, &secret(9))?;
    while reader.next(|_| Ok(()))? {}
    Ok(reader.changes())
}

#[test]
fn a_changed_byte_is_refused() {
    let bytes = backup();
    assert_eq!(read(&bytes).unwrap(), u64::from(2 * BATCHES));
    for (at, changed) in flipped(&bytes) {
        assert!(read(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn a_cut_and_a_surplus_are_refused() {
    let bytes = backup();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "at {length}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(read(&longer), Err(Error::Surplus)));
}

#[test]
fn rearranged_frames_are_refused() {
    let bytes = backup();
    let (header, rest) = bytes.split_at(HEADER);
    for changed in rearranged(&frames(rest)) {
        assert!(read(&[header, &changed.concat()].concat()).is_err());
    }
}

#[test]
fn only_its_own_secret_opens_it() {
    let refused = Reader::open(&*backup(), &secret(1)).map(|_| ());
    assert!(
        matches!(refused, Err(Error::WrongKey { .. })),
        "{refused:?}"
    );
}
