//! Alerts, and the status of alerting.

use openclaw_proto::v1 as pb;
use prost_types::{Duration, Timestamp};
use tonic::Status;

use super::page;

use openclaw_state::alerts::{Alert, Board, State, Tested};

pub(in crate::edge::grpc) fn alerts(
    request: &pb::ListAlertsRequest,
    board: Board,
) -> Result<pb::ListAlertsResponse, Status> {
    let pb::ListAlertsRequest {
        page_size,
        page_token,
    } = request;
    let status = Some(alerts_status(&board));
    let page = page(board.alerts, *page_size, page_token, |it| it.number)?;
    Ok(pb::ListAlertsResponse {
        alerts: page.items.into_iter().map(alert).collect(),
        status,
        next_page_token: page.next,
    })
}

pub(super) fn alerts_status(board: &Board) -> pb::AlertsStatus {
    let Board {
        host,
        waiting,
        last_delivered_at,
        last_error,
        counts: _,
        alerts: _,
    } = board;
    let (last_error, last_error_at) = last_error.clone().unzip();
    pb::AlertsStatus {
        host: host.clone().unwrap_or_default(),
        waiting: u32::try_from(*waiting).unwrap_or(u32::MAX),
        last_delivered_at: last_delivered_at.map(Timestamp::from),
        last_error: last_error.unwrap_or_default(),
        last_error_at: last_error_at.map(Timestamp::from),
    }
}

fn alert(alert: Alert) -> pb::Alert {
    let Alert {
        number: _,
        id,
        kind,
        raised_at,
        state,
        attempts,
        error,
    } = alert;
    let (state, next, finished) = match state {
        State::Waiting(at) => (pb::AlertState::Waiting, Some(at), None),
        State::Delivered(at) => (pb::AlertState::Delivered, None, Some(at)),
        State::GivenUp(at) => (pb::AlertState::GivenUp, None, Some(at)),
    };
    pb::Alert {
        id,
        alert_type: kind,
        raised_at: Some(Timestamp::from(raised_at)),
        state: state.into(),
        attempts,
        next_attempt_at: next.map(Timestamp::from),
        finished_at: finished.map(Timestamp::from),
        last_error: error,
    }
}

pub(in crate::edge::grpc) fn tested(tested: Tested) -> pb::TestAlertResponse {
    let Tested {
        id,
        host,
        status,
        took,
        error,
    } = tested;
    pb::TestAlertResponse {
        delivered: error.is_none(),
        host,
        status: status.map(u32::from).unwrap_or_default(),
        // Saturates: no attempt takes that long.
        took: Duration::try_from(took).ok(),
        error: error.unwrap_or_default(),
        id,
    }
}
