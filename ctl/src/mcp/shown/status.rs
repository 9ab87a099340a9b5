//! The state of the agent.

use openclaw_proto::v1::{
    Caller, LinkReason, LinkState, LinkStatus, RecipientLimit, Role, StatusResponse,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::person::{known, time};
use crate::mcp::untrusted::id;
use crate::text::one_line;

/// The state of the agent, and what this server may do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StatusShown {
    /// The link to WhatsApp: unlinked, linking, connecting, connected, backing_off, logged_out, replaced, banned, outdated.
    state: Option<String>,
    /// Since when.
    since: Option<String>,
    /// The account's number.
    account: Option<String>,
    /// Why the link is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The next step, for the operator.
    #[serde(skip_serializing_if = "String::is_empty")]
    hint: String,
    /// True while WhatsApp restricts the account: it can answer existing chats, and not start new ones.
    restricted: bool,
    /// True while the agent holds every send.
    sends_held: bool,
    /// The agent's name.
    agent: String,
    /// The agent's version.
    version: String,
    /// Messages are those of the events from this seq …
    oldest_seq: u64,
    /// … to this one.
    newest_seq: u64,
    /// What the assistant may do.
    access: Access,
}

/// What the assistant may do.
#[derive(Debug, Serialize, JsonSchema)]
struct Access {
    /// The role of this client at the agent: reader, sender, operator, admin.
    role: Option<String>,
    /// True if this server offers the tools that send.
    allow_send: bool,
    /// To whom the agent lets this client send; null: to everyone.
    agent_send_to: Option<Vec<String>>,
    /// To whom this server sends; null: no limit of its own.
    server_send_to: Option<Vec<String>>,
}

impl StatusShown {
    pub(crate) fn new(
        status: &StatusResponse,
        allow_send: bool,
        server_send_to: Option<&[String]>,
    ) -> Self {
        let link = status.link.clone().unwrap_or_default();
        let LinkStatus {
            state,
            since,
            phone,
            reason,
            hint,
            restriction,
            ..
        } = link;
        let agent = status.agent.as_ref().map(|agent| agent.name.as_str());
        let build = status.build.as_ref().map(|build| build.version.as_str());
        let events = status.events.unwrap_or_default();
        let caller = status.caller.as_ref();
        Self {
            state: known::<LinkState>(state),
            since: time(since),
            account: id(&phone),
            reason: known::<LinkReason>(reason),
            hint: one_line(&hint),
            restricted: restriction.is_some(),
            sends_held: status.hold.is_some(),
            agent: one_line(agent.unwrap_or_default()),
            version: one_line(build.unwrap_or_default()),
            oldest_seq: events.oldest,
            newest_seq: events.head,
            access: Access {
                role: caller.and_then(|caller| known::<Role>(caller.role)),
                allow_send,
                agent_send_to: caller.and_then(agent_send_to),
                server_send_to: server_send_to.map(<[String]>::to_vec),
            },
        }
    }
}

fn agent_send_to(caller: &Caller) -> Option<Vec<String>> {
    let RecipientLimit { known, recipients } = caller.send_to.as_ref()?;
    let known = known.then(|| "known".to_owned());
    let recipients = recipients.iter().map(|to| one_line(to));
    Some(known.into_iter().chain(recipients).collect())
}
