//! Converts the library's calls. It declines none and takes none: the account's phone does.

use std::time::SystemTime;

use openclaw_types::{Call, CallState, MessageId, Origin};
use whatsapp_rust::Jid;
use whatsapp_rust::types::call::{
    CallAction, CallEndedElsewhere, ElsewhereOutcome, IncomingCall, MissedCall,
};

use super::{MAX_PUSH_NAME_CHARS, add, chat, person};

/// A call that rings or has ended; `None` for the other signals of a call.
pub(in crate::session) fn call(call: &IncomingCall) -> Option<Call> {
    let (id, creator, number, video, group) = match &call.action {
        CallAction::Offer {
            call_id,
            call_creator,
            caller_pn,
            is_video,
            group_jid,
            ..
        } => (
            call_id,
            call_creator,
            caller_pn.as_ref(),
            *is_video,
            group_jid.is_some(),
        ),
        CallAction::OfferNotice {
            call_id,
            call_creator,
            is_video,
            is_group,
        } => (call_id, call_creator, None, *is_video, *is_group),
        CallAction::Terminate {
            call_id,
            call_creator,
            reason,
            ..
        } => {
            let state = match reason.as_deref() {
                Some("accepted_elsewhere") => CallState::Answered,
                Some("rejected_elsewhere") => CallState::Declined,
                _ => CallState::Missed,
            };
            return Some(of(call_id, call_creator, call.timestamp.into(), state));
        }
        _ => return None,
    };
    let mut ringing = of(id, creator, call.timestamp.into(), CallState::Ringing);
    if let Some(number) = number {
        add(&mut ringing.origin.sender, number);
    }
    let name = call.notify.as_deref().unwrap_or_default();
    ringing.origin.push_name = name.chars().take(MAX_PUSH_NAME_CHARS).collect();
    ringing.origin.offline = call.offline;
    Some(Call {
        video,
        group,
        ..ringing
    })
}

/// A call that no one answered, or that rang while the agent was offline.
pub(in crate::session) fn missed_call(call: &MissedCall) -> Call {
    let at = call.timestamp.into();
    of(&call.call_id, &call.from, at, CallState::Missed)
}

/// A call that another device of the account answered or declined.
pub(in crate::session) fn answered_elsewhere(call: &CallEndedElsewhere) -> Call {
    let state = match call.outcome {
        ElsewhereOutcome::Accepted => CallState::Answered,
        ElsewhereOutcome::Rejected => CallState::Declined,
        _ => CallState::Other("ended".into()),
    };
    of(&call.call_id, &call.from, call.timestamp.into(), state)
}

/// A call, in the chat with its caller.
fn of(id: &str, caller: &Jid, at: SystemTime, state: CallState) -> Call {
    Call {
        origin: Origin {
            id: MessageId::new(id),
            chat: chat(&caller.to_non_ad()),
            sender: person(caller),
            push_name: String::new(),
            sent_at: at,
            from_me: false,
            group: false,
            offline: false,
            bypassed: true,
            recovered: false,
        },
        state,
        video: false,
        group: false,
    }
}
