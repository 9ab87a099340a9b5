//! What arrives: messages into the journal before WhatsApp hears the ack, everything else as it
//! is told.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use tokio::sync::mpsc;
use whatsapp_rust::anyhow;
use whatsapp_rust::client::Client;
use whatsapp_rust::types::durability_hook::InboundDurabilityHook;
use whatsapp_rust::types::events::{
    ConnectFailureReason, Event, EventHandler, InboundMessage, Receipt as WireReceipt, ServerAck,
};
use whatsapp_rust::types::message::MessageSource;
use whatsapp_rust::types::presence::ReceiptType;

use super::backlog::Backlog;
use super::gate::Gate;
use super::{Loss, Refusal, Report, Setup, Signal, translate};
use crate::admission::Admission;
use crate::clock;
use crate::failpoint::{self, Place};
use crate::journal::{Arrival, Journal, Mark};
use crate::model::{MessageId, Occurrence, Receipt, Secret, SendState};
use crate::outbox::Outbox;
use crate::store::Store;
use crate::traffic::Traffic;

/// Receives the library's events. It never waits: what needs waiting becomes a [`Signal`].
#[derive(Clone)]
pub(super) struct Inbound {
    store: Store,
    journal: Arc<Journal>,
    outbox: Arc<Outbox>,
    traffic: Arc<Traffic>,
    admission: Arc<Admission>,
    signals: mpsc::Sender<Signal>,
    gate: Arc<Gate>,
    backlog: Arc<Backlog>,
}

impl Inbound {
    pub(super) fn new(
        setup: &Setup,
        store: Store,
        signals: mpsc::Sender<Signal>,
        gate: Arc<Gate>,
        backlog: Arc<Backlog>,
    ) -> Self {
        Self {
            store,
            journal: Arc::clone(&setup.journal),
            outbox: Arc::clone(&setup.outbox),
            traffic: Arc::clone(&setup.traffic),
            admission: Arc::clone(&setup.admission),
            signals,
            gate,
            backlog,
        }
    }

    /// What of a batch has not arrived before, for the journal.
    fn arrivals(&self, batch: &[InboundMessage]) -> Vec<Arrival> {
        let arrivals = batch.iter().map(|message| Arrival {
            mark: mark(message),
            what: translate::occurrence(message),
        });
        let news = arrivals.filter(|arrival| !self.journal.knows(arrival.mark));
        news.inspect(|arrival| {
            if let Some(Occurrence::Message(message)) = &arrival.what
                && !message.origin.from_me
            {
                self.traffic.count_received();
            }
        })
        .collect()
    }

    fn signal(&self, signal: Signal) {
        // Full only if one connection says more than it has things to say; then the end of the
        // connection still arrives, since it is told by the run itself.
        if self.signals.try_send(signal).is_err() {
            tracing::error!("the session's owner does not keep up");
        }
    }

    fn report(&self, report: Report) {
        self.signal(Signal::Report(report));
    }

    fn acknowledged(&self, ack: &ServerAck, now: SystemTime) {
        if ack.class.as_deref() != Some("message") {
            return;
        }
        let id = MessageId::new(&ack.id);
        let at = ack.timestamp.map_or_else(clock::wall, SystemTime::from);
        if ack.error.is_some() {
            self.outbox.refused(&id, now);
        } else if self.outbox.advance(&id, SendState::ServerAck, at, now) {
            self.traffic.count_sent();
        }
    }

    fn receipted(&self, receipt: &WireReceipt, now: SystemTime) {
        let state = match receipt.r#type {
            ReceiptType::Delivered | ReceiptType::Inactive => SendState::Delivered,
            ReceiptType::Read | ReceiptType::Played => SendState::Read,
            _ => return,
        };
        let messages: Vec<_> = receipt
            .message_ids
            .iter()
            .map(|id| MessageId::new(id))
            .collect();
        for id in &messages {
            if self.outbox.advance(id, state, clock::shown(now), now) {
                self.traffic.count_sent();
            }
        }
        let event = Receipt {
            messages,
            chat: translate::chat(&receipt.source.chat),
            by: translate::sender(&receipt.source),
            state,
        };
        let event = self.store.introduce(Occurrence::Receipt(event));
        self.journal.append(event, now);
    }
}

