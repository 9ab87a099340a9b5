//! Pairing: the request, and the frames.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_state::clock;
use openclaw_whatsapp::session::DEVICE_NAME;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::duration;
use crate::edge::grpc::status::invalid;
use crate::link::{Frame, Method, PairFailure, PairRequest, Qr};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5 * 60);
const MAX_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// No method, or one that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("is missing or unknown: set `qr` or `phone_code`")]
struct NoMethod;

pub(in crate::edge::grpc) fn pair_request(
    request: pb::PairRequest,
) -> Result<PairRequest, GrpcStatus> {
    let pb::PairRequest {
        how,
        replace,
        timeout,
    } = request;
    let method = match how {
        None => return Err(invalid("how", &NoMethod)),
        Some(pb::pair_request::How::Qr(pb::QrMethod {})) => Method::Qr,
        Some(pb::pair_request::How::PhoneCode(pb::PhoneCodeMethod { phone })) => Method::PhoneCode(
            phone
                .parse()
                .map_err(|error| invalid("phone_code.phone", &error))?,
        ),
    };
    let timeout = duration("timeout", timeout, DEFAULT_TIMEOUT, MAX_TIMEOUT)?;
    Ok(PairRequest {
        method,
        replace,
        timeout,
    })
}

pub(in crate::edge::grpc) fn frame(frame: Frame) -> pb::PairFrame {
    use pb::pair_frame::Frame as Wire;
    use pb::passkey_challenge::Stage;
    let passkey = |stage| Wire::Passkey(pb::PasskeyChallenge { stage: Some(stage) });
    let frame = match frame {
        Frame::Qr(qr) => {
            let Qr {
                payload,
                size,
                modules,
                expires_at,
                ordinal,
            } = *qr;
            Wire::Qr(pb::QrCode {
                payload,
                size: size.into(),
                modules: modules.to_vec(),
                expires_at: Some(Timestamp::from(clock::shown(expires_at))),
                ordinal,
            })
        }
        Frame::PhoneCode { code, expires_at } => Wire::PhoneCode(pb::PhoneCode {
            code: code.0,
            expires_at: Some(Timestamp::from(clock::shown(expires_at))),
        }),
        Frame::PasskeyRequest(options) => passkey(Stage::RequestOptionsJson(options.0)),
        Frame::PasskeyConfirmation(code) => passkey(Stage::ConfirmationCode(code.0)),
        Frame::Scanned => Wire::Scanned(pb::Scanned {}),
        Frame::Linked { phone } => Wire::Linked(pb::Linked {
            phone: phone.e164(),
            device: DEVICE_NAME.to_owned(),
        }),
        Frame::Failed(failure) => Wire::Failed(pair_failure(failure)),
    };
    pb::PairFrame { frame: Some(frame) }
}

fn pair_failure(failure: PairFailure) -> pb::PairFailed {
    pb::PairFailed {
        reason: reason(failure).into(),
        hint: failure.hint().to_owned(),
    }
}

const fn reason(failure: PairFailure) -> pb::PairFailureReason {
    match failure {
        PairFailure::Deadline => pb::PairFailureReason::Deadline,
        PairFailure::Unreachable => pb::PairFailureReason::WhatsappUnreachable,
        PairFailure::Refused => pb::PairFailureReason::RefusedByWhatsapp,
        PairFailure::Passkey => pb::PairFailureReason::PasskeyRequired,
        PairFailure::Verification => pb::PairFailureReason::VerificationFailed,
        PairFailure::NotConnected => pb::PairFailureReason::LinkedNotConnected,
        PairFailure::NotCompleted => pb::PairFailureReason::NotCompleted,
        PairFailure::Banned => pb::PairFailureReason::Banned,
        PairFailure::Outdated => pb::PairFailureReason::Outdated,
        PairFailure::Stopping => pb::PairFailureReason::AgentStopping,
    }
}
