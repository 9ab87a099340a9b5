//! Downloads.

use openclaw_proto::v1 as pb;
use openclaw_types::{ChatId, Contact, Lid, Media, MessageId, Phone, Seq};
use openclaw_whatsapp::session::{MAX_MEDIA_BYTES, Piece, Whole};
use pb::download_response::Item;
use tonic::Status as GrpcStatus;

use crate::edge::grpc::status::invalid;
use crate::link::{DownloadRequest, MediaOf};

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

    #[test]
    fn no_limit_is_whatsapps_limit() {
        for (given, most) in [(0, MAX_MEDIA_BYTES), (5, 5), (u64::MAX, MAX_MEDIA_BYTES)] {
            let mut request = key("+15550100123", "3EB0", None);
            request.max_bytes = given;
            assert_eq!(download_request(request).unwrap().most, most);
        }
    }
}
