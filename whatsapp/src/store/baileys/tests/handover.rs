//! An import into memory that is handed over to an agent has the same result as an import into the agent's own store.

use openclaw_state::vault::Tables;
use openclaw_state::vault::trial::Volume;
use openclaw_vault::{Key32, Op, Reader, Secret, Table};

use super::*;

/// Rows, by table, scope and id.
type Rows = BTreeMap<(u8, Vec<u8>, Vec<u8>), Vec<u8>>;

fn in_volume(volume: &Volume) -> Rows {
    let rows = (0..=u8::MAX).flat_map(|table| volume.vault.scan(Table(table), None));
    rows.map(|row| ((row.table.0, row.scope, row.id), row.value.to_vec()))
        .collect()
}

fn handed_over(bytes: &[u8], secret: &Secret) -> Rows {
    let mut rows = Rows::new();
    let mut reader = Reader::open(bytes, secret).unwrap();
    assert!(reader.origin().is_handover());
    while reader
        .next(|op| {
            let Op::Put { key, value } = op else {
                panic!("rows are put");
            };
            let name = (key.table.0, key.scope.to_vec(), key.id.to_vec());
            assert_eq!(rows.insert(name, value.to_vec()), None, "once");
            Ok(())
        })
        .unwrap()
    {}
    rows
}

/// Removes values that depend on the time of the import: the times of LID mappings and of the prekey rotation.
fn without_times(mut rows: Rows) -> Rows {
    for table in [Tables::LID_MAPPINGS, Tables::DEVICE] {
        for (_, value) in rows
            .iter_mut()
            .filter(|((number, ..), _)| *number == table.0)
        {
            value.clear();
        }
    }
    rows
}

#[tokio::test]
async fn a_handover_has_what_an_import_writes() {
    let dir = folder(&[]);
    let volume = Volume::new();
    let direct = import(dir.path(), &Store::new(volume.vault.clone())).await;
    let store = Store::in_memory();
    let report = import(dir.path(), &store).await.unwrap();
    assert_eq!(report.to_string(), direct.unwrap().to_string());
    let secret = Secret::Raw(Key32::random().unwrap());
    let bytes = store.hand_over(&secret, 7).unwrap();
    let rows = handed_over(&bytes, &secret);
    assert!(rows.len() > 10, "{}", rows.len());
    assert_eq!(without_times(rows), without_times(in_volume(&volume)));
    for private in [ANNA, ANNA_LID, "User 0001"] {
        let private = private.as_bytes();
        assert!(!bytes.windows(private.len()).any(|window| window == private));
    }
}

#[tokio::test]
async fn a_store_on_a_disk_hands_nothing_over() {
    let dir = folder(&[]);
    let volume = Volume::new();
    let store = Store::new(volume.vault.clone());
    import(dir.path(), &store).await.unwrap();
    let secret = Secret::Raw(Key32::random().unwrap());
    let bytes = store.hand_over(&secret, 7).unwrap();
    assert_eq!(handed_over(&bytes, &secret), Rows::new());
}
