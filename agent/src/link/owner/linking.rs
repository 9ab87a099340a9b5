//! The owner's part in a pairing: it does what the pairing decides, and cleans up after it.

use openclaw_state::clock;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_types::{Link, LinkState};
use openclaw_whatsapp::session::{OpenError, Report};
use tokio::sync::mpsc;

use super::candidate::Candidate;
use super::{Active, MAX_QUEUED_FRAMES, Owner};
use crate::link::Denied;
use crate::link::pairing::{Pairing, Step};
use crate::link::running::Running;
use crate::link::{Frame, PairFailure, PairRequest};

impl Owner {
    /// Begins a pairing. The link that there is, whatever its state, stays as it is.
    pub(super) async fn pair(
        &mut self,
        request: PairRequest,
    ) -> Result<Result<mpsc::Receiver<Frame>, Denied>, OpenError> {
        self.abandon_if_closed().await;
        let Link { state, account, .. } = self.link();
        if self.pairing.is_some() {
            return Ok(Err(Denied::AlreadyPairing));
        }
        if account.is_some() && !state.needs_person() && !request.replace {
            return Ok(Err(Denied::AlreadyLinked));
        }
        let candidate = Candidate::open(&self.setup, &self.store).await?;
        let (frames, receiver) = mpsc::channel(MAX_QUEUED_FRAMES);
        let now = clock::now();
        self.pairing = Some(Active {
            pairing: Pairing::new(&request, now),
            frames,
            candidate: Some(candidate),
            unwatched: false,
        });
        failpoint::pass(Failpoint::Pairing);
        if account.is_none() {
            self.enter(LinkState::Linking, None);
        } else {
            self.show(|_| {});
        }
        self.connect_candidate(now).await?;
        Ok(Ok(receiver))
    }

    /// Whether a pairing has made the link that there is, and waits for its login.
    pub(super) fn is_completing(&self) -> bool {
        let pairing = self.pairing.as_ref();
        pairing.is_some_and(|active| active.candidate.is_none())
    }

    /// Passes on what happened to the link itself, if a pairing has just made it.
    pub(super) async fn step_linked(&mut self, report: Report) {
        if self.is_completing() {
            self.step(report).await;
        }
    }

    pub(super) async fn step(&mut self, report: Report) {
        if let Some(active) = &mut self.pairing {
            let step = active.pairing.on(report, clock::now());
            self.take(step).await;
        }
    }

    /// Does what the pairing decides as time passes.
    pub(super) async fn tick(&mut self) {
        if let Some(active) = &mut self.pairing {
            let step = active.pairing.tick(clock::now());
            self.take(step).await;
        }
    }

    async fn take(&mut self, step: Step) {
        let Some(active) = &mut self.pairing else {
            return;
        };
        match step {
            Step::Stay => {}
            Step::Show(frame) => {
                let is_code = matches!(frame, Frame::Qr(_) | Frame::PhoneCode { .. });
                if active.frames.try_send(frame).is_err() && !active.unwatched {
                    self.abandon().await;
                } else if is_code {
                    failpoint::pass(Failpoint::Shown);
                }
            }
            Step::AskForCode(phone) => {
                if let Some(candidate) = &active.candidate {
                    candidate.ask_for_code(phone);
                }
            }
            Step::Reconnect(delay) => {
                let at = Some(clock::now() + delay);
                match &mut active.candidate {
                    Some(candidate) => candidate.connect_at = at,
                    None => self.connect_at = at,
                }
            }
            Step::Finish(frame) => self.finish_pairing(frame).await,
        }
    }

    async fn finish_pairing(&mut self, frame: Frame) {
        let Some(active) = self.pairing.take() else {
            return;
        };
        let frame = match frame {
            // The device that the phone has accepted is given up: there is another link to go back to.
            Frame::Failed(PairFailure::NotConnected) if active.candidate.is_some() => {
                Frame::Failed(PairFailure::NotCompleted)
            }
            frame => frame,
        };
        let _ = active.frames.try_send(frame);
        self.after_pairing(active).await;
    }

    /// Closing a stream and calling again is one motion for an operator.
    pub(super) async fn abandon_if_closed(&mut self) {
        let pairing = self.pairing.as_ref();
        if pairing.is_some_and(|active| active.frames.is_closed()) {
            self.abandon().await;
        }
    }

    /// No one watches the pairing any more. It ends, unless the phone has accepted: then it completes by itself.
    pub(super) async fn abandon(&mut self) {
        if let Some(active) = &mut self.pairing
            && active.pairing.is_accepted()
            && active.candidate.is_some()
        {
            active.unwatched = true;
        } else if let Some(active) = self.pairing.take() {
            self.after_pairing(active).await;
        }
    }

    /// A device that has taken its place outlives its pairing; any other goes with it, and the link is what it was.
    async fn after_pairing(&mut self, active: Active) {
        if let Some(candidate) = active.candidate {
            candidate.close().await;
            if self.link().account.is_none() {
                self.enter(LinkState::Unlinked, None);
            }
        } else {
            let idle = self.running.as_ref().is_some_and(Running::is_idle);
            if idle && self.connect_at.is_none() && !self.link().state.needs_person() {
                self.connect_at = Some(clock::now());
            }
        }
        self.show(|_| {});
    }
}
