//! Opens a copy of an agent's volume with its key, to learn the secrets that a test searches for elsewhere.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use ciborium::Value;
use openclaw_state::vault::{Sealed, Tables};
use openclaw_vault::{DataKey, Folder, Key, Key32, Secret, Table, on_heap};

/// The content of a store.
pub(crate) struct Opened {
    /// Private keys by name.
    pub(crate) keys: Vec<(&'static str, Vec<u8>)>,
    /// Every record, decrypted.
    pub(crate) records: Vec<u8>,
}

/// Data keys, as the vault passes them to the hold function.
static HELD: Mutex<Vec<[u8; 32]>> = Mutex::new(Vec::new());

fn hold(key: Key32) -> DataKey {
    HELD.lock().unwrap().push(*key.bytes());
    on_heap(key)
}

/// Opens a copy of the volume. Its agent may keep running.
pub(crate) fn open(volume: &Path, key_file: &Path) -> Opened {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(volume).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let secret = Secret::parse_key(&fs::read_to_string(key_file).unwrap()).unwrap();
    // One at a time: tests run in parallel, each with its own store.
    let (sealed, data_key) = {
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        HELD.lock().unwrap().clear();
        let (sealed, _) = Sealed::open(Folder::new(copy.path()), &secret, hold).unwrap();
        (sealed, HELD.lock().unwrap()[0].to_vec())
    };
    let mut keys = device_keys(&sealed);
    keys.push(("data key", data_key));
    let mut records = Vec::new();
    for table in 0..=u8::MAX {
        let each = |entry: openclaw_vault::Entry| {
            records.extend_from_slice(&entry.scope);
            records.extend_from_slice(&entry.id);
            records.extend_from_slice(&entry.value);
        };
        sealed.scan(Table(table), None, each).unwrap();
    }
    Opened { keys, records }
}

/// The private keys in the device's row.
fn device_keys(sealed: &Sealed) -> Vec<(&'static str, Vec<u8>)> {
    let row = sealed.load(Key::new(Tables::DEVICE, "", "")).unwrap();
    let row: Value = ciborium::from_reader(&row.expect("a device")[..]).unwrap();
    let Value::Map(fields) = row else {
        panic!("a device is a map")
    };
    let field = |wanted: &'static str| {
        let named = |(name, _): &&(Value, Value)| name.as_text() == Some(wanted);
        let (_, value) = fields.iter().find(named).expect("a field");
        // A key pair is the private key followed by the public one.
        (wanted, bytes(value)[..32].to_vec())
    };
    [
        "noise_key",
        "identity_key",
        "signed_pre_key",
        "adv_secret_key",
    ]
    .map(field)
    .into()
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) => bytes.clone(),
        Value::Array(numbers) => numbers
            .iter()
            .map(|number| number.as_integer().unwrap().try_into().unwrap())
            .collect(),
        _ => panic!("bytes are bytes or numbers"),
    }
}
