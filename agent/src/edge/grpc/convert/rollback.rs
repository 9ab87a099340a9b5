//! A rolled back store: the events that a client has seen, and the hold on sending.

use openclaw_proto::v1 as pb;
use openclaw_state::outbox::Hold;
use openclaw_vault::Epoch;
use openclaw_whatsapp::store::DroppedRecords;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::UnknownValue;
use crate::edge::grpc::status::{self, invalid};
use crate::link::{Decision, Held, StoreSeen};

/// A required field is missing.
#[derive(Debug, thiserror::Error)]
#[error("is missing")]
struct Missing;

/// A store id of the wrong length.
#[derive(Debug, thiserror::Error)]
#[error("a store's id is 16 bytes")]
struct BadStoreId;

pub(in crate::edge::grpc) fn store_seen(
    seen: Option<pb::StoreSeen>,
) -> Result<Option<StoreSeen>, GrpcStatus> {
    let Some(pb::StoreSeen {
        store_id,
        generation,
        id,
        commits,
    }) = seen
    else {
        return Ok(None);
    };
    let store = <[u8; 16]>::try_from(store_id).map_err(|_| invalid("seen", &BadStoreId))?;
    Ok(Some(StoreSeen {
        store,
        epoch: Epoch {
            generation,
            id,
            commits,
        },
    }))
}

pub(in crate::edge::grpc) fn report_store_request(
    request: pb::ReportStoreRequest,
) -> Result<StoreSeen, GrpcStatus> {
    store_seen(request.seen)?.ok_or_else(|| invalid("seen", &Missing))
}

pub(in crate::edge::grpc) fn report_store_response(hold: Option<Held>) -> pb::ReportStoreResponse {
    pb::ReportStoreResponse {
        hold: hold.map(send_hold),
    }
}

pub(super) fn send_hold(held: Held) -> pb::SendHold {
    let Held {
        hold: Hold {
            since,
            seen,
            generation,
        },
        store,
        queued,
    } = held;
    pb::SendHold {
        since: Some(Timestamp::from(since)),
        seen: Some(pb::StoreSeen {
            store_id: store.to_vec(),
            generation: seen.generation,
            id: seen.id,
            commits: seen.commits,
        }),
        generation,
        queued: u32::try_from(queued).unwrap_or(u32::MAX),
        hint: status::ROLLED_BACK.to_owned(),
    }
}

pub(in crate::edge::grpc) fn decision(
    request: &pb::ResolveRollbackRequest,
) -> Result<Decision, GrpcStatus> {
    match request.decision() {
        pb::RollbackDecision::Accept => Ok(Decision::Accept),
        pb::RollbackDecision::Renew => Ok(Decision::Renew),
        pb::RollbackDecision::Unspecified => {
            Err(invalid("decision", &UnknownValue(request.decision)))
        }
    }
}

pub(in crate::edge::grpc) fn rollback_resolved(
    dropped: DroppedRecords,
) -> pb::ResolveRollbackResponse {
    pb::ResolveRollbackResponse {
        sessions_dropped: dropped.sessions,
        sender_keys_dropped: dropped.sender_keys,
    }
}
