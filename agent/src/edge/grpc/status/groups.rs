//! Refusals about groups, and about people in them.

use openclaw_proto::v1::ParticipantError;
use openclaw_whatsapp::session::MemberAction;
use tonic::{Code, Status};

use super::sending::not_connected;
use super::with_info;
use crate::link::{GroupDenied, GroupFailure};

pub(in crate::edge::grpc) fn group(denied: &GroupDenied) -> Status {
    group_failure(&GroupFailure::from(denied.clone()))
}

pub(in crate::edge::grpc) fn group_failure(failure: &GroupFailure) -> Status {
    let GroupFailure {
        why,
        changed,
        created,
    } = failure;
    let (code, reason, hint) = match why {
        GroupDenied::Denied(denied) => return super::denied(denied),
        GroupDenied::NotConnected(down) if changed.is_empty() && created.is_none() => {
            return not_connected(down, &why.to_string(), "");
        }
        GroupDenied::NotConnected(_) => (
            Code::FailedPrecondition,
            "NOT_CONNECTED",
            "the agent reconnects automatically: read the group then, and change the rest",
        ),
        GroupDenied::NoSuchGroup => (
            Code::NotFound,
            "NO_SUCH_GROUP",
            "`openclawctl group list` shows the groups of the account",
        ),
        GroupDenied::NotAMember => (
            Code::FailedPrecondition,
            "NOT_A_MEMBER",
            "ask an admin to add the account, or join by an invite link: `openclawctl group join`",
        ),
        GroupDenied::NotAnAdmin => (
            Code::FailedPrecondition,
            "NOT_AN_ADMIN",
            "ask an admin of the group to make the account an admin, or to do it",
        ),
        GroupDenied::InvalidInvite => (
            Code::NotFound,
            "INVALID_INVITE",
            "ask an admin of the group for its current invite link",
        ),
        GroupDenied::AlreadyAMember => (
            Code::AlreadyExists,
            "ALREADY_A_MEMBER",
            "nothing to do: `openclawctl group list` shows the group",
        ),
        GroupDenied::GroupFull => (
            Code::FailedPrecondition,
            "GROUP_FULL",
            "an admin has to remove someone first",
        ),
        GroupDenied::RateLimited => (
            Code::ResourceExhausted,
            "RATE_LIMITED",
            "wait some minutes before the next change of a group",
        ),
        GroupDenied::Changed => (
            Code::FailedPrecondition,
            "GROUP_CHANGED",
            "read the group again (`fresh`), then decide whether to change it",
        ),
        GroupDenied::UnknownLid => (
            Code::FailedPrecondition,
            "UNKNOWN_NUMBER",
            "give the member's phone number instead of the LID",
        ),
        GroupDenied::NoAnswer => (Code::Unavailable, "NO_ANSWER", "call again in a moment"),
        GroupDenied::OutcomeUnknown => (
            Code::Unavailable,
            "OUTCOME_UNKNOWN",
            "read the group again (`fresh`, `openclawctl group show --fresh`) to see whether it was changed",
        ),
        GroupDenied::Refused(_) => (
            Code::Unknown,
            "REFUSED",
            "try it on the phone, which shows the reason",
        ),
    };
    let refused = match why {
        GroupDenied::Refused(code) => code.to_string(),
        _ => String::new(),
    };
    let state = match why {
        GroupDenied::NotConnected(down) => down.state.name(),
        _ => "",
    };
    let created = created.as_ref().map_or("", |id| id.jid());
    let message = match (created, changed.as_slice()) {
        ("", []) => why.to_string(),
        ("", changed) => format!("{why}; changed before that: {}", changed.join(", ")),
        (_, _) => format!("{why}; the group was created"),
    };
    let changed = changed.join(",");
    let facts = [
        ("code", refused.as_str()),
        ("state", state),
        ("changed", &changed),
        ("group", created),
    ];
    with_info(code, &message, reason, hint, facts)
}

/// What a code about one person means, and the next step.
pub(in crate::edge::grpc) const fn participant(
    action: MemberAction,
    code: u16,
) -> (ParticipantError, &'static str) {
    let adds = matches!(action, MemberAction::Add | MemberAction::Approve);
    match code {
        403 if adds => (
            ParticipantError::NeedsInvite,
            "their privacy settings do not allow this account to add them: send them the invite link (`openclawctl group link`)",
        ),
        401 if adds => (
            ParticipantError::Blocked,
            "they have blocked this account, and cannot be added",
        ),
        408 if adds => (
            ParticipantError::LeftRecently,
            "they left recently: send them the invite link (`openclawctl group link`)",
        ),
        409 if adds => (ParticipantError::AlreadyAMember, "nothing to do"),
        419 | 500 if adds => (
            ParticipantError::GroupFull,
            "remove someone first: the group is full",
        ),
        404 => match action {
            MemberAction::Add => (
                ParticipantError::NotFound,
                "check the number: it is not on WhatsApp",
            ),
            MemberAction::Approve | MemberAction::Reject => (
                ParticipantError::NotFound,
                "they have not requested to join: `openclawctl group requests` shows who has",
            ),
            _ => (
                ParticipantError::NotFound,
                "they are not in the group: `openclawctl group show` shows who is",
            ),
        },
        401 | 403 | 405 | 406 => (
            ParticipantError::NotAllowed,
            "WhatsApp does not allow it for this person, such as the group's creator",
        ),
        _ => (
            ParticipantError::Other,
            "try it on the phone, which shows the reason",
        ),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_state::outbox::Down;
    use openclaw_types::LinkState;
    use tonic_types::StatusExt as _;

    use super::*;

    #[test]
    fn every_refusal_has_its_own_reason_and_a_hint() {
        let mut reasons: Vec<_> = [
            GroupDenied::NotConnected(Down {
                state: LinkState::Connecting,
                hint: String::new(),
            }),
            GroupDenied::NoSuchGroup,
            GroupDenied::NotAMember,
            GroupDenied::NotAnAdmin,
            GroupDenied::InvalidInvite,
            GroupDenied::AlreadyAMember,
            GroupDenied::GroupFull,
            GroupDenied::RateLimited,
            GroupDenied::Changed,
            GroupDenied::UnknownLid,
            GroupDenied::NoAnswer,
            GroupDenied::OutcomeUnknown,
            GroupDenied::Refused(500),
        ]
        .iter()
        .map(|denied| {
            let status = group(denied);
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            assert!(!info.metadata["hint"].is_empty(), "{status:?}");
            info.reason
        })
        .collect();
        let all = reasons.len();
        reasons.sort();
        reasons.dedup();
        assert_eq!(reasons.len(), all);
    }

    #[test]
    fn a_partial_change_is_reported() {
        let status = group_failure(&GroupFailure {
            why: GroupDenied::NotAnAdmin,
            changed: vec!["name", "locked"],
            created: None,
        });
        let info = status.get_details_error_info().expect("has an ErrorInfo");
        assert_eq!(info.metadata["changed"], "name,locked");
        assert!(status.message().ends_with("name, locked"), "{status:?}");
    }
}
