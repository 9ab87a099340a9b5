//! The JSON shape of the rules about whose messages are admitted.

use openclaw_proto::v1 as pb;
use serde::Serialize;

use super::time;

#[derive(Serialize)]
pub(crate) struct Rules {
    none: bool,
    file: String,
    loaded_at: Option<String>,
    dm_policy: String,
    group_policy: String,
    listed: u32,
    added: u32,
    unresolved: u32,
    held: u32,
    remarks: Vec<String>,
    reload_error: String,
    reload_failed_at: Option<String>,
}

impl From<pb::Rules> for Rules {
    fn from(rules: pb::Rules) -> Self {
        let pb::Rules {
            none,
            file,
            loaded_at,
            dm_policy,
            group_policy,
            listed,
            added,
            unresolved,
            held,
            remarks,
            reload_error,
            reload_failed_at,
        } = rules;
        Self {
            none,
            file,
            loaded_at: time(loaded_at),
            dm_policy,
            group_policy,
            listed,
            added,
            unresolved,
            held,
            remarks,
            reload_error,
            reload_failed_at: time(reload_failed_at),
        }
    }
}
