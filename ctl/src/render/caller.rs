//! Who this client is to the agent, and which key the agent has.

use openclaw_proto::v1::{Caller, Role, Tls};

use crate::clients::word;
use crate::text::one_line;

/// `laptop (admin)`, or by which way somebody without a name came.
pub(super) fn caller(caller: &Caller) -> String {
    let Caller {
        name,
        role: _,
        fingerprint: _,
        via,
    } = caller;
    let role = match caller.role() {
        Role::Unspecified => String::new(),
        role => format!(" ({})", word(role)),
    };
    let who = match (name.as_str(), via.as_str()) {
        ("", "unix") => "on its machine, by its socket".to_owned(),
        ("", "loopback") => "on its machine, in plain text".to_owned(),
        ("", via) => one_line(via),
        (name, _) => one_line(name),
    };
    format!("{who}{role}")
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
