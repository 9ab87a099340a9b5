//! Tests of files to send: their limits, claims, and removal.

use std::path::PathBuf;

use openclaw_types::{MediaKind, MediaPointer};

use super::*;
use crate::vault::trial::Volume;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn token(text: &str) -> Token {
    text.parse().unwrap()
}

const LIMITS: UploadLimits = UploadLimits {
    files: 3,
    bytes: 1_000,
    free_bytes: 0,
};

fn open(volume: &Volume) -> Arc<Uploads> {
    let uploads = Uploads::open(volume.vault.clone(), volume.path(), LIMITS);
    Arc::new(uploads)
}

fn document(bytes: u64) -> NewUpload {
    let media = Media {
        kind: MediaKind::Document,
        bytes,
        ..Media::default()
    };
    NewUpload {
        media,
        ..NewUpload::default()
    }
}

fn encrypted() -> Encrypted {
    Encrypted {
        pointer: MediaPointer {
            key: vec![7; 32],
            ..MediaPointer::default()
        },
        sidecar: Vec::new(),
    }
}

fn store(uploads: &Arc<Uploads>, bytes: &[u8]) -> Result<MediaId, UploadError> {
    let mut incoming = uploads.begin(document(0), now())?;
    incoming.add(bytes, bytes)?;
    let (id, _, _) = incoming.seal(b"mac", encrypted(), now())?;
    Ok(id)
}

