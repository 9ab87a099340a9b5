//! Backups and secrets.

use openclaw_proto::v1 as pb;
use openclaw_vault::{BadSecret, Key32, Secret, Weakness};
use openclaw_whatsapp::store::DroppedRecords;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;
use zeroize::Zeroizing;

use crate::edge::grpc::status::invalid;
use crate::link::{Piece, Restored, Start, Tokens};

/// A required field is missing.
#[derive(Debug, thiserror::Error)]
#[error("is missing")]
struct Missing;

/// A start frame that is not the first frame.
#[derive(Debug, thiserror::Error)]
#[error("must be the first frame, and sent once")]
struct OutOfTurn;

fn secret(secret: Option<pb::Secret>) -> Result<Secret, GrpcStatus> {
    use pb::secret::Form as Wire;
    let read = match secret.and_then(|secret| secret.form) {
        None => return Err(invalid("secret", &Missing)),
        Some(Wire::Passphrase(words)) => Secret::parse_passphrase(&Zeroizing::new(words)),
        Some(Wire::Key(key)) => raw(&Zeroizing::new(key)),
    };
    read.map_err(|error| invalid("secret", &error))
}

/// The same, for sealing something new: a passphrase must be strong enough.
pub(in crate::edge::grpc) fn sealing_secret(
    given: Option<pb::Secret>,
) -> Result<Secret, GrpcStatus> {
    let secret = secret(given)?;
    match secret.weakness() {
        Some(weakness) => Err(invalid("secret", &WeakPassphrase(weakness))),
        None => Ok(secret),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the passphrase {0}")]
struct WeakPassphrase(Weakness);

fn raw(key: &[u8]) -> Result<Secret, BadSecret> {
    let mut bytes: [u8; 32] = key.try_into().map_err(|_| BadSecret::NotAKey)?;
    if bytes.iter().all(|byte| *byte == bytes[0]) {
        return Err(BadSecret::NotRandom);
    }
    Ok(Secret::Raw(Key32::take(&mut bytes)))
}

pub(in crate::edge::grpc) fn backup_start(start: Start) -> pb::BackupResponse {
    let Start {
        store,
        generation,
        records,
        bytes,
        created_at,
    } = start;
    backup_frame(pb::backup_response::Frame::Start(pb::BackupStart {
        store_id: store.to_vec(),
        generation,
        records,
        estimated_size_bytes: bytes,
        created_at: Some(Timestamp::from(created_at)),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    }))
}

pub(in crate::edge::grpc) fn backup_piece(piece: Piece) -> pb::BackupResponse {
    use pb::backup_response::Frame;
    backup_frame(match piece {
        Piece::Bytes(bytes) => Frame::Chunk(bytes),
        Piece::End { records, bytes } => Frame::End(pb::BackupEnd {
            records,
            size_bytes: bytes,
        }),
    })
}

fn backup_frame(frame: pb::backup_response::Frame) -> pb::BackupResponse {
    pb::BackupResponse { frame: Some(frame) }
}

/// The first frame.
pub(in crate::edge::grpc) fn restore_start(
    request: Option<pb::RestoreRequest>,
) -> Result<Secret, GrpcStatus> {
    use pb::restore_request::Frame;
    match request.and_then(|request| request.frame) {
        Some(Frame::Start(pb::RestoreStart { secret: given })) => secret(given),
        Some(Frame::Chunk(_)) => Err(invalid("start", &OutOfTurn)),
        None => Err(invalid("start", &Missing)),
    }
}

/// Every later frame.
pub(in crate::edge::grpc) fn restore_chunk(
    request: pb::RestoreRequest,
) -> Result<Vec<u8>, GrpcStatus> {
    use pb::restore_request::Frame;
    match request.frame {
        Some(Frame::Chunk(bytes)) => Ok(bytes),
        Some(Frame::Start(_)) => Err(invalid("start", &OutOfTurn)),
        None => Err(invalid("chunk", &Missing)),
    }
}

pub(in crate::edge::grpc) fn restored(restored: Restored) -> pb::RestoreResponse {
    let Restored {
        phone,
        kept,
        dropped,
        tokens:
            Tokens {
                known_until,
                kept: tokens_kept,
                waiting,
            },
    } = restored;
    let DroppedRecords {
        sessions,
        sender_keys,
        others,
    } = dropped;
    pb::RestoreResponse {
        phone: phone.e164(),
        records_kept: kept,
        sessions_dropped: sessions,
        sender_keys_dropped: sender_keys,
        others_dropped: others,
        tokens_known_until: Some(Timestamp::from(known_until)),
        tokens_kept,
        waiting_dropped: waiting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(form: pb::secret::Form) -> Option<pb::Secret> {
        Some(pb::Secret { form: Some(form) })
    }

    #[test]
    fn a_secret_is_a_passphrase_or_32_bytes() {
        use pb::secret::Form as Wire;
        let mut key: Vec<u8> = (0..32).collect();
        assert!(matches!(
            secret(wire(Wire::Key(key.clone()))),
            Ok(Secret::Raw(_))
        ));
        let words = "some fine words".to_owned();
        assert!(matches!(
            secret(wire(Wire::Passphrase(words))),
            Ok(Secret::Passphrase(_))
        ));
        key.pop();
        for bad in [
            None,
            Some(pb::Secret::default()),
            wire(Wire::Key(key)),
            wire(Wire::Key(vec![7; 32])),
            wire(Wire::Passphrase(String::new())),
            wire(Wire::Passphrase("x".repeat(2000))),
        ] {
            let refused = secret(bad).err().map(|status| status.code());
            assert_eq!(refused, Some(tonic::Code::InvalidArgument));
        }
    }

    #[test]
    fn the_start_comes_first_and_once() {
        use pb::restore_request::Frame;
        let chunk = || pb::RestoreRequest {
            frame: Some(Frame::Chunk(vec![1])),
        };
        let start = || pb::RestoreRequest {
            frame: Some(Frame::Start(pb::RestoreStart {
                secret: wire(pb::secret::Form::Passphrase("some fine words".into())),
            })),
        };
        assert!(restore_start(Some(start())).is_ok());
        assert!(restore_start(Some(chunk())).is_err());
        assert!(restore_start(None).is_err());
        assert_eq!(restore_chunk(chunk()).ok(), Some(vec![1]));
        assert!(restore_chunk(start()).is_err());
        assert!(restore_chunk(pb::RestoreRequest::default()).is_err());
    }
}
