//! Errors of `MarkRead` and `SetTyping`.

use tonic::{Code, Status};

use super::sending::{not_connected, target};
use super::{denied, with_info};
use crate::link::ChatError;

pub(in crate::edge::grpc) fn chat(error: &ChatError) -> Status {
    match error {
        ChatError::Denied(reason) => denied(reason),
        ChatError::NotConnected(down) => not_connected(down, &error.to_string(), ""),
        ChatError::Target(reason) => target(*reason),
        ChatError::ConnectionLost => with_info(
            Code::Unavailable,
            &error.to_string(),
            "CONNECTION_LOST",
            "call again once the agent is connected: a message may be marked twice",
            [],
        ),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_state::outbox::Down;
    use openclaw_types::LinkState;
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::link::{Denied, TargetError};

    #[test]
    fn every_refusal_has_a_reason_and_a_hint() {
        let state = LinkState::LoggedOut;
        let hint = state.hint().to_owned();
        for (error, reason) in [
            (ChatError::Denied(Denied::NotLinked), "NOT_LINKED"),
            (
                ChatError::NotConnected(Down { state, hint }),
                "NOT_CONNECTED",
            ),
            (ChatError::Target(TargetError::Ours), "OWN_MESSAGE"),
            (ChatError::ConnectionLost, "CONNECTION_LOST"),
        ] {
            let status = chat(&error);
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            assert_eq!(info.reason, reason);
            assert!(!info.metadata["hint"].is_empty(), "{reason}");
        }
    }
}
