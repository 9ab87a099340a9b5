//! Conversions between the generated types and the agent's. Every struct is destructured field by field, so that a new
//! field cannot be forgotten.

mod access;
mod admin;
mod alerts;
mod chat_list;
mod chats;
mod clients;
mod contacts;
#[cfg(test)]
mod corpus;
mod event;
mod groups;
mod history;
mod media;
mod outgoing;
mod page;
mod pair;
mod polls;
mod rollback;
mod send;
mod status;
mod vault;
mod watch;

use std::time::Duration;

use tonic::Status as GrpcStatus;

use super::status::invalid;
use rollback::send_hold;

pub(super) use access::{allowed, diagnose_request, findings, rules, who};
pub(super) use admin::{
    backup_piece, backup_start, restore_chunk, restore_start, restored, sealing_secret,
};
pub(super) use alerts::{alerts, tested};
pub(super) use chat_list::{ChatListRequest, ListedChat, chat, chats_token, list_chats_request};
pub(super) use chats::{activity, mark_read_request, set_typing_request};
pub(super) use clients::{caller, client, clients, invite_request, invited, tls};
pub(super) use contacts::{
    contact_info, contact_request, looked_up, lookup_request, picture_chunk, picture_request,
    picture_start,
};
pub(super) use event::{event, identity};
pub(super) use groups::{
    created, group_id, group_picture, group_settings, groups, invite_code, join_decision,
    join_requests, new_group, participant_change, results,
};
pub(super) use history::{fetch_history_request, history_key};
pub(super) use media::{
    download_end, download_piece, download_request, download_start, upload_part, upload_start,
    uploaded,
};
pub(super) use page::{Page, page};
pub(super) use pair::{answer_passkey_request, confirm_passkey_request, frame, pair_request};
pub(super) use polls::{poll_results, poll_results_request};
pub(super) use rollback::{
    decision, report_store_request, report_store_response, rollback_resolved, store_seen,
};
pub(super) use send::{cancel_request, cancelled, queue, send_request, send_response};
pub(super) use status::{resume_request, resumed, status};
pub(super) use watch::{
    ListRequest, WatchRequest, consumer, consumers, list_request, page_token, watch_request,
};

/// A duration that is not positive or too long.
#[derive(Debug, thiserror::Error)]
#[error("must be above zero and at most {} s", .0.as_secs())]
struct BadDuration(Duration);

/// An enum value that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown value {0}")]
struct UnknownValue(i32);

fn duration(
    field: &str,
    given: Option<prost_types::Duration>,
    default: Duration,
    longest: Duration,
) -> Result<Duration, GrpcStatus> {
    let Some(given) = given else {
        return Ok(default);
    };
    // Checked here: prost's conversion overflows on the most negative values.
    let prost_types::Duration { seconds, nanos } = given;
    let duration = match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos @ 0..1_000_000_000)) => Duration::new(seconds, nanos),
        _ => Duration::ZERO,
    };
    if duration.is_zero() || duration > longest {
        return Err(invalid(field, &BadDuration(longest)));
    }
    Ok(duration)
}

pub(super) fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
