//! `rollback`: resolves a rollback of the agent's store, so that the agent sends again.

use openclaw_proto::Word as _;
use openclaw_proto::v1::{
    ResolveRollbackRequest, ResolveRollbackResponse, RollbackDecision, StatusRequest,
};
use serde::Serialize;

use super::check::RollbackCheck;
use crate::address::Address;
use crate::cli::RollbackCommand;
use crate::failure::{Exit, Failure};
use crate::render::size::count;
use crate::{client, console};

/// The same text as for `restore`, but without the date of the copy, which the agent does not know.
const TOKENS: &str = "Tokens:   those used after that copy of the volume was made are unknown: a message sent later with one of them is sent again";

#[derive(Serialize)]
struct Json {
    decision: &'static str,
    #[serde(flatten)]
    resolved: ResolveRollbackResponse,
}

/// Has the agent resume sending, and records the store's state as current on this client.
pub(crate) async fn run(
    address: &Address,
    command: &RollbackCommand,
    json: bool,
) -> Result<Exit, Failure> {
    let decision = match command {
        RollbackCommand::Accept => RollbackDecision::Accept,
        RollbackCommand::Renew => RollbackDecision::Renew,
    };
    let (mut admin, mut agent) = client::admin(address).await?;
    let mut rollback_check = RollbackCheck::new(json);
    // Includes the state that this client has seen, so that its next report does not hold sends again.
    rollback_check.look(&mut agent).await;
    let request = ResolveRollbackRequest {
        decision: decision.into(),
    };
    let resolved = client::answer(address, admin.resolve_rollback(request)).await?;
    let ResolveRollbackResponse {
        sessions_dropped,
        sender_keys_dropped,
    } = resolved;
    if json {
        console::report_json(&Json {
            decision: decision.word(),
            resolved,
        });
    } else {
        console::report(&match decision {
            RollbackDecision::Renew => format!(
                "Renewed: {} and {} were discarded; they are created again as needed; sends continue",
                count(sessions_dropped, "session"),
                count(sender_keys_dropped, "sender key")
            ),
            _ => "Accepted: continuing with the store as it is; sends continue".to_owned(),
        });
        console::report(TOKENS);
    }
    let status = client::answer(address, agent.status(StatusRequest {})).await;
    let remembered = status.and_then(|status| rollback_check.accept(&status));
    if let Err(failure) = remembered {
        console::note(&format!(
            "warning: this client still considers the store rolled back: {failure}"
        ));
    }
    Ok(Exit::Done)
}
