//! The caller's identity and rights, and the agent's key.

use openclaw_proto::v1::{Caller, RecipientLimit, Role, Tls, Transport};

use super::word::word;
use crate::numbers::Numbers;
use crate::text::one_line;

/// `laptop (admin)`, or the transport of a client without a name.
pub(super) fn caller(caller: &Caller) -> String {
    let Caller {
        name,
        role,
        fingerprint: _,
        transport,
        send_to,
    } = caller;
    let role = match role {
        0 => String::new(),
        role => format!(" ({})", self::role(*role)),
    };
    let who = match (name.as_str(), caller.transport()) {
        ("", Transport::Unix) => "local, over the unix socket".to_owned(),
        ("", Transport::Loopback) => "local, in plain text".to_owned(),
        ("", _) => word::<Transport>(*transport).to_owned(),
        (name, _) => one_line(name),
    };
    let limit = send_to.as_ref().map_or_else(String::new, limit);
    format!("{who}{role}{limit}")
}

/// A role in one word.
pub(crate) fn role(role: i32) -> &'static str {
    word::<Role>(role)
}

/// `, sends to known chats, +15550100123 only`
pub(crate) fn limit(limit: &RecipientLimit) -> String {
    let RecipientLimit { known, recipients } = limit;
    let mut to: Vec<String> = recipients
        .iter()
        .map(|to| Numbers::chosen().show_to(to))
        .collect();
    if *known {
        to.insert(0, "known chats".to_owned());
    }
    match to.is_empty() {
        true => ", sends to no one".to_owned(),
        false => format!(", sends to {} only", to.join(", ")),
    }
}

/// `SHA256:…, at [::]:50051`
pub(super) fn agent_key(tls: &Tls) -> String {
    let Tls {
        fingerprint,
        address,
    } = tls;
    match address.as_str() {
        "" => one_line(fingerprint),
        address => format!("{}, at {}", one_line(fingerprint), one_line(address)),
    }
}
