//! Files as programs and phones of real life make them.

use openclaw_proto::v1 as pb;

use super::{World, document, send_request, start};
use crate::harness::{refusal, sample};

const ARABIC: &str = "\u{62a}\u{642}\u{631}\u{64a}\u{631} 2026.pdf";
const DOCX_TYPE: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const VOICE_TYPE: &str = "audio/ogg; codecs=opus";

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
    for (kind, name, mime_type, size, seconds) in [
        (Image, "still.jpg", "image/jpeg", (160, 120), 0),
        (Image, "turned.jpg", "image/jpeg", (120, 160), 0),
        (Image, "still.webp", "image/webp", (512, 512), 0),
        (Image, "animated.webp", "image/webp", (512, 512), 0),
        (Sticker, "still.webp", "image/webp", (512, 512), 0),
        (Sticker, "animated.webp", "image/webp", (512, 512), 0),
        (Voice, "voice-ffmpeg.ogg", VOICE_TYPE, (0, 0), 2),
        (Voice, "voice-phone.ogg", VOICE_TYPE, (0, 0), 4),
        (Audio, "sound.mp3", "audio/mpeg", (0, 0), 0),
        (Video, "camera.mp4", "video/mp4", (0, 0), 0),
        (Video, "faststart.mp4", "video/mp4", (0, 0), 0),
        (Gif, "gif.mp4", "video/mp4", (0, 0), 0),
    ] {
        let uploaded = world.upload(start(kind), &sample(name)).await.unwrap();
        let media = uploaded.media.unwrap();
        assert_eq!(media.mime_type, mime_type, "{name}");
        assert_eq!((media.width, media.height), size, "{name}");
        let found = media.duration.map_or(0, |duration| duration.seconds);
        assert_eq!(found, seconds, "{name}");
        let sent = world.send_with(send_request(&uploaded.media_id, "")).await;
        let got = world.anna_got(&sent.unwrap().message_id).await.message;
        if kind == Voice {
            let audio = got.audio_message.as_option().unwrap();
            let bars = audio.waveform.as_ref().unwrap();
            assert_eq!(bars.len(), 64, "{name}");
            // Speech has pauses.
            let (least, most) = (bars.iter().min(), bars.iter().max());
            assert_eq!((least, most), (Some(&0), Some(&100)), "{name}");
        }
        if let Some(sticker) = got.sticker_message.as_option() {
            assert_eq!(sticker.is_animated, Some(name == "animated.webp"));
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn a_document_is_any_file_under_its_own_name() {
    let world = World::linked().await;
    for (name, mime_type, file) in [
        ("report.pdf", "application/pdf", "report.pdf"),
        ("contract.docx", DOCX_TYPE, "contract.docx"),
        ("IMG_0042.HEIC", "image/heic", "photo.heic"),
        ("one byte", "application/octet-stream", "one-byte"),
        (ARABIC, "application/pdf", "report.pdf"),
        ("", "application/pdf", "report.pdf"),
    ] {
        let file = sample(file);
        let uploaded = world.upload(named(name, mime_type), &file).await.unwrap();
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
    use pb::MediaKind::{Image, Sticker, Voice};
    let world = World::linked().await;
    let pdf = |name| named(name, "application/pdf");
    for (start, file, reason) in [
        (start(Image), "photo.heic", "NOT_A_PICTURE"),
        (start(Image), "report.pdf", "NOT_A_PICTURE"),
        (start(Image), "one-byte", "NOT_A_PICTURE"),
        (start(Image), "empty", "EMPTY_FILE"),
        (start(Sticker), "turned.jpg", "NOT_A_STICKER"),
        (start(Voice), "camera.mp4", "NOT_A_VOICE_MESSAGE"),
        (start(Voice), "vorbis.ogg", "NOT_A_VOICE_MESSAGE"),
        (start(Voice), "mp3.ogg", "NOT_A_VOICE_MESSAGE"),
        (pdf("../a.pdf"), "report.pdf", "INVALID_ARGUMENT"),
        (pdf("a\\b.pdf"), "report.pdf", "INVALID_ARGUMENT"),
        (pdf("a\nb.pdf"), "report.pdf", "INVALID_ARGUMENT"),
        (document(), "empty", "EMPTY_FILE"),
    ] {
        let error = world.upload(start, &sample(file)).await.unwrap_err();
        assert_eq!(refusal(&error).1, reason, "{file}");
    }
    assert!(world.staged().is_empty());
    world.finish().await;
}
