//! Adds hints to errors of the server library: a message that is too large or malformed, an unknown method or service.
//! They then carry `ErrorInfo` like the agent's own errors.
//!
//! tonic reports malformed bytes as INTERNAL, but they are the caller's fault: INVALID_ARGUMENT. The agent's own errors
//! have details, so an INTERNAL without details is from tonic's decoder.

use tonic::body::Body;
use tonic::codegen::http::Response;
use tonic::{Code, Status};

use super::status::with_info;

/// Adds details to an error that has none, and changes nothing else.
pub(super) fn explain(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok && status.details().is_empty() => {
            explained(&status).into_http()
        }
        _ => response,
    }
}

fn explained(status: &Status) -> Status {
    let code = match status.code() {
        Code::Internal | Code::Unknown => Code::InvalidArgument,
        code => code,
    };
    let (reason, message, hint) = match code {
        Code::OutOfRange | Code::ResourceExhausted => (
            "TOO_LARGE",
            status.message(),
            "a text has at most 65,536 characters: send less at once",
        ),
        Code::Unimplemented => (
            "UNKNOWN_METHOD",
            "unknown method",
            "`grpcurl … list` shows the methods: update the older of client and agent",
        ),
        Code::NotFound => (
            "UNKNOWN_SERVICE",
            status.message(),
            "health is reported for the services \"\" (the process) and \"whatsapp\" (the link)",
        ),
        _ => (
            "MALFORMED_REQUEST",
            status.message(),
            "the request does not belong to this API: use a client generated from its .proto files",
        ),
    };
    with_info(code, message, reason, hint, [("", "")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt as _;

    fn through(status: Status) -> Status {
        let response = explain(status.into_http());
        Status::from_header_map(response.headers()).unwrap()
    }

    #[test]
    fn an_error_without_details_gets_a_hint() {
        for code in [Code::OutOfRange, Code::Unimplemented, Code::NotFound] {
            let status = through(Status::new(code, "bare"));
            assert_eq!(status.code(), code);
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert!(!info.reason.is_empty() && !info.metadata["hint"].is_empty());
        }
    }

    #[test]
    fn malformed_bytes_are_an_invalid_argument() {
        for bare in [
            Status::internal("failed to decode Protobuf message"),
            Status::internal("protocol error: received message with invalid compression flag"),
            Status::unknown("h2 protocol error"),
        ] {
            let status = through(bare);
            assert_eq!(status.code(), Code::InvalidArgument);
            let details = status.get_error_details();
            assert_eq!(details.error_info().unwrap().reason, "MALFORMED_REQUEST");
        }
    }

    #[test]
    fn an_internal_error_with_details_is_unchanged() {
        let ours = with_info(Code::Internal, "m", "STORE_FAILED", "h", [("a", "b")]);
        assert_eq!(through(ours).code(), Code::Internal);
    }

    #[test]
    fn an_error_with_details_is_unchanged() {
        let status = with_info(Code::NotFound, "m", "R", "h", [("a", "b")]);
        assert_eq!(through(status.clone()).details(), status.details());
    }

    #[test]
    fn a_success_is_unchanged() {
        assert!(explain(Response::new(Body::empty())).headers().is_empty());
    }
}
