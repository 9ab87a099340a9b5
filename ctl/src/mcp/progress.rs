//! Progress of a download, for a client that has asked for it.

use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use rmcp::{Peer, RoleServer};

use crate::media::whole;

/// A notification for each step of so many bytes.
const STEP_BYTES: u64 = 512 * 1024;

pub(super) struct Progress {
    peer: Peer<RoleServer>,
    token: Option<ProgressToken>,
    reported: u64,
}

impl Progress {
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        Self {
            peer: context.peer.clone(),
            token: context.meta.get_progress_token(),
            reported: 0,
        }
    }
}

impl whole::Progress for Progress {
    /// A failure is ignored: the result follows.
    async fn report(&mut self, bytes: u64, declared: u64) {
        let Some(token) = &self.token else { return };
        if bytes < self.reported.saturating_add(STEP_BYTES) {
            return;
        }
        self.reported = bytes;
        let param = ProgressNotificationParam::new(token.clone(), float(bytes));
        let param = match declared {
            0 => param,
            declared => param.with_total(float(declared.max(bytes))),
        };
        let _ = self.peer.notify_progress(param).await;
    }
}

/// Sizes are below 32 MB here, which a double holds exactly.
fn float(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}
