//! The frames of one pairing, until it has an outcome. Dropping them stops the pairing.

use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::pair_request::How;
use openclaw_proto::v1::{
    Linked, PairFailureReason, PairFrame, PairRequest, PhoneCodeMethod, QrMethod,
};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::frame::{self, Frame, Outcome, Shown};
use crate::address::Address;
use crate::cli::PairArgs;
use crate::failure::{Exit, Failure, is_transport};
use crate::render::word::word;
use crate::rollback::check::RollbackCheck;
use crate::stop::Stops;
use crate::{client, duration, numbers};

/// The request that the arguments describe.
pub(super) fn request(args: &PairArgs) -> Result<PairRequest, Failure> {
    let how = match args.phone.as_deref() {
        None => How::Qr(QrMethod {}),
        Some(given) => {
            let phone = numbers::phone("--phone", given)?;
            How::PhoneCode(PhoneCodeMethod { phone })
        }
    };
    Ok(PairRequest {
        how: Some(how),
        replace: args.replace,
        device_name: args.device_name.clone().unwrap_or_default(),
        timeout: args.timeout.and_then(duration::to_wire),
    })
}

/// Connects to the agent and begins a pairing.
pub(super) async fn begin(
    address: &Address,
    request: PairRequest,
    json: bool,
    stops: &mut Stops,
) -> Result<(AgentClient<Channel>, Frames), Failure> {
    let mut agent = client::agent(address).await?;
    let open = async {
        RollbackCheck::new(json).look(&mut agent).await;
        Frames::open(&mut agent, request).await
    };
    let frames = stops.or(|| stopped(false), open).await?;
    Ok((agent, frames))
}

/// The frames of one call.
pub(crate) struct Frames {
    stream: Streaming<PairFrame>,
    scanned: bool,
}

/// What comes next, unless the pairing failed.
pub(super) enum Next {
    /// Show this; the frame is as it arrived.
    Show(Box<(Shown, PairFrame)>),
    /// The phone is linked.
    Linked(Linked),
}

impl Frames {
    /// Begins a pairing.
    pub(super) async fn open(
        agent: &mut AgentClient<Channel>,
        request: PairRequest,
    ) -> Result<Self, Failure> {
        Ok(Self {
            stream: client::taken(agent.pair(request).await?),
            scanned: false,
        })
    }

    /// True once the phone has accepted: it may be linked, whatever happens.
    pub(super) fn is_scanned(&self) -> bool {
        self.scanned
    }

    /// Waits for the next frame. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<Next, Failure> {
        loop {
            let frame = match self.stream.message().await {
                Ok(Some(frame)) => frame,
                Ok(None) => return Err(cut_short(None, self.scanned)),
                Err(status) => return Err(cut_short(Some(status), self.scanned)),
            };
            match Frame::try_from(frame.clone())? {
                Frame::Shown(shown) => {
                    self.scanned |= matches!(shown, Shown::Scanned);
                    return Ok(Next::Show(Box::new((shown, frame))));
                }
                Frame::Outcome(Outcome::Linked(linked)) => return Ok(Next::Linked(linked)),
                Frame::Outcome(Outcome::Failed { reason, hint }) => {
                    let word = word::<PairFailureReason>(reason.into()).to_ascii_uppercase();
                    return Err(Failure::new(frame::why_failed(reason))
                        .with_reason(word)
                        .with_hint(hint));
                }
                Frame::Unknown => {}
            }
        }
    }

    /// The failure if it is stopped now.
    pub(super) fn stopped(&self) -> Failure {
        stopped(self.scanned)
    }
}

fn cut_short(status: Option<Status>, scanned: bool) -> Failure {
    let failure = match status {
        Some(status) if !is_transport(&status) => return Failure::from(status),
        Some(_) => Failure::unreachable("the connection to the agent was lost while pairing")
            .with_reason("CONNECTION_LOST"),
        None => Failure::new("the agent ended the pairing without a result")
            .with_reason("STREAM_TRUNCATED"),
    };
    failure.with_hint(after(scanned))
}

/// The failure of a pairing that a signal ends.
pub(super) fn stopped(scanned: bool) -> Failure {
    Failure::new("stopped before the phone was linked")
        .with_reason("STOPPED")
        .with_hint(after(scanned))
}

/// The failure when a code cannot be shown: the phone is not linked, so a closed stdout is a failure as well.
pub(super) fn unseen(failure: Failure) -> Failure {
    match failure.exit() {
        Exit::Done => Failure::new("stdout was closed: no one sees the code")
            .with_reason("STDOUT_CLOSED")
            .with_hint(after(false)),
        _ => failure,
    }
}

fn after(scanned: bool) -> &'static str {
    if scanned {
        "the phone had accepted the code: `openclawctl status` shows whether it is linked"
    } else {
        "run `openclawctl pair` again for a new code"
    }
}
