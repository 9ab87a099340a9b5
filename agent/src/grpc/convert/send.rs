//! Sending: the draft, and what became of it.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::{UnknownValue, duration, send_state};
use crate::grpc::status::invalid;
use crate::model::{Draft, SendState, Sent, Text};

const DEFAULT: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// What to send, what to wait for, and for how long.
pub(in crate::grpc) fn send_request(
    request: pb::SendRequest,
) -> Result<(Draft, SendState, Duration), GrpcStatus> {
    let wait = match request.wait() {
        pb::SendState::Unspecified | pb::SendState::ServerAck => SendState::ServerAck,
        pb::SendState::Accepted => SendState::Accepted,
        pb::SendState::Delivered => SendState::Delivered,
        pb::SendState::Read => SendState::Read,
        pb::SendState::Failed => return Err(invalid("wait", &UnknownValue(request.wait))),
    };
    let pb::SendRequest {
        to,
        text,
        token,
        wait: given,
        timeout,
    } = request;
    if pb::SendState::try_from(given).is_err() {
        return Err(invalid("wait", &UnknownValue(given)));
    }
    let draft = Draft {
        to: to.parse().map_err(|error| invalid("to", &error))?,
        text: Text::try_from(text).map_err(|error| invalid("text", &error))?,
        token: match token.as_str() {
            "" => None,
            token => Some(token.parse().map_err(|error| invalid("token", &error))?),
        },
    };
    Ok((draft, wait, duration("timeout", timeout, DEFAULT, LONGEST)?))
}

pub(in crate::grpc) fn send_response(sent: Sent) -> pb::SendResponse {
    let Sent {
        id,
        token,
        state,
        server_ack_at,
        failure: _,
    } = sent;
    pb::SendResponse {
        message_id: id.as_str().to_owned(),
        state: send_state(state).into(),
        token: token.as_str().to_owned(),
        server_ack_at: server_ack_at.map(Timestamp::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(
        change: impl FnOnce(&mut pb::SendRequest),
    ) -> Result<(Draft, SendState, Duration), GrpcStatus> {
        let mut request = pb::SendRequest {
            to: "+15550100123".into(),
            text: "hi".into(),
            ..Default::default()
        };
        change(&mut request);
        send_request(request)
    }

    #[test]
    fn send_waits_for_the_servers_ack_unless_told_otherwise() {
        let (draft, wait, timeout) = send(|_| {}).unwrap();
        assert_eq!(
            (draft.token, wait, timeout),
            (None, SendState::ServerAck, DEFAULT)
        );
    }

    #[test]
    fn bad_requests_name_their_field_and_repeat_no_secret() {
        type Change = fn(&mut pb::SendRequest);
        let cases: [(&str, Change); 7] = [
            ("to", |r| r.to = "SECRET".into()),
            ("to", |r| r.to = String::new()),
            ("text", |r| r.text = String::new()),
            ("text", |r| r.text = "SECRET".repeat(20_000)),
            ("token", |r| r.token = "SECRET SECRET".into()),
            ("wait", |r| r.wait = 77),
            ("timeout", |r| {
                r.timeout = Some(prost_types::Duration {
                    seconds: -1,
                    nanos: 0,
                });
            }),
        ];
        for (field, change) in cases {
            let status = send(change).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            assert!(status.message().starts_with(field), "{}", status.message());
            assert!(!status.message().contains("SECRET"));
        }
    }
}
