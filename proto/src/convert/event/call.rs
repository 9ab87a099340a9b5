//! Calls.

use openclaw_types::Call;

use super::{Wire, origin, origin_from};
use crate::convert::{Error, reason};
use crate::v1;

reason!(
    state,
    state_from,
    CallState {
        Ringing,
        Missed,
        Answered,
        Declined,
    }
);

impl Wire for Call {
    type Message = v1::Call;

    fn into_wire(self) -> v1::Call {
        let Call {
            origin,
            state,
            video,
            group,
        } = self;
        let (state, other_state) = self::state(state);
        v1::Call {
            origin: Some(self::origin(origin)),
            state,
            other_state,
            video,
            group,
        }
    }

    fn from_wire(message: v1::Call) -> Result<Self, Error> {
        let v1::Call {
            origin,
            state,
            other_state,
            video,
            group,
        } = message;
        Ok(Call {
            origin: origin_from(origin)?,
            state: state_from(state, other_state),
            video,
            group,
        })
    }
}
