//! Downloads and uploads.

use openclaw_proto::v1 as pb;
use openclaw_state::clock;
use openclaw_state::uploads::NewUpload;
use openclaw_types::{ChatId, Contact, Lid, Media, MediaKind, MessageId, Phone, Seq};
use openclaw_whatsapp::session::{MAX_MEDIA_BYTES, Piece, Whole};
use pb::download_response::Item;
use pb::upload_request::Item as UploadItem;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use crate::edge::grpc::status::{invalid, unsupported};
use crate::link::{DownloadRequest, MediaOf, UploadPart, Uploaded};

/// The largest piece of an upload.
const MAX_CHUNK_BYTES: usize = 64 * 1024;
const MAX_THUMBNAIL_BYTES: usize = 64 * 1024;
const MAX_MIME_BYTES: usize = 128;
const MAX_FILE_NAME_CHARS: usize = 255;

/// A required field is missing.
#[derive(Debug, thiserror::Error)]
#[error("is missing")]
struct Missing;

/// A contact without a number and a LID.
#[derive(Debug, thiserror::Error)]
#[error("needs a phone number or a LID; leave it out for a message of the account itself")]
struct NoOne;

#[derive(Debug, thiserror::Error)]
#[error("is not a LID (\"…@lid\")")]
struct NotALid;

/// What is wrong with a field.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrong(&'static str);

fn wrong(field: &str, why: &'static str) -> GrpcStatus {
    invalid(field, &Wrong(why))
}

/// The first item of an upload; `None` is a stream without any.
pub(in crate::edge::grpc) fn upload_start(
    request: Option<pb::UploadRequest>,
) -> Result<NewUpload, GrpcStatus> {
    let Some(UploadItem::Start(start)) = request.and_then(|request| request.item) else {
        return Err(wrong("start", "is missing: it must be the first item"));
    };
    let kind = upload_kind(start.kind())?;
    let pb::UploadStart {
        kind: _,
        mime_type,
        file_name,
        size_bytes,
        width,
        height,
        duration,
        thumbnail,
    } = start;
    let is_mime = mime_type.len() <= MAX_MIME_BYTES
        && mime_type.contains('/')
        && mime_type
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !mime_type.is_empty() && !is_mime {
        return Err(wrong("start.mime_type", "must be like \"image/jpeg\""));
    }
    if kind == MediaKind::Document && mime_type.is_empty() {
        return Err(wrong("start.mime_type", "is missing: a document needs one"));
    }
    let is_name = !file_name.contains(['/', '\\']) && !file_name.contains(char::is_control);
    if !is_name || file_name.chars().count() > MAX_FILE_NAME_CHARS {
        return Err(wrong(
            "start.file_name",
            "must be a name without folders, of at most 255 characters",
        ));
    }
    if thumbnail.len() > MAX_THUMBNAIL_BYTES || !is_jpeg(&thumbnail) {
        return Err(wrong(
            "start.thumbnail",
            "must be a JPEG of at most 64 KiB, or empty",
        ));
    }
    let seconds = duration.map_or(0, |duration| duration.seconds);
    let seconds = u32::try_from(seconds)
        .map_err(|_| wrong("start.duration", "must not be negative, or very long"))?;
    let media = Media {
        kind,
        mime_type,
        file_name,
        bytes: size_bytes,
        seconds,
        pixels: (width, height),
        ..Media::default()
    };
    Ok(NewUpload { media, thumbnail })
}

fn is_jpeg(thumbnail: &[u8]) -> bool {
    thumbnail.is_empty() || thumbnail.starts_with(b"\xff\xd8\xff")
}

fn upload_kind(kind: pb::MediaKind) -> Result<MediaKind, GrpcStatus> {
    Ok(match kind {
        pb::MediaKind::Image => MediaKind::Image,
        pb::MediaKind::Video => MediaKind::Video,
        pb::MediaKind::Audio => MediaKind::Audio,
        pb::MediaKind::Voice => MediaKind::Voice,
        pb::MediaKind::Document => MediaKind::Document,
        pb::MediaKind::Sticker => MediaKind::Sticker,
        pb::MediaKind::Gif => MediaKind::Gif,
        pb::MediaKind::VideoNote => return Err(unsupported("start.kind")),
        pb::MediaKind::Unspecified => {
            return Err(wrong("start.kind", "must be one that this version knows"));
        }
    })
}

