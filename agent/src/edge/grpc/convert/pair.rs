//! Pairing: the request, and the frames.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_state::clock;
use openclaw_types::DeviceName;
use openclaw_whatsapp::session::{Assertion, HandoffProof, Secret};
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
        device_name,
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
    let device_name = (!device_name.is_empty()).then(|| device_name.parse::<DeviceName>());
    let device_name = device_name
        .transpose()
        .map_err(|error| invalid("device_name", &error))?;
    Ok(PairRequest {
        method,
        replace,
        device_name,
        timeout,
    })
}

pub(in crate::edge::grpc) fn answer_passkey_request(
    request: &pb::AnswerPasskeyRequest,
) -> Result<(Assertion, HandoffProof), GrpcStatus> {
    let pb::AnswerPasskeyRequest {
        assertion_json,
        compare_code,
    } = request;
    let assertion =
        Assertion::parse(assertion_json).map_err(|error| invalid("assertion_json", &error))?;
    let proof = match compare_code {
        true => HandoffProof::CompareCode,
        false => HandoffProof::Send,
    };
    Ok((assertion, proof))
}

pub(in crate::edge::grpc) fn confirm_passkey_request(request: pb::ConfirmPasskeyRequest) -> Secret {
    let pb::ConfirmPasskeyRequest { code } = request;
    Secret(code)
}

pub(in crate::edge::grpc) fn frame(frame: Frame) -> pb::PairFrame {
    use pb::pair_frame::Frame as Wire;
    use pb::passkey_challenge::Stage;
    let passkey = |stage, expires_at| {
        Wire::Passkey(pb::PasskeyChallenge {
            stage: Some(stage),
            expires_at: Some(Timestamp::from(clock::shown(expires_at))),
        })
    };
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
        Frame::PasskeyRequest {
            options,
            expires_at,
        } => passkey(Stage::RequestOptionsJson(options.0), expires_at),
        Frame::PasskeyConfirmation { code, expires_at } => {
            passkey(Stage::ConfirmationCode(code.0), expires_at)
        }
        Frame::Scanned => Wire::Scanned(pb::Scanned {}),
        Frame::Linked { phone, device } => Wire::Linked(pb::Linked {
            phone: phone.e164(),
            device: device.into(),
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
        PairFailure::PasskeyUnanswered => pb::PairFailureReason::PasskeyRequired,
        PairFailure::PasskeyRefused | PairFailure::PasskeyDeclined => {
            pb::PairFailureReason::PasskeyRefused
        }
        PairFailure::PasskeyInterrupted => pb::PairFailureReason::PasskeyInterrupted,
        PairFailure::Verification => pb::PairFailureReason::VerificationFailed,
        PairFailure::NotConnected => pb::PairFailureReason::LinkedNotConnected,
        PairFailure::NotCompleted => pb::PairFailureReason::NotCompleted,
        PairFailure::Banned => pb::PairFailureReason::Banned,
        PairFailure::Outdated => pb::PairFailureReason::Outdated,
        PairFailure::Stopping => pb::PairFailureReason::AgentStopping,
    }
}
