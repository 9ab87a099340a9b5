//! The JSON shapes of who calls, and of the key that the agent has.

use openclaw_proto::v1 as pb;
use serde::Serialize;

use crate::clients::word;

#[derive(Serialize)]
pub(super) struct Caller {
    name: String,
    role: &'static str,
    fingerprint: String,
    via: String,
}

#[derive(Serialize)]
pub(super) struct Tls {
    fingerprint: String,
    address: String,
}

impl From<pb::Caller> for Caller {
    fn from(caller: pb::Caller) -> Self {
        let role = word(caller.role());
        let pb::Caller {
            name,
            role: _,
            fingerprint,
            via,
        } = caller;
        Self {
            name,
            role,
            fingerprint,
            via,
        }
    }
}

impl From<pb::Tls> for Tls {
    fn from(tls: pb::Tls) -> Self {
        let pb::Tls {
            fingerprint,
            address,
        } = tls;
        Self {
            fingerprint,
            address,
        }
    }
}
