//! Variants and defects of a directory: real ones, re-encoded, truncated and moved.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use openclaw_sim::Sim;
use openclaw_whatsapp::store::baileys::{self, Error, RecordKind, Report};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::store::traits::{
    AppSyncStore as _, DeviceStore as _, ProtocolStore as _, SignalStore as _,
};

use super::gateway::Gateway;
use super::source::Source;
use super::spelling::Spelling;
use super::{StoppedGateway, stopped_gateway};
use crate::harness::{ACCOUNT, ANNA, BERT, lid};

/// The files of a gateway, by name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The directory of one gateway, recorded once for all tests here.
pub(super) async fn recorded() -> &'static (Files, String) {
    static RECORDED: OnceCell<(Files, String)> = OnceCell::const_new();
    let record = || async {
        let StoppedGateway { source, group, .. } = stopped_gateway().await;
        (source.files(), group)
    };
    RECORDED.get_or_init(record).await
}

/// All data of the recorded account in a store, for comparing two imports.
#[derive(Debug, PartialEq)]
struct Taken {
    device: Value,
    sessions: Vec<Option<Vec<u8>>>,
    identities: Vec<Option<[u8; 32]>>,
    sender_keys: Vec<Option<Vec<u8>>>,
    members: Vec<(String, bool)>,
    prekeys: Vec<(u32, Vec<u8>)>,
    sync_key: Option<(Vec<u8>, Vec<u8>, i64)>,
    version: (u64, Vec<u8>),
    lids: Vec<Option<String>>,
}

async fn taken(store: &InMemoryBackend) -> Taken {
    let group = &recorded().await.1;
    let addresses = [ANNA, BERT, ACCOUNT].map(|number| format!("{}@lid.0", lid(number)));
    let own = format!("{}:1@lid.0", lid(ACCOUNT));
    let mut device = serde_json::to_value(store.load().await.unwrap().unwrap()).unwrap();
    for of_this_start in [
        "app_version_last_fetched_ms",
        "last_signed_pre_key_rotation_ms",
    ] {
        device[of_this_start] = Value::Null;
    }
    let mut taken = Taken {
        device,
        sessions: Vec::new(),
        identities: Vec::new(),
        sender_keys: Vec::new(),
        members: store.get_sender_key_devices(group).await.unwrap(),
        prekeys: Vec::new(),
        sync_key: None,
        version: (0, Vec::new()),
        lids: Vec::new(),
    };
    for address in addresses.iter().chain([&own]) {
        let session = store.get_session(address).await.unwrap();
        taken.sessions.push(session.map(|session| session.to_vec()));
        taken
            .identities
            .push(store.load_identity(address).await.unwrap());
        let sender_key = store.get_sender_key(&format!("{group}:{address}")).await;
        taken.sender_keys.push(sender_key.unwrap());
    }
    for number in [ANNA, BERT, ACCOUNT] {
        let mapping = store.get_pn_mapping(number.trim_start_matches('+')).await;
        taken.lids.push(mapping.unwrap().map(|mapping| mapping.lid));
    }
    taken.members.sort();
    let ids: Vec<u32> = (1..=812).collect();
    let prekeys = store.load_prekeys_batch(&ids).await.unwrap();
    taken.prekeys = prekeys
        .iter()
        .map(|(id, key)| (*id, key.to_vec()))
        .collect();
    taken.prekeys.sort();
    if let Some(id) = store.get_latest_sync_key_id().await.unwrap() {
        let key = store.get_sync_key(&id).await.unwrap().unwrap();
        taken.sync_key = Some((id, key.key_data, key.timestamp));
    }
    let state = store.get_version("critical_block").await.unwrap();
    taken.version = (state.version, state.hash.to_vec());
    taken
}

async fn import(source: &Source) -> (Report, Taken) {
    let store = InMemoryBackend::new();
    let before = source.state();
    let report = baileys::import_into(source.dir(), &store).await.unwrap();
    assert_eq!(source.state(), before);
    has_no_numbers(&report.to_string());
    has_no_numbers(&serde_json::to_string(&report).unwrap());
    (report, taken(&store).await)
}

async fn refusal(source: &Source) -> Error {
    let store = InMemoryBackend::new();
    let refused = baileys::import_into(source.dir(), &store)
        .await
        .unwrap_err();
    assert!(
        store.load().await.unwrap().is_none(),
        "no account after {refused}"
    );
    has_no_numbers(&format!("{refused} {refused:?} {}", refused.hint()));
    refused
}