/// A later item of an upload.
pub(in crate::edge::grpc) fn upload_part(
    request: pb::UploadRequest,
) -> Result<UploadPart, GrpcStatus> {
    match request.item {
        Some(UploadItem::Chunk(bytes)) if bytes.len() <= MAX_CHUNK_BYTES => {
            Ok(UploadPart::Bytes(bytes))
        }
        Some(UploadItem::Chunk(_)) => Err(wrong("chunk", "must have at most 64 KiB")),
        Some(UploadItem::Start(_)) => Err(wrong("start", "may only be the first item")),
        None => Err(wrong("item", "is missing")),
    }
}

pub(in crate::edge::grpc) fn uploaded(uploaded: Uploaded) -> pb::UploadResponse {
    let Uploaded {
        id,
        upload,
        expires_at,
    } = uploaded;
    let mut media = upload.media;
    let pointer = media.pointer.take().unwrap_or_default();
    pb::UploadResponse {
        media_id: id.into(),
        sha256: pointer.sha256,
        media: Some(openclaw_proto::convert::media(media)),
        expires_at: Some(Timestamp::from(clock::shown(expires_at))),
    }
}

pub(in crate::edge::grpc) fn download_request(
    request: pb::DownloadRequest,
) -> Result<DownloadRequest, GrpcStatus> {
    let pb::DownloadRequest {
        message,
        quoted,
        max_bytes,
    } = request;
    let by = message.and_then(|message| message.by);
    let by = by.ok_or_else(|| invalid("message", &Missing))?;
    Ok(DownloadRequest {
        message: match by {
            pb::message_ref::By::Seq(seq) => MediaOf::Seq(Seq(seq)),
            pb::message_ref::By::Key(key) => key_of(key)?,
        },
        quoted,
        most: match max_bytes {
            0 => MAX_MEDIA_BYTES,
            most => most.min(MAX_MEDIA_BYTES),
        },
    })
}

fn key_of(key: pb::MessageKey) -> Result<MediaOf, GrpcStatus> {
    let pb::MessageKey { chat, id, sender } = key;
    let chat: Result<ChatId, _> = chat.parse();
    if id.is_empty() {
        return Err(invalid("message.key.id", &Missing));
    }
    Ok(MediaOf::Key {
        chat: chat.map_err(|error| invalid("message.key.chat", &error))?,
        id: MessageId::new(&id),
        sender: sender.map(author).transpose()?,
    })
}

fn author(sender: pb::Contact) -> Result<Contact, GrpcStatus> {
    let pb::Contact { phone, lid } = sender;
    let given = |text: &str| !text.is_empty();
    let phone = given(&phone).then(|| phone.parse::<Phone>()).transpose();
    let phone = phone.map_err(|error| invalid("message.key.sender.phone", &error))?;
    let lid = match given(&lid) {
        true => Some(
            Contact::of_jid(&lid)
                .lid
                .ok_or_else(|| invalid("message.key.sender.lid", &NotALid))?,
        ),
        false => None::<Lid>,
    };
    match (&phone, &lid) {
        (None, None) => Err(invalid("message.key.sender", &NoOne)),
        _ => Ok(Contact { phone, lid }),
    }
}

pub(in crate::edge::grpc) fn download_start(
    Seq(seq): Seq,
    message: MessageId,
    media: Media,
) -> pb::DownloadResponse {
    item(Item::Start(pb::DownloadStart {
        seq,
        message_id: message.into(),
        media: Some(openclaw_proto::convert::media(media)),
    }))
}

pub(in crate::edge::grpc) fn download_piece(piece: Piece) -> pb::DownloadResponse {
    item(match piece {
        Piece::Chunk(bytes) => Item::Chunk(bytes),
        Piece::Restart => Item::Restart(pb::DownloadRestart {}),
    })
}

