//! The owner's part in a pairing: it does what the pairing decides, and cleans up after it.

use tokio::sync::mpsc;

use super::{Active, FRAMES, Owner};
use crate::agent::Denied;
use crate::agent::pairing::{Input, Pairing, Step};
use crate::agent::retry::Retry;
use crate::agent::running::Running;
use crate::clock;
use crate::model::{Frame, Link, LinkState, PairRequest};
use crate::session::OpenError;

impl Owner {
    pub(super) async fn pair(
        &mut self,
        request: PairRequest,
    ) -> Result<Result<mpsc::Receiver<Frame>, Denied>, OpenError> {
        // Closing a stream and calling again is one motion for an operator.
        if self
            .pairing
            .as_ref()
            .is_some_and(|active| active.frames.is_closed())
        {
            self.abandon().await;
        }
        let Link { state, account, .. } = self.link();
        if self.pairing.is_some() {
            return Ok(Err(Denied::AlreadyPairing));
        }
        if account.is_some() && !state.needs_person() && !request.replace {
            return Ok(Err(Denied::AlreadyLinked));
        }
        if account.is_some() {
            self.deregister().await;
            self.forget();
        }
        let (frames, receiver) = mpsc::channel(FRAMES);
        let pairing = Pairing::new(&request, clock::now());
        self.pairing = Some(Active { pairing, frames });
        self.retry = Retry::default();
        self.update(|link| link.account = None);
        self.enter(LinkState::Linking, None);
        self.open_session().await?;
        self.connect();
        Ok(Ok(receiver))
    }

    pub(super) async fn step(&mut self, input: Input) -> Result<(), OpenError> {
        let Some(active) = &mut self.pairing else {
            return Ok(());
        };
        match active.pairing.on(input, clock::now()) {
            Step::Stay => {}
            Step::Show(frame) => {
                if active.frames.try_send(frame).is_err() {
                    self.abandon().await;
                }
            }
            Step::AskForCode(phone) => {
                if let Some(running) = &self.running {
                    running.session().request_phone_code(phone);
                }
            }
            Step::Reconnect(delay) => {
                self.connect_at = Some(clock::now() + delay);
                if self.running.is_none() {
                    self.open_session().await?;
                }
            }
            Step::Finish(frame) => {
                let accepted = active.pairing.is_accepted();
                let _ = active.frames.try_send(frame);
                self.pairing = None;
                self.after_pairing(accepted).await;
            }
        }
        Ok(())
    }

    /// Nobody watches the pairing any more.
    pub(super) async fn abandon(&mut self) {
        if let Some(active) = self.pairing.take() {
            self.after_pairing(active.pairing.is_accepted()).await;
        }
    }

    /// A phone's acceptance outlives its pairing; everything else goes with it.
    async fn after_pairing(&mut self, accepted: bool) {
        if accepted {
            self.show(|_| {});
            let idle = self.running.as_ref().is_some_and(Running::is_idle);
            if idle && self.connect_at.is_none() {
                self.connect_at = Some(clock::now());
            }
        } else {
            self.discard_session().await;
            self.forget();
            self.enter(LinkState::Unlinked, None);
        }
    }
}