/// Checks that the text has no number and no JID.
fn has_no_numbers(text: &str) {
    for number in [ACCOUNT, ANNA, BERT] {
        for secret in [number.trim_start_matches('+'), &lid(number)] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

/// The import of the unchanged recording.
async fn reference() -> &'static (Report, Taken) {
    static REFERENCE: OnceCell<(Report, Taken)> = OnceCell::const_new();
    let record = || async { import(&Source::of(&recorded().await.0)).await };
    REFERENCE.get_or_init(record).await
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn bytes_are_read_in_all_five_encodings() {
    let (files, _) = recorded().await;
    let (report, reference) = reference().await;
    assert_eq!(report.count(RecordKind::Prekeys), reference.prekeys.len());
    assert!(
        reference.sessions[..3].iter().all(Option::is_some),
        "{reference:?}"
    );
    assert!(reference.sender_keys.iter().flatten().count() >= 2);
    assert!(reference.sync_key.is_some() && reference.version.0 > 0);
    for spelling in Spelling::ALL {
        let respelled = files.iter();
        let respelled =
            respelled.map(|(name, file)| (name.clone(), spelling.respell_file(name, file)));
        let (respelled, taken) = import(&Source::of(&respelled.collect())).await;
        assert!(taken == *reference, "{spelling:?}: {respelled}");
        assert!(respelled.skipped.is_empty(), "{spelling:?}: {respelled}");
    }
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn a_damaged_creds_json_is_replaced_by_its_backup() {
    let (files, _) = recorded().await;
    let whole = &files["creds.json"];
    let half = &whole[..whole.len() / 2];
    for damaged in [
        None,
        Some(&b""[..]),
        Some(b" "),
        Some(b"{}x"),
        Some(b"[]"),
        Some(half),
    ] {
        let source = Source::of(files);
        source.put("creds.json.bak", whole);
        match damaged {
            None => source.remove("creds.json"),
            Some(content) => source.put("creds.json", content),
        }
        let (report, taken) = import(&source).await;
        assert_eq!(report.source, "creds.json.bak");
        assert!(report.backup_because.is_some());
        assert!(taken == reference().await.1, "{damaged:?}");
        source.put("creds.json.bak", half);
        let refused = refusal(&source).await;
        assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
    }
    let source = Source::of(files);
    source.put("creds.json.bak", half);
    assert_eq!(
        import(&source).await.0.source,
        "creds.json",
        "the backup is not needed"
    );
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn a_stale_backup_does_not_reuse_a_prekey_id() {
    let source = Source::of(&recorded().await.0);
    let mut creds = source.json("creds.json");
    creds["nextPreKeyId"] = json!(31);
    creds["firstUnuploadedPreKeyId"] = json!(31);
    source.put("creds.json.bak", creds.to_string().as_bytes());
    source.put("creds.json", b"");
    let (_, taken) = import(&source).await;
    assert_eq!(taken.device["next_pre_key_id"], json!(813));
    assert_eq!(taken.device["first_unupload_pre_key_id"], json!(31));
    assert_eq!(taken.prekeys, reference().await.1.prekeys);
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn empty_or_truncated_key_files_are_skipped_and_reported() {
    let (files, group) = recorded().await;
    let source = Source::of(files);
    let session = format!("session-{}_1.0.json", lid(BERT));
    let sender_key = format!("sender-key-{group}--{}_1--1.json", lid(ACCOUNT));
    source.put(&session, b"");
    source.put("pre-key-7.json", b"");
    for cut in [&sender_key, "app-state-sync-version-critical_block.json"] {
        source.put(cut, &files[cut][..files[cut].len() / 2]);
    }
    let spare = "pre-key-8.json";
    source.remove(spare);
    symlink(
        source.dir().join("pre-key-9.json"),
        source.dir().join(spare),
    )
    .unwrap();
    let (report, taken) = import(&source).await;
    let (whole, reference) = reference().await;
    assert_eq!(
        taken.sessions[0], reference.sessions[0],
        "the rest were imported"
    );
    assert_eq!(taken.sessions[1], None);
    assert_eq!(taken.prekeys.len() + 2, reference.prekeys.len());
    assert_eq!(taken.version.0, 0, "fetched from the start");
    assert!(
        taken.members.is_empty(),
        "no contact is recorded as having the lost key"
    );
    // The list of members with our sender key is dropped together with the key.
    assert_eq!(report.skipped.len(), 6, "{report}");
    let reported = report
        .skipped
        .iter()
        .find(|skipped| skipped.file.starts_with("session-"));
    assert_eq!(reported.unwrap().file, "session-1250XXXXXXXXXXX_1.0.json");
    assert_eq!(
        report.count(RecordKind::Sessions) + 1,
        whole.count(RecordKind::Sessions)
    );
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn the_auth_directory_is_found_in_every_layout_of_openclaw() {
    let (files, _) = recorded().await;
    let foreign = [
        ("oauth.json", &b"{\"access\":\"x\"}"[..]),
        ("telegram-allowFrom.json", b"[]"),
        ("notes.txt", b"hello"),
    ];
    for place in [
        "",
        "whatsapp/default",
        "credentials/whatsapp/default",
        "credentials",
    ] {
        let source = Source::within(place, files);
        for (name, content) in foreign {
            source.put(name, content);
        }
        let (report, taken) = import(&source).await;
        assert!(taken == reference().await.1, "{place}");
        assert_eq!(report.foreign, 3, "{place}");
    }
    let source = Source::within("credentials", files);
    let account = source.dir().join("credentials/whatsapp/default");
    fs::create_dir_all(&account).unwrap();
    assert_eq!(
        import(&source).await.0.foreign,
        1,
        "an account without creds.json does not count"
    );
    fs::write(account.join("creds.json"), &files["creds.json"]).unwrap();
    let (report, taken) = import(&source).await;
    assert_eq!(
        report.count(RecordKind::Sessions),
        0,
        "an account's folder comes before the legacy one"
    );
    assert_eq!(taken.device["pn"], reference().await.1.device["pn"]);
    let other = source.dir().join("credentials/whatsapp/15550100002");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("creds.json"), &files["creds.json"]).unwrap();
    let refused = refusal(&source).await;
    let Error::SeveralAccounts(names) = &refused else {
        panic!("{refused}");
    };
    assert_eq!(names, &["1555XXXXXXX", "default"]);
    let refused = refusal(&Source::new()).await;
    assert!(matches!(refused, Error::Empty { .. }), "{refused}");
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn an_unfinished_pairing_is_refused() {
    let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
    let source = Source::new();
    let mut gateway = Gateway::start(source.dir(), &sim);
    gateway.ask_for_code(ACCOUNT).await;
    gateway.stop().await;
    let creds = source.json("creds.json");
    assert!(creds["me"]["id"].is_string() && creds["pairingCode"].is_string());
    let refused = refusal(&source).await;
    assert!(matches!(refused, Error::Unfinished), "{refused}");
    // The state after an entered code, and after a code that was not entered.
    let mut unlinked = creds.clone();
    unlinked.as_object_mut().unwrap().remove("me");
    source.put("creds.json", unlinked.to_string().as_bytes());
    source.put("creds.json.bak", &recorded().await.0["creds.json"]);
    let refused = refusal(&source).await;
    assert!(
        matches!(refused, Error::Unlinked),
        "the backup is of an earlier link: {refused}"
    );
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn a_link_by_qr_code_is_accepted_although_baileys_marks_it_unregistered() {
    let source = Source::of(&recorded().await.0);
    assert_eq!(source.json("creds.json")["registered"], json!(false));
    let (report, _) = reference().await;
    assert_eq!(
        (report.account.as_str(), report.device),
        ("+1 555 XXX XXXX", 1)
    );
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn a_directory_that_changes_during_the_import_is_refused() {
    let source = Source::of(&recorded().await.0);
    let folder = baileys::read(source.dir()).unwrap();
    source.put("lid-mapping-15550100077.json", b"\"125081000000077\"");
    let store = InMemoryBackend::new();
    let refused = folder.write_to(&store).await.unwrap_err();
    assert!(matches!(refused, Error::InUse), "{refused}");
    assert!(store.load().await.unwrap().is_none());
    baileys::import_into(source.dir(), &store).await.unwrap();
    assert!(
        taken(&store).await == reference().await.1,
        "the second try is as good as the first"
    );
    let refused = baileys::import_into(source.dir(), &store)
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Occupied(_)), "{refused}");
    has_no_numbers(&format!("{refused} {refused:?}"));
}
