//! The state of an outgoing message, and why it failed.

use openclaw_types::{ChatId, MessageId, Nack, SendOutcome, SendReason, SendState, Sent};

use super::event::Wire;
use super::people::chat_name;
use super::{Error, missing, reason};
use crate::v1;

reason!(
    reason,
    reason_from,
    SendReason {
        RefusedByServer,
        Restricted,
        NotOnWhatsapp,
        NotAllowedTo,
        Expired,
        Unconfirmed,
        Cancelled,
        OtherAccount,
        FileRefused,
        FileGone,
    }
);

/// The state of a send.
#[must_use]
pub const fn send_state(state: SendState) -> v1::SendState {
    match state {
        SendState::Accepted => v1::SendState::Accepted,
        SendState::ServerAck => v1::SendState::ServerAck,
        SendState::Delivered => v1::SendState::Delivered,
        SendState::Read => v1::SendState::Read,
        SendState::Failed => v1::SendState::Failed,
    }
}

pub(super) fn send_state_from(state: v1::SendState) -> Result<SendState, Error> {
    Ok(match state {
        v1::SendState::Accepted => SendState::Accepted,
        v1::SendState::ServerAck => SendState::ServerAck,
        v1::SendState::Delivered => SendState::Delivered,
        v1::SendState::Read => SendState::Read,
        v1::SendState::Failed => SendState::Failed,
        v1::SendState::Unspecified => return Err(missing("state")),
    })
}

/// A refusal by WhatsApp's server, with its meaning.
#[must_use]
pub fn nack(nack: Nack) -> v1::Nack {
    v1::Nack {
        code: nack.0.into(),
        meaning: nack.meaning().to_owned(),
    }
}

impl Wire for SendOutcome {
    type Message = v1::SendOutcome;

    fn into_wire(self) -> v1::SendOutcome {
        let SendOutcome {
            sent:
                Sent {
                    id,
                    token,
                    state,
                    server_ack_at: _,
                    failure,
                    nack: refused,
                },
            chat,
        } = self;
        let refused = refused.filter(|_| state == SendState::Failed);
        let hint = refused.map(Nack::hint);
        let hint = hint.or_else(|| failure.as_ref().map(SendReason::hint));
        let hint = hint.unwrap_or_default().to_owned();
        let (reason, other_reason) = failure.map(reason).unwrap_or_default();
        v1::SendOutcome {
            client_token: token.into(),
            message_id: id.into(),
            chat: chat_name(&chat),
            state: send_state(state).into(),
            reason,
            other_reason,
            nack: refused.map(nack),
            hint,
        }
    }

    fn from_wire(outcome: v1::SendOutcome) -> Result<Self, Error> {
        let state = send_state_from(outcome.state())?;
        let v1::SendOutcome {
            client_token,
            message_id,
            chat,
            state: _,
            reason,
            other_reason,
            nack,
            hint: _,
        } = outcome;
        let sent = Sent {
            id: MessageId::new(&message_id),
            token: client_token.parse().map_err(|_| missing("client_token"))?,
            state,
            server_ack_at: None,
            failure: (reason != 0).then(|| reason_from(reason, other_reason)),
            nack: nack.map(|nack| Nack(u16::try_from(nack.code).unwrap_or_default())),
        };
        Ok(Self {
            sent,
            chat: ChatId::new(chat),
        })
    }
}
