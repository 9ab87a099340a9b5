//! The owner's part in a pairing: it executes the pairing's steps, and cleans up.

use openclaw_state::clock;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_types::{Link, LinkState};
use openclaw_whatsapp::session::{OpenError, Report, Secret, Session};
use tokio::sync::mpsc;

use super::candidate::Candidate;
use super::{Active, MAX_QUEUED_FRAMES, Owner};
use crate::link::Denied;
use crate::link::pairing::{Pairing, Step};
use crate::link::running::Running;
use crate::link::{Frame, PairFailure, PairRequest, PasskeyDenied};

impl Owner {
    /// Starts a pairing. An existing link, whatever its state, is not affected.
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
        let mut setup = self.setup.clone();
        if let Some(name) = &request.device_name {
            setup.device.name.clone_from(name);
        }
        let device = setup.device.name.clone();
        let candidate = Candidate::open(setup, &self.store).await?;
        let (frames, receiver) = mpsc::channel(MAX_QUEUED_FRAMES);
        let now = clock::now();
        self.pairing = Some(Active {
            pairing: Pairing::new(&request, device, now),
            frames,
            candidate: Some(candidate),
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

    /// The session of the device that is being linked. A code must be that of the pairing: with the last wrong one, the
    /// pairing ends.
    pub(super) async fn pairing_session(
        &mut self,
        code: Option<&Secret>,
    ) -> Result<Session, PasskeyDenied> {
        self.abandon_if_closed().await;
        let active = self.pairing.as_mut().ok_or(PasskeyDenied::NoPairing)?;
        let compared = code.map_or(Ok(()), |code| active.pairing.compare(code));
        let candidate = active.candidate.as_ref();
        let session = candidate.and_then(Candidate::session);
        if let Err(PasskeyDenied::OtherCode { attempts_left: 0 }) = compared {
            let failed = Frame::Failed(PairFailure::PasskeyDeclined);
            self.finish_pairing(failed).await;
        }
        compared?;
        session.ok_or(PasskeyDenied::NoPairing)
    }

    /// True if a pairing has made the current link and waits for its login.
    pub(super) fn is_completing(&self) -> bool {
        let pairing = self.pairing.as_ref();
        pairing.is_some_and(|active| active.candidate.is_none())
    }

    /// Passes a report of the link on to the pairing that has just made it, if any.
    pub(super) async fn step_linked(&mut self, report: Report) {
        if self.is_completing() {
            self.step(report).await;
        }
    }

    pub(super) async fn step(&mut self, report: Report) {
        if matches!(report, Report::PasskeyRequest { .. }) {
            self.show(|view| view.passkey_at = Some(clock::now()));
        }
        if let Some(active) = &mut self.pairing {
            let step = active.pairing.on(report, clock::now());
            self.execute(step).await;
        }
    }

    /// Executes the pairing's steps that are due.
    pub(super) async fn tick(&mut self) {
        if let Some(active) = &mut self.pairing {
            let step = active.pairing.tick(clock::now());
            self.execute(step).await;
        }
    }

    async fn execute(&mut self, step: Step) {
        let Some(active) = &mut self.pairing else {
            return;
        };
        match step {
            Step::Stay => {}
            Step::Show(frame) => {
                let is_code = matches!(frame, Frame::Qr(_) | Frame::PhoneCode { .. });
                if active.frames.try_send(frame).is_err() {
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
            // The accepted device is dropped, since there is a previous link to keep.
            Frame::Failed(PairFailure::NotConnected) if active.candidate.is_some() => {
                Frame::Failed(PairFailure::NotCompleted)
            }
            frame => frame,
        };
        let _ = active.frames.try_send(frame);
        self.after_pairing(active).await;
    }

    /// Ends a pairing whose stream is closed, so that a client can close a stream and call again at once.
    pub(super) async fn abandon_if_closed(&mut self) {
        let pairing = self.pairing.as_ref();
        if pairing.is_some_and(|active| active.frames.is_closed()) {
            self.abandon().await;
        }
    }

    /// No client watches the pairing any more. It ends, unless it completes without one.
    pub(super) async fn abandon(&mut self) {
        if let Some(active) = self.pairing.take_if(|active| !active.needs_no_client()) {
            self.after_pairing(active).await;
        }
    }

    /// A device that has replaced the old one outlives its pairing; any other is dropped, and the link is unchanged.
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