pub(in crate::edge::grpc) fn download_end(whole: Whole) -> pb::DownloadResponse {
    let Whole { sha256, bytes } = whole;
    item(Item::End(pb::DownloadEnd {
        sha256: sha256.to_vec(),
        size_bytes: bytes,
    }))
}

const fn item(item: Item) -> pb::DownloadResponse {
    pb::DownloadResponse { item: Some(item) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(chat: &str, id: &str, sender: Option<(&str, &str)>) -> pb::DownloadRequest {
        let sender = sender.map(|(phone, lid)| pb::Contact {
            phone: phone.into(),
            lid: lid.into(),
        });
        let key = pb::MessageKey {
            chat: chat.into(),
            id: id.into(),
            sender,
        };
        pb::DownloadRequest {
            message: Some(pb::MessageRef {
                by: Some(pb::message_ref::By::Key(key)),
            }),
            ..Default::default()
        }
    }

    #[test]
    fn a_key_is_read_strictly() {
        assert!(download_request(pb::DownloadRequest::default()).is_err());
        let (group, anna) = ("120363000000000001@g.us", "+15550100123");
        for good in [
            key(anna, "3EB0", None),
            key(group, "3EB0", Some((anna, ""))),
            key(group, "3EB0", Some(("", "100000000000001@lid"))),
        ] {
            assert!(download_request(good).is_ok());
        }
        for bad in [
            key("", "3EB0", None),
            key(group, "", None),
            key(group, "3EB0", Some(("", ""))),
            key(group, "3EB0", Some(("", "1@g.us"))),
            key(group, "3EB0", Some(("12", ""))),
        ] {
            assert!(download_request(bad).is_err());
        }
    }

    fn start(change: impl FnOnce(&mut pb::UploadStart)) -> Result<NewUpload, GrpcStatus> {
        let mut start = pb::UploadStart {
            kind: pb::MediaKind::Image.into(),
            ..Default::default()
        };
        change(&mut start);
        let item = Some(UploadItem::Start(start));
        upload_start(Some(pb::UploadRequest { item }))
    }

    #[test]
    fn an_upload_begins_with_what_the_file_is() {
        assert_eq!(start(|_| {}).unwrap().media.kind, MediaKind::Image);
        let jpeg = |start: &mut pb::UploadStart| start.thumbnail = b"\xff\xd8\xff".to_vec();
        assert!(start(jpeg).is_ok());
        assert!(upload_start(None).is_err());
        type Change = fn(&mut pb::UploadStart);
        let cases: [(&str, Change); 8] = [
            ("start.kind", |it| it.kind = 0),
            ("start.kind", |it| it.kind = pb::MediaKind::VideoNote.into()),
            ("start.mime_type", |it| {
                it.kind = pb::MediaKind::Document.into();
            }),
            ("start.mime_type", |it| it.mime_type = "image".into()),
            ("start.mime_type", |it| it.mime_type = "image/\n".into()),
            ("start.file_name", |it| it.file_name = "../passwd".into()),
            ("start.thumbnail", |it| it.thumbnail = b"GIF89a".to_vec()),
            ("start.thumbnail", |it| it.thumbnail = vec![0xff; 65_537]),
        ];
        for (field, change) in cases {
            let status = start(change).unwrap_err();
            assert!(status.message().starts_with(field), "{}", status.message());
        }
    }

    #[test]
    fn a_chunk_has_at_most_64_kib() {
        let part = |item| upload_part(pb::UploadRequest { item });
        assert!(part(Some(UploadItem::Chunk(vec![0; 65_536]))).is_ok());
        assert!(part(Some(UploadItem::Chunk(vec![0; 65_537]))).is_err());
        assert!(part(Some(UploadItem::Start(pb::UploadStart::default()))).is_err());
        assert!(part(None).is_err());
    }

    #[test]
    fn no_limit_is_whatsapps_limit() {
        for (given, most) in [(0, MAX_MEDIA_BYTES), (5, 5), (u64::MAX, MAX_MEDIA_BYTES)] {
            let mut request = key("+15550100123", "3EB0", None);
            request.max_bytes = given;
            assert_eq!(download_request(request).unwrap().most, most);
        }
    }
}