impl EventHandler for Inbound {
    fn handle_event(&self, event: Arc<Event>) {
        let now = clock::now();
        match &*event {
            Event::RawNode(stanza) => self.backlog.arrived(stanza),
            // What the hook has committed is in the journal; what bypasses it is not.
            Event::Messages(batch) if !batch.hook_committed => {
                let (arrivals, held) = self.admission.judge(self.arrivals(&batch.messages), now);
                self.journal.arrive(arrivals, now, |changes| {
                    held.iter().for_each(|held| held.keep(changes));
                });
            }
            Event::Messages(_) => failpoint::pass(Place::Acked),
            Event::ServerAck(ack) => self.acknowledged(ack, now),
            Event::Receipt(receipt) => self.receipted(receipt, now),
            Event::UndecryptableMessage(message) => {
                self.traffic.count_undecryptable();
                let event = Occurrence::Undecryptable(translate::undecryptable(message));
                self.journal.append(self.store.introduce(event), now);
            }
            Event::PairingQrCode(qr) => {
                self.report(Report::Qr {
                    payload: Secret(qr.code.clone()),
                    valid: qr.timeout,
                });
            }
            Event::PairingCode(code) => {
                self.report(Report::PhoneCode {
                    code: Secret(code.code.clone()),
                    valid: code.timeout,
                });
            }
            Event::PairingCodeRefresh(_) => self.report(Report::PhoneCodeSpent),
            Event::PairPasskeyRequest(request) => {
                self.report(Report::PasskeyRequest(Secret(
                    request.request_options_json.clone(),
                )));
            }
            Event::PairPasskeyConfirmation(confirmation) => {
                self.report(Report::PasskeyConfirmation(Secret(
                    confirmation.code.clone(),
                )));
            }
            Event::PairPasskeyError(_) => self.report(Report::PairingRefused(Refusal::Passkey)),
            Event::PairSuccess(_) => self.signal(Signal::Accepted),
            Event::PairError(_) => self.report(Report::PairingRefused(Refusal::Verification)),
            Event::PairingCodeError(_) => self.report(Report::PairingRefused(Refusal::Server)),
            Event::OfflineSyncCompleted(_) => self.gate.caught_up(),
            Event::Connected(_) | Event::SelfPushNameUpdated(_) => self.signal(Signal::Announced),
            other => {
                if let Some(loss) = verdict(other) {
                    self.signal(Signal::Verdict(loss));
                }
            }
        }
    }
}

/// What an event says about why the connection ends.
fn verdict(event: &Event) -> Option<Loss> {
    Some(match event {
        Event::Disconnected(_) => Loss::Connection,
        Event::PairingQrCodesExhausted(codes) if codes.disconnected => Loss::CodesExhausted,
        Event::StreamReplaced(_) => Loss::Replaced,
        Event::ClientOutdated(_) => Loss::Outdated,
        Event::TemporaryBan(ban) => Loss::Banned(ban.expire.to_std().ok()),
        Event::LoggedOut(out) => match out.reason {
            ConnectFailureReason::AccountLocked => Loss::Banned(None),
            _ => Loss::LoggedOut,
        },
        Event::ConnectFailure(failure) => match failure.reason {
            ConnectFailureReason::TempBanned => Loss::Banned(None),
            ConnectFailureReason::BadUserAgent => Loss::Outdated,
            reason => Loss::Refused(code(reason)),
        },
        _ => return None,
    })
}

/// The number on the wire.
fn code(reason: ConnectFailureReason) -> i32 {
    match reason {
        ConnectFailureReason::Generic => 400,
        ConnectFailureReason::LoggedOut => 401,
        ConnectFailureReason::TempBanned => 402,
        ConnectFailureReason::AccountLocked => 403,
        ConnectFailureReason::ClientOutdated => 405,
        ConnectFailureReason::UnknownLogout => 406,
        ConnectFailureReason::BadUserAgent => 409,
        ConnectFailureReason::CatExpired => 413,
        ConnectFailureReason::CatInvalid => 414,
        ConnectFailureReason::NotFound => 415,
        ConnectFailureReason::ClientUnknown => 418,
        ConnectFailureReason::InternalServerError => 500,
        ConnectFailureReason::Experimental => 501,
        ConnectFailureReason::ServiceUnavailable => 503,
        ConnectFailureReason::Unknown(code) => code,
    }
}

#[async_trait]
impl InboundDurabilityHook for Inbound {
    /// In the journal first, acked to WhatsApp second. What names a message here names it when it is delivered again.
    async fn on_messages(&self, _: Arc<Client>, batch: &[InboundMessage]) -> anyhow::Result<()> {
        let now = clock::now();
        let (arrivals, held) = self.admission.judge(self.arrivals(batch), now);
        // A batch of what waited at the server is durable already, in the library's words, and is found there at a start.
        let enough = self.store.pending_written();
        self.journal
            .arrived(arrivals, now, enough, |changes| {
                held.iter().for_each(|held| held.keep(changes));
                for message in batch {
                    let MessageSource { chat, sender, .. } = &message.info.source;
                    let (chat, sender) = (chat.to_string(), sender.to_string());
                    Store::settle(changes, &chat, &sender, &message.info.id);
                }
            })
            .await;
        Ok(())
    }
}

fn mark(message: &InboundMessage) -> Mark {
    let MessageSource { chat, sender, .. } = &message.info.source;
    Mark::new(&chat.to_string(), &sender.to_string(), &message.info.id)
}
