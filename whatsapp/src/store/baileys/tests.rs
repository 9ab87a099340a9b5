//! Imports of unusual directories, based on one that Baileys 7.0.0-rc14 wrote against the simulator
//! (`tests/recorded.json`, one file a line, most prekeys left out). `agent/tests/it/import.rs` tests that
//! conversations continue.

mod handover;
mod keys;
mod misnamed;

use std::collections::BTreeMap;
use std::fs;

use tempfile::TempDir;
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::store::traits::{
    AppSyncStore as _, DeviceStore as _, ProtocolStore as _, SignalStore as _,
};

use super::*;

const ANNA: &str = "15550100002";
const ANNA_LID: &str = "125081686442798";

/// The recorded files, byte for byte as Baileys wrote them.
fn recorded() -> BTreeMap<&'static str, String> {
    let lines = include_str!("tests/recorded.json").lines();
    let files = lines.filter_map(|line| line.trim_end_matches(',').split_once(": "));
    files
        .map(|(name, content)| (name.trim_matches('"'), content.to_owned()))
        .collect()
}

fn file(name: &str) -> String {
    recorded()[name].clone()
}

/// A directory with the recorded files, with these files added or replaced.
fn folder(others: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in recorded() {
        fs::write(dir.path().join(name), content).unwrap();
    }
    for (name, content) in others {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

async fn imported(dir: &TempDir) -> (Report, InMemoryBackend) {
    let store = InMemoryBackend::new();
    let report = import_into(dir.path(), &store).await.unwrap();
    (report, store)
}

#[tokio::test]
async fn every_kind_of_file_is_imported() {
    let (report, store) = imported(&folder(&[])).await;
    let counts: Vec<usize> = report.carried.iter().map(|carried| carried.count).collect();
    assert_eq!(counts, [3, 2, 3, 2, 1, 1, 1, 3, 0], "{report}");
    assert!(report.skipped.is_empty() && report.foreign == 0, "{report}");
    assert_eq!((report.refetched, report.source), (1, "creds.json"));

    let device = store.load().await.unwrap().unwrap();
    assert_eq!(
        device.pn.unwrap().to_string(),
        "15550100001:1@s.whatsapp.net"
    );
    assert_eq!(device.lid.unwrap().to_string(), "125081638171399:1@lid");
    assert_eq!(device.push_name, "User 0001");
    assert_eq!((device.registration_id, device.signed_pre_key_id), (93, 1));
    assert_eq!(
        (device.next_pre_key_id, device.first_unupload_pre_key_id),
        (813, 813)
    );
    assert!(device.server_has_prekeys && device.edge_routing_info.is_some());
    let identity = device.identity_key.public_key;
    let signed = device.signed_pre_key.public_key.serialize();
    assert!(identity.verify_signature(&signed, &device.signed_pre_key_signature));

    let group = "120363000000000001@g.us";
    let mut members = store.get_sender_key_devices(group).await.unwrap();
    members.sort();
    let expected = ["125081686442798@lid", "125081734714197@lid"].map(|jid| (jid.to_owned(), true));
    assert_eq!(members, expected, "others only");
    let latest = store.get_latest_sync_key_id().await.unwrap().unwrap();
    assert_eq!(latest, [0, 0, 0, 0, 0, 1]);
    let key = store.get_sync_key(&latest).await.unwrap().unwrap();
    assert_eq!((key.key_data.len(), key.timestamp), (32, 1_795_345_028));
    assert!(!key.fingerprint.is_empty());
    assert_eq!(
        store.get_version("critical_block").await.unwrap().version,
        1
    );
}

#[tokio::test]
async fn records_under_a_number_move_to_its_lid_unless_the_lid_has_its_own() {
    let session = file("session-125081686442798_1.0.json");
    let other = file("session-125081734714197_1.0.json");
    let under_number = format!("session-{ANNA}.0.json");
    let (lid_key, pn_key) = (format!("{ANNA_LID}@lid.0"), format!("{ANNA}@c.us.0"));

    let dir = folder(&[(&under_number, &other)]);
    let (report, store) = imported(&dir).await;
    assert_eq!(report.skipped[0].file, "session-1555XXXXXXX.0.json");
    assert_eq!(store.get_session(&pn_key).await.unwrap(), None);
    let newer = store.get_session(&lid_key).await.unwrap();

    let dir = folder(&[(&under_number, &session)]);
    fs::remove_file(dir.path().join("session-125081686442798_1.0.json")).unwrap();
    let (report, store) = imported(&dir).await;
    assert!(report.skipped.is_empty(), "{report}");
    assert_eq!(store.get_session(&pn_key).await.unwrap(), None);
    assert_eq!(store.get_session(&lid_key).await.unwrap(), newer);
}

#[tokio::test]
async fn an_earlier_lid_is_kept_with_the_current_one() {
    let earlier = "125081000000001";
    let reverse = format!("lid-mapping-{earlier}_reverse.json");
    let (_, store) = imported(&folder(&[(&reverse, &format!("\"{ANNA}\""))])).await;
    let now = store.get_pn_mapping(ANNA).await.unwrap().unwrap();
    assert_eq!(now.lid, ANNA_LID);
    let before = store.get_lid_mapping(earlier).await.unwrap().unwrap();
    assert_eq!(before.phone_number, ANNA);
    assert!(before.created_at < now.created_at);
}

#[tokio::test]
async fn a_privacy_token_is_stored_under_the_lid() {
    let token = |byte: u8, more: &str| {
        format!(r#"{{"token":{{"type":"Buffer","data":[{byte}]}},"timestamp":"1795345000"{more}}}"#)
    };
    let (by_pn, by_lid) = (token(1, ""), token(2, r#","senderTimestamp":1795345001"#));
    let pn_file = format!("tctoken-{ANNA}@s.whatsapp.net.json");
    let lid_file = format!("tctoken-{ANNA_LID}@lid.json");
    let (_, store) = imported(&folder(&[(&pn_file, &by_pn)])).await;
    let found = store.get_tc_token(ANNA_LID).await.unwrap().unwrap();
    assert_eq!((found.token, found.sender_timestamp), (vec![1], None));
    let (_, store) = imported(&folder(&[(&pn_file, &by_pn), (&lid_file, &by_lid)])).await;
    let found = store.get_tc_token(ANNA_LID).await.unwrap().unwrap();
    assert_eq!(
        (found.token, found.sender_timestamp),
        (vec![2], Some(1_795_345_001))
    );
    let expired = r#"{"token":{"type":"Buffer","data":""},"senderTimestamp":1795345001}"#;
    let (report, store) = imported(&folder(&[(&lid_file, expired)])).await;
    let found = store.get_tc_token(ANNA_LID).await.unwrap().unwrap();
    assert!(
        found.token.is_empty() && report.skipped.is_empty(),
        "{report}"
    );
}

#[tokio::test]
async fn the_latest_sync_key_is_the_last_one_written() {
    let older = file("app-state-sync-key-AAAAAAAB.json").replace("1795345028", "1795345999");
    let (report, store) = imported(&folder(&[("app-state-sync-key-AAAAAAAC.json", &older)])).await;
    assert_eq!(report.count(RecordKind::AppStateKeys), 2);
    let latest = store.get_latest_sync_key_id().await.unwrap().unwrap();
    assert_eq!(
        latest,
        [0, 0, 0, 0, 0, 1],
        "although the other one is newer"
    );
}

#[test]
fn a_creds_json_that_was_tampered_with_is_damaged() {
    let whole = file("creds.json");
    let other_private = "SAEUcrrHUptBnnIrDGrgS3rGwMHdjchYYY/wBY1jbWQ=";
    let noise_private = "QKUauOBVhdFNVF59NasokgcFQk1Y7sHXfkNPW2sGOVU=";
    for (from, to, field) in [
        (noise_private, other_private, "noiseKey"),
        (noise_private, "QKUa", "noiseKey"),
        (
            "\"registrationId\":93",
            "\"registrationId\":-1",
            "registrationId",
        ),
        ("\"keyId\":1", "\"keyId\":\"x\"", "keyId"),
        (
            "15550100001:1@s.whatsapp.net\",\"name",
            "nobody\",\"name",
            "me.id",
        ),
        (
            "15550100001:1@s.whatsapp.net\",\"name",
            "15550100001:1@g.us\",\"name",
            "me.id",
        ),
        (
            "125081638171399:1@lid\"},\"signal",
            "125081638171399\"},\"signal",
            "me.lid",
        ),
        (
            "\"accountSignature\":\"2",
            "\"accountSignature\":\"",
            "accountSignature",
        ),
    ] {
        let changed = whole.replacen(from, to, 1);
        assert_ne!(changed, whole, "{from}");
        let refused = Creds::parse(changed.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(
            refused,
            CredsError::Damaged(json::Fault::Field(field)),
            "{to}"
        );
    }
}

#[test]
fn without_the_phones_signature_there_is_no_link() {
    let whole = file("creds.json");
    let unsigned = whole.replace("\"account\":{", "\"other\":{");
    let no_device = whole.replace(
        "15550100001:1@s.whatsapp.net\",\"name",
        "15550100001@s.whatsapp.net\",\"name",
    );
    for (text, expected) in [
        (unsigned, CredsError::Unfinished),
        (no_device, CredsError::Unfinished),
        (whole.replace("\"me\":{", "\"you\":{"), CredsError::Unlinked),
    ] {
        assert_eq!(
            Creds::parse(text.as_bytes()).map(|_| ()).unwrap_err(),
            expected
        );
    }
}
