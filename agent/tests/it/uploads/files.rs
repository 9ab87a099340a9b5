//! Files as programs and phones of real life make them, cut down to what matters.

use openclaw_proto::v1 as pb;

use super::{World, document, page, png, send_request, start};
use crate::harness::refusal;

/// As a phone that was held upright writes it: 48 by 32 pixels, to be turned by a quarter. An EXIF segment with a preview
/// that has a size of its own comes first.
fn turned_jpeg() -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02".to_vec();
    exif.extend(b"\x01\x0f\0\x02\0\0\0\x04Cam\0");
    exif.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    exif.extend(b"\0\0\0\0\xff\xd8\xff\xc0\0\x11\x08\0\x01\0\x02\x03\xff\xd9");
    let mut file = b"\xff\xd8\xff\xe1".to_vec();
    file.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    file.extend(exif);
    file.extend(b"\xff\xdb\0\x03\0\xff\xc0\0\x11\x08\0\x20\0\x30\x03");
    file.extend(b"\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xda\0\x02\x55\xff\xd9");
    file
}

fn heic() -> Vec<u8> {
    let mut file = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
    file.extend(b"\0\0\0\x0cmeta\0\0\0\0\0\0\0\x09mdat\x55");
    file
}

/// A sticker of 512 by 512 pixels with two frames, transparent.
fn animated_webp() -> Vec<u8> {
    let mut chunks = b"WEBPVP8X\x0a\0\0\0\x12\0\0\0\xff\x01\0\xff\x01\0".to_vec();
    chunks.extend(b"ANIM\x06\0\0\0\0\0\0\0\0\0");
    for _ in 0..2 {
        chunks.extend(b"ANMF\x10\0\0\0\0\0\0\0\0\0\xff\x01\0\xff\x01\0\x64\0\0\0");
    }
    let mut file = b"RIFF".to_vec();
    file.extend(u32::try_from(chunks.len()).unwrap().to_le_bytes());
    file.extend(chunks);
    file
}