fn files(volume: &Volume) -> Vec<PathBuf> {
    let entries = fs::read_dir(volume.path().join(DIR)).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_stored_file_survives_a_restart_with_its_metadata() {
    let mut volume = Volume::new();
    let uploads = open(&volume);
    let id = store(&uploads, b"hello").unwrap();
    let hosted = Hosted {
        url: "https://host/v".into(),
        direct_path: "/v".into(),
    };
    uploads.set_hosted(id, &hosted).await;
    uploads.claim(id, &token("a")).unwrap();
    let before = uploads.load(id).unwrap();
    volume.vault.flush().await;
    drop(uploads);
    volume.reopen();
    let uploads = open(&volume);
    assert!(uploads.load(id) == Some(before));
    assert!(uploads.hosted(id) == Some(hosted));
    assert_eq!(uploads.claim(id, &token("b")), Err(ClaimDenied::Taken));
    assert_eq!(uploads.claim(id, &token("a")), Ok(()));
    let mut text = String::new();
    io::Read::read_to_string(&mut uploads.file(id).unwrap(), &mut text).unwrap();
    assert_eq!(text, "hellomac");
}

#[tokio::test]
async fn a_file_without_a_row_and_a_row_without_a_file_are_removed_at_start() {
    let mut volume = Volume::new();
    let uploads = open(&volume);
    let id = store(&uploads, b"hello").unwrap();
    let other = store(&uploads, b"other").unwrap();
    volume.vault.flush().await;
    drop(uploads);
    fs::write(volume.path().join(DIR).join("0123456789abcdef"), "part").unwrap();
    fs::write(volume.path().join(DIR).join("not ours"), "").unwrap();
    fs::remove_file(volume.path().join(DIR).join(file_name(id.upload()))).unwrap();
    volume.reopen();
    let uploads = open(&volume);
    assert!(uploads.load(id).is_none());
    assert!(uploads.load(other).is_some());
    assert_eq!(files(&volume).len(), 2);
    assert_eq!(uploads.claim(id, &token("a")), Err(ClaimDenied::Gone));
}

#[tokio::test]
async fn a_file_that_is_not_sealed_leaves_nothing() {
    let volume = Volume::new();
    let uploads = open(&volume);
    let mut incoming = uploads.begin(document(0), now()).unwrap();
    incoming.add(b"hello", b"hello").unwrap();
    assert_eq!(files(&volume).len(), 1);
    drop(incoming);
    assert!(files(&volume).is_empty());
    let incoming = uploads.begin(document(0), now()).unwrap();
    let empty = incoming.seal(b"mac", encrypted(), now());
    assert!(matches!(
        empty,
        Err(UploadError::FormatError(FormatError::Empty))
    ));
    let mut incoming = uploads.begin(document(6), now()).unwrap();
    incoming.add(b"hello", b"hello").unwrap();
    let short = incoming.seal(b"mac", encrypted(), now());
    assert!(matches!(short, Err(UploadError::OtherSize { .. })));
    assert!(files(&volume).is_empty());
}

#[tokio::test]
async fn the_quota_counts_stored_and_incoming_files() {
    let volume = Volume::new();
    let uploads = open(&volume);
    let declared = uploads.begin(document(900), now()).unwrap();
    let second = uploads.begin(document(200), now());
    assert!(matches!(second, Err(UploadError::TooMuch(1_000))));
    let mut grows = uploads.begin(document(0), now()).unwrap();
    assert!(grows.add(b"x", &[0; 90]).is_ok());
    drop((declared, grows));
    for _ in 0..3 {
        store(&uploads, b"x").unwrap();
    }
    assert!(matches!(
        store(&uploads, b"x"),
        Err(UploadError::TooMany(3))
    ));
    let none = uploads.begin(document(MAX_FILE_BYTES + 1), now());
    assert!(matches!(none, Err(UploadError::TooLarge)));
}

#[tokio::test]
async fn old_unclaimed_files_are_removed_for_new_ones() {
    let volume = Volume::new();
    let uploads = open(&volume);
    let [claimed, second, third] = [b"a", b"b", b"c"].map(|it| store(&uploads, it).unwrap());
    uploads.claim(claimed, &token("a")).unwrap();
    let early = uploads.begin(document(1), now() + YIELDING_AGE - Duration::from_secs(1));
    assert!(matches!(early, Err(UploadError::TooMany(3))));
    let late = uploads.begin(document(1), now() + YIELDING_AGE);
    assert!(late.is_ok());
    assert!(uploads.load(claimed).is_some());
    let left = [second, third].map(|id| uploads.load(id).is_some());
    assert_eq!(left.iter().filter(|left| **left).count(), 1);
}

#[tokio::test]
async fn old_unclaimed_files_are_removed_from_a_full_volume() {
    let volume = Volume::new();
    let uploads = open(&volume);
    let [claimed, unclaimed] = [b"a", b"b"].map(|it| store(&uploads, it).unwrap());
    uploads.claim(claimed, &token("a")).unwrap();
    drop(uploads);
    let limits = UploadLimits {
        free_bytes: u64::MAX,
        ..LIMITS
    };
    let uploads = Uploads::open(volume.vault.clone(), volume.path(), limits);
    let uploads = Arc::new(uploads);
    let late = uploads.begin(document(1), now() + YIELDING_AGE);
    assert!(matches!(late, Err(UploadError::VolumeFull)));
    assert!(uploads.load(claimed).is_some());
    assert!(uploads.load(unclaimed).is_none());
    assert_eq!(files(&volume).len(), 1);
}

#[tokio::test]
async fn a_file_is_removed_with_its_message_or_when_it_expires() {
    let volume = Volume::new();
    let uploads = open(&volume);
    let [sent, failed, unused] = [b"a", b"b", b"c"].map(|it| store(&uploads, it).unwrap());
    uploads.claim(sent, &token("sent")).unwrap();
    uploads.claim(failed, &token("failed")).unwrap();
    let outcome = |token: &Token| match token.as_str() {
        "sent" => Some(SendState::ServerAck),
        "failed" => Some(SendState::Failed),
        _ => None,
    };
    uploads.sweep(now(), outcome);
    assert!(uploads.load(sent).is_none());
    // Another message may claim it.
    assert_eq!(uploads.claim(failed, &token("queued")), Ok(()));
    uploads.sweep(now() + MAX_AGE, |_| Some(SendState::Accepted));
    assert!(uploads.load(failed).is_some());
    assert!(uploads.load(unused).is_none());
    assert_eq!(files(&volume).len(), 1);
    uploads.discard(failed);
    assert!(uploads.load(failed).is_some(), "a message brings it");
    uploads.release(failed, &token("queued"));
    uploads.discard(failed);
    assert!(files(&volume).is_empty());
}
