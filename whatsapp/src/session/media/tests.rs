//! Decryption and verification of what a media host sends. Hosts and connections are tested in `agent/tests/it/media`.

use hyper::body::Bytes;
use tokio::sync::mpsc;
use whatsapp_rust::wacore::upload::encrypt_media;

use super::*;

fn plain(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

fn file(size: usize) -> (MediaFile, Vec<u8>) {
    let encrypted = encrypt_media(&plain(size), MediaType::Image).unwrap();
    let file = MediaFile {
        kind: MediaKind::Image,
        history: false,
        bytes: u64::try_from(size).unwrap(),
        pointer: MediaPointer {
            direct_path: "/v/1.enc".into(),
            key: encrypted.media_key.to_vec(),
            sha256: encrypted.file_sha256.to_vec(),
            encrypted_sha256: encrypted.file_enc_sha256.to_vec(),
            key_made_at: 0,
        },
        message: MessageId::new("3EB0"),
        chat: ChatId::new("1@lid".into()),
        sender: Contact::default(),
        from_me: false,
    };
    (file, encrypted.data_to_upload)
}

/// Decrypts the bytes in frames of an unusual size, and returns the pieces as well.
async fn decrypted(
    file: &MediaFile,
    came: &[u8],
    most: u64,
) -> (Result<Whole, Flaw>, Vec<Vec<u8>>) {
    let (pieces, mut taken) = mpsc::channel(2);
    let sink = Sink::new(pieces, most);
    let decryption = Decryption::start(file, &sink);
    let taking = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Some(Piece::Chunk(piece)) = taken.recv().await {
            all.push(piece);
        }
        all
    });
    for frame in came.chunks(1_009) {
        if !decryption.feed(Bytes::copy_from_slice(frame)).await {
            break;
        }
    }
    let verdict = decryption.verdict().await;
    drop(sink);
    (verdict, taking.await.unwrap())
}

#[tokio::test]
async fn a_file_of_any_size_is_delivered_complete_in_pieces() {
    for size in [0, 1, 15, 16, 17, 65_535, 65_536, 65_537, 200_000] {
        let (file, came) = file(size);
        assert_eq!(
            u64::try_from(came.len()).unwrap(),
            encrypted_bytes(file.bytes),
            "{size}"
        );
        let (verdict, pieces) = decrypted(&file, &came, file.bytes).await;
        let whole = verdict.unwrap();
        assert_eq!(whole.bytes, file.bytes);
        assert_eq!(whole.sha256.as_slice(), file.pointer.sha256);
        assert!(
            pieces
                .iter()
                .all(|piece| (1..=65_536).contains(&piece.len())),
            "{size}"
        );
        assert_eq!(pieces.concat(), plain(size), "{size}");
    }
}

#[tokio::test]
async fn the_last_piece_of_an_invalid_file_is_not_delivered() {
    let (file, came) = file(100_000);
    let mut spoilt = came.clone();
    *spoilt.last_mut().unwrap() ^= 1;
    let mut other = file.clone();
    other.pointer.sha256 = vec![0; 32];
    let short = &came[..came.len() - 1];
    for (file, came, flaw) in [
        (&file, &spoilt[..], Flaw::Mac),
        (&file, short, Flaw::Mac),
        (&file, &came[..5], Flaw::Mac),
        (&file, &[], Flaw::Mac),
        (&other, &came[..], Flaw::Hash),
    ] {
        let (verdict, pieces) = decrypted(file, came, u64::MAX).await;
        assert_eq!(verdict, Err(flaw));
        assert!(pieces.concat().len() <= 65_536);
    }
}

#[tokio::test]
async fn no_byte_beyond_the_limit_is_delivered() {
    let (file, came) = file(100_000);
    let (verdict, pieces) = decrypted(&file, &came, 99_999).await;
    assert_eq!(verdict, Err(Flaw::TooLarge));
    assert!(pieces.concat().len() <= 99_999);
}

#[tokio::test]
async fn the_paths_of_new_uploads_are_remembered_up_to_a_limit() {
    let downloads = Downloads::new(Endpoint::WhatsApp, Egress::direct());
    let (first, _) = file(1);
    for path in ["/v/2.enc", "/v/3.enc"] {
        downloads.renew(&first, path);
        assert_eq!(downloads.path_of(&first), path);
    }
    for _ in 0..MAX_RENEWED {
        downloads.renew(&file(1).0, "/v/4.enc");
    }
    assert_eq!(downloads.path_of(&first), "/v/1.enc");
    assert_eq!(lock(&downloads.renewed).len(), MAX_RENEWED);
}

#[tokio::test]
async fn a_file_that_was_encrypted_in_pieces_is_decrypted_again() {
    for (kind, size) in [
        (MediaKind::Image, 1),
        (MediaKind::Voice, 16),
        (MediaKind::Video, 200_000),
        (MediaKind::Document, 65_536),
        (MediaKind::Sticker, 100),
    ] {
        let mut encryption = Encryption::start(kind).unwrap();
        let mut encrypted = Vec::new();
        for piece in plain(size).chunks(1_009) {
            encryption.update(piece, &mut encrypted);
        }
        let sealing = encryption.finish(&mut encrypted).unwrap();
        let plays = matches!(kind, MediaKind::Voice | MediaKind::Video);
        assert_eq!(sealing.sidecar.is_empty(), !plays, "{kind:?}");
        let mut sent = file(0).0;
        sent.kind = kind;
        sent.bytes = u64::try_from(size).unwrap();
        sent.pointer = sealing.pointer;
        let (verdict, pieces) = decrypted(&sent, &encrypted, u64::MAX).await;
        assert!(verdict.is_ok(), "{kind:?}");
        assert_eq!(pieces.concat(), plain(size), "{kind:?}");
    }
}