/// Of ffmpeg with libopus: 48 kHz, packets of 20 ms, a page a second, tags with its name; it plays 2.5 seconds.
fn opus_of_ffmpeg() -> Vec<u8> {
    let mut file = page(0, &[b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0"]);
    let tags = b"OpusTags\x0d\0\0\0Lavf61.7.100\0\x01\0\0\0\x14\0\0\0encoder=Lavc61 libopus";
    file.extend(page(0, &[tags]));
    for second in 1..=2 {
        file.extend(page(second * 48_000, &[&[0x78; 120][..]; 50]));
    }
    file.extend(page(120_000 + 312, &[&[0x78; 90][..]; 25]));
    file
}

/// Of a phone: 16 kHz, packets of 60 ms of a variable size, some above 255 bytes, tags that are padded; it plays 4 seconds.
fn opus_of_a_phone() -> Vec<u8> {
    let mut file = page(0, &[b"OpusHead\x01\x01\0\x0f\x80\x3e\0\0\0\0\0"]);
    let mut tags = b"OpusTags\x10\0\0\0WhatsApp Android\0\0\0\0".to_vec();
    tags.resize(700, 0);
    file.extend(page(0, &[&tags]));
    let (loud, soft) = ([0x0b; 300], [0x0b; 12]);
    for turn in 1..=4 {
        let packets: Vec<&[u8]> = (0..17)
            .map(|at| {
                if at % 4 == turn % 4 {
                    &loud[..]
                } else {
                    &soft[..]
                }
            })
            .collect();
        let position = u64::try_from(turn).unwrap() * 17 * 2_880;
        file.extend(page(position, &packets));
    }
    file
}

fn mp4() -> Vec<u8> {
    let mut file = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec();
    file.extend(b"\0\0\0\x08moov\0\0\0\x09mdat\x55");
    file
}

const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";
/// An archive, as every DOCX is.
const DOCX: &[u8] =
    b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml";
const DOCX_TYPE: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

fn named(name: &str, mime_type: &str) -> pb::UploadStart {
    pb::UploadStart {
        mime_type: mime_type.to_owned(),
        file_name: name.to_owned(),
        ..start(pb::MediaKind::Document)
    }
}

#[tokio::test]
async fn pictures_and_sounds_are_described_as_their_files_are() {
    use pb::MediaKind::{Audio, Gif, Image, Sticker, Video, Voice};
    let world = World::linked().await;
    for (kind, file, mime_type, size, seconds) in [
        (Image, turned_jpeg(), "image/jpeg", (32, 48), 0),
        (Image, png(), "image/png", (32, 16), 0),
        (Image, animated_webp(), "image/webp", (512, 512), 0),
        (Sticker, animated_webp(), "image/webp", (512, 512), 0),
        (Voice, opus_of_ffmpeg(), "audio/ogg; codecs=opus", (0, 0), 3),
        (
            Voice,
            opus_of_a_phone(),
            "audio/ogg; codecs=opus",
            (0, 0),
            4,
        ),
        (Audio, opus_of_a_phone(), "audio/mpeg", (0, 0), 0),
        (Video, mp4(), "video/mp4", (0, 0), 0),
        (Gif, mp4(), "video/mp4", (0, 0), 0),
    ] {
        let uploaded = world.upload(start(kind), &file).await.unwrap();
        let media = uploaded.media.unwrap();
        assert_eq!(media.mime_type, mime_type, "{kind:?}");
        assert_eq!((media.width, media.height), size, "{kind:?}");
        let found = media.duration.map_or(0, |duration| duration.seconds);
        assert_eq!(found, seconds, "{kind:?}");
        let sent = world.send_with(send_request(&uploaded.media_id, "")).await;
        world.anna_got(&sent.unwrap().message_id).await;
    }
    world.finish().await;
}

#[tokio::test]
async fn a_document_is_any_file_under_its_own_name() {
    let world = World::linked().await;
    let (heic, one) = (heic(), b"1");
    for (name, mime_type, file) in [
        ("report.pdf", "application/pdf", PDF),
        ("contract.docx", DOCX_TYPE, DOCX),
        ("IMG_0042.HEIC", "image/heic", &heic),
        ("one byte", "application/octet-stream", one),
        (
            "\u{62a}\u{642}\u{631}\u{64a}\u{631} 2026.pdf",
            "application/pdf",
            PDF,
        ),
        ("", "application/pdf", PDF),
    ] {
        let uploaded = world.upload(named(name, mime_type), file).await.unwrap();
        let sent = world.send_with(send_request(&uploaded.media_id, "")).await;
        let got = world.anna_got(&sent.unwrap().message_id).await.message;
        let document = got.document_message.as_option().unwrap();
        assert_eq!(document.file_name.as_deref().unwrap_or_default(), name);
        assert_eq!(document.mimetype.as_deref(), Some(mime_type), "{name}");
        let length = u64::try_from(file.len()).unwrap();
        assert_eq!(document.file_length, Some(length), "{name}");
    }
    world.finish().await;
}

#[tokio::test]
async fn what_clients_of_whatsapp_would_not_show_is_refused() {
    let world = World::linked().await;
    for (start, file, reason) in [
        (start(pb::MediaKind::Image), &heic()[..], "NOT_A_PICTURE"),
        (start(pb::MediaKind::Image), PDF, "NOT_A_PICTURE"),
        (start(pb::MediaKind::Image), b"1", "NOT_A_PICTURE"),
        (start(pb::MediaKind::Image), b"", "EMPTY_FILE"),
        (
            start(pb::MediaKind::Sticker),
            &turned_jpeg(),
            "NOT_A_STICKER",
        ),
        (start(pb::MediaKind::Voice), &mp4(), "NOT_A_VOICE_MESSAGE"),
        (
            named("../a.pdf", "application/pdf"),
            PDF,
            "INVALID_ARGUMENT",
        ),
        (
            named("a\\b.pdf", "application/pdf"),
            PDF,
            "INVALID_ARGUMENT",
        ),
        (
            named("a\nb.pdf", "application/pdf"),
            PDF,
            "INVALID_ARGUMENT",
        ),
        (document(), b"", "EMPTY_FILE"),
    ] {
        let error = world.upload(start, file).await.unwrap_err();
        assert_eq!(refusal(&error).1, reason);
    }
    assert!(world.staged().is_empty());
    world.finish().await;
}
