//! Processes what arrives: records messages in the journal before WhatsApp gets the ack, and reports all other events.

mod notices;
mod profiles;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use openclaw_state::admission::{Admission, Held, Parked};
use openclaw_state::clock;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_state::journal::{Arrival, Journal, MessageName};
use openclaw_state::outbox::Outbox;
use openclaw_state::people::People as _;
use openclaw_state::presence::Presence;
use openclaw_state::traffic::Traffic;
use openclaw_state::vault::Ticket;
use openclaw_types::{AuthorCheck, Contact, EventData, MessageId, Nack, Receipt, SendState};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::Instant;
use whatsapp_rust::anyhow;
use whatsapp_rust::client::Client;
use whatsapp_rust::types::durability_hook::InboundDurabilityHook;
use whatsapp_rust::types::events::{
    Event, EventHandler, InboundMessage, Receipt as WireReceipt, ServerAck,
};
use whatsapp_rust::types::message::{MessageInfo, MessageSource};
use whatsapp_rust::types::presence::ReceiptType;

use super::backlog::Backlog;
use super::gate::Gate;
use super::order::{Order, Position};
use super::recipients::Recipients;
use super::verdict::verdict;
use super::{Report, Seen, Setup, chats, expiry, polls, resend, restriction, translate};
use crate::store::Store;

/// Messages of a batch that are copied and written at a time: a batch has up to 400, and 4 MiB.
const MESSAGES_PER_WRITE: usize = 32;

/// A message of a batch with its position in its conversation, if that is known.
struct Placed<'a> {
    place: Option<Position>,
    name: MessageName,
    message: &'a InboundMessage,
}

/// Receives the library's events. It never blocks: work that has to wait is left to the driver, in [`Seen`].
#[derive(Clone)]
pub(super) struct Inbound {
    store: Store,
    journal: Arc<Journal>,
    outbox: Arc<Outbox>,
    traffic: Arc<Traffic>,
    admission: Arc<Admission>,
    presence: Arc<Presence>,
    /// Weak: only the driver keeps the channel open, whatever else holds the session.
    reports: mpsc::WeakSender<Report>,
    seen: Arc<Seen>,
    gate: Arc<Gate>,
    backlog: Arc<Backlog>,
    order: Arc<Order>,
    recipients: Arc<Recipients>,
    /// Whether a task is running that releases messages waiting for their position in their conversation.
    releasing: Arc<AtomicBool>,
}

/// How often to check whether waiting messages can be released.
const RELEASE_INTERVAL: Duration = Duration::from_millis(250);

impl Inbound {
    pub(super) fn new(
        setup: &Setup,
        store: Store,
        reports: mpsc::WeakSender<Report>,
        seen: Arc<Seen>,
        gate: Arc<Gate>,
        backlog: Arc<Backlog>,
        recipients: Arc<Recipients>,
    ) -> Self {
        Self {
            store,
            journal: Arc::clone(&setup.journal),
            outbox: Arc::clone(&setup.outbox),
            traffic: Arc::clone(&setup.traffic),
            admission: Arc::clone(&setup.admission),
            presence: Arc::clone(&setup.presence),
            reports,
            seen,
            gate,
            backlog,
            order: Arc::default(),
            recipients,
            releasing: Arc::default(),
        }
    }

    /// Sorts a batch by arrival, regardless of the library's queues that its messages came through.
    fn in_order<'a>(&self, batch: &'a [InboundMessage]) -> Vec<Placed<'a>> {
        let placed = batch.iter().map(|message| {
            let name = self.name(message);
            let place = self.order.landed(&name);
            Placed {
                place,
                name,
                message,
            }
        });
        let placed: Vec<_> = placed.collect();
        // Sorts within each conversation. A message without a known position stays behind its predecessor in the
        // batch.
        let mut chats: HashMap<String, Vec<(u64, usize)>> = HashMap::new();
        for (index, Placed { place, name, .. }) in placed.iter().enumerate() {
            let chat = name.chats().first().cloned().unwrap_or_default();
            let numbers = chats.entry(chat).or_default();
            let before = numbers.last().map_or(0, |(number, _)| *number);
            let number = place.as_ref().map_or(before, |place| place.number);
            numbers.push((number, index));
        }
        let mut order: Vec<usize> = (0..placed.len()).collect();
        for numbers in chats.into_values() {
            let mut sorted = numbers.clone();
            sorted.sort_by_key(|(number, _)| *number);
            for ((_, slot), (_, index)) in numbers.into_iter().zip(sorted) {
                order[slot] = index;
            }
        }
        let mut placed: Vec<_> = placed.into_iter().map(Some).collect();
        order
            .into_iter()
            .filter_map(|index| placed.get_mut(index)?.take())
            .collect()
    }

    /// The messages that have not arrived before, for the journal, with their positions in their conversations.
    fn arrivals(&self, part: &[Placed<'_>]) -> Vec<(Option<Position>, Arrival)> {
        let mut arrivals = Vec::with_capacity(part.len());
        for Placed {
            place,
            name,
            message,
        } in part
        {
            if let Some((chat, seconds)) = translate::timer(message) {
                self.store.set_timer(&chat, seconds);
            }
            if self.journal.knows(name) {
                continue;
            }
            polls::arrived(&self.store, message);
            let (place, name) = (place.clone(), name.clone());
            let mut what = translate::event_data(message);
            if let Some(EventData::Message(vote)) = &mut what {
                let before = arrivals.iter().map(|(_, arrival): &(_, Arrival)| arrival);
                polls::open_vote(&self.store, &self.journal, before, &message.message, vote);
            }
            if let Some(EventData::Message(message)) = &what
                && !message.origin.from_me
            {
                self.traffic.count_received();
            }
            arrivals.push((place, Arrival { name, what }));
        }
        arrivals
    }

    /// Applies the allowlist to the arrivals, in the order of arrival. A message that overtook another one of its
    /// conversation is held until that one has arrived, too.
    fn judged(
        &self,
        arrivals: Vec<(Option<Position>, Arrival)>,
        now: SystemTime,
    ) -> (Vec<Arrival>, Vec<Held>) {
        let (places, arrivals): (Vec<_>, Vec<_>) = arrivals.into_iter().unzip();
        let (mut arrivals, mut held) = self.admission.judge(arrivals, now);
        let instant = Instant::now();
        for (place, arrival) in places.into_iter().zip(&mut arrivals) {
            if arrival.what.is_some()
                && let Some(place) = place
                && let Some(behind) = self.order.waits(&place, arrival.name.mark(), instant)
            {
                held.extend(self.admission.park(arrival, behind, now));
            }
        }
        (arrivals, held)
    }

    /// Applies the allowlist to messages that an earlier process decrypted but did not record, in their order: after
    /// messages that have been waiting since then, but before those that wait for them.
    pub(super) fn recovered(
        &self,
        arrivals: Vec<Arrival>,
        now: SystemTime,
    ) -> (Vec<Arrival>, Vec<Held>) {
        let placed = arrivals.into_iter().map(|arrival| {
            let place = self.order.recovered(&arrival.name);
            (place, arrival)
        });
        self.judged(placed.collect(), now)
    }

    /// Restores the messages that waited for others when an earlier session or process ended.
    pub(super) fn restore(&self) {
        let now = Instant::now();
        for Parked { mark, chat, behind } in self.admission.parked() {
            self.order.restore(chat.jid(), mark, behind, now);
        }
        self.release();
    }

    /// Releases messages to the journal whose predecessors have arrived by now, and checks again while any wait.
    pub(super) fn release(&self) {
        let ready = self.order.ready(Instant::now());
        self.admission.release(&ready, clock::now());
        if self.order.has_waiting() && !self.releasing.swap(true, Ordering::AcqRel) {
            let inbound = self.clone();
            // The task ends, because no message waits for long.
            tokio::spawn(async move {
                while inbound.order.has_waiting() {
                    tokio::time::sleep(RELEASE_INTERVAL).await;
                    let ready = inbound.order.ready(Instant::now());
                    inbound.admission.release(&ready, clock::now());
                }
                inbound.releasing.store(false, Ordering::Release);
            });
        }
    }

    /// The name that identifies a message, also when it is delivered again.
    fn name(&self, message: &InboundMessage) -> MessageName {
        self.name_of(&message.info)
    }

    fn name_of(&self, info: &MessageInfo) -> MessageName {
        let MessageSource {
            chat,
            sender,
            sender_alt,
            recipient_alt,
            ..
        } = &info.source;
        let (sender_alt, recipient_alt) = (
            sender_alt.as_ref().map(ToString::to_string),
            recipient_alt.as_ref().map(ToString::to_string),
        );
        self.store.message_name(
            [&chat.to_string(), &sender.to_string()],
            [recipient_alt.as_deref(), sender_alt.as_deref()],
            &info.id,
        )
    }

    fn report(&self, report: Report) {
        // The channel is full only if one connection sends more reports than expected; the end of the connection still
        // arrives, because the driver waits until it can report that. It is closed if the owner has dropped this
        // connection.
        if let Some(reports) = self.reports.upgrade()
            && let Err(TrySendError::Full(report)) = reports.try_send(report)
        {
            tracing::warn!(kind = report.name(), "internal event dropped, channel full");
        }
    }

    /// Applies the allowlist to arrivals that the library acks by itself, and records them.
    fn record(&self, arrivals: Vec<(Option<Position>, Arrival)>, now: SystemTime) -> Ticket {
        let (arrivals, held) = self.judged(arrivals, now);
        self.journal.arrive(arrivals, now, |changes, aside| {
            Held::keep(&held, aside, changes);
        })
    }

    fn acknowledged(&self, ack: &ServerAck, now: SystemTime) {
        if ack.class.as_deref() != Some("message") {
            return;
        }
        let id = MessageId::new(&ack.id);
        let at = ack.timestamp.map_or_else(clock::wall, SystemTime::from);
        if let Some(code) = &ack.error {
            let nack = Nack::parse(code);
            self.recipients.refused(nack);
            self.seen.refusals.on(nack);
            if self.outbox.refused(&id, nack, now) {
                tracing::warn!(
                    id = id.as_str(),
                    code = nack.0,
                    meaning = nack.meaning(),
                    "message refused by WhatsApp"
                );
            }
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
        let receipt = Receipt {
            messages,
            chat: translate::chat(&receipt.source.chat),
            by: translate::sender(&receipt.source),
            state,
            check: AuthorCheck::Unspecified,
        };
        for event in self.admission.authorship().receipt(receipt) {
            if let EventData::Receipt(receipt) = &event {
                for id in &receipt.messages {
                    if self.outbox.advance(id, state, clock::shown(now), now) {
                        self.traffic.count_sent();
                    }
                }
            }
            self.journal.append(event, now);
        }
    }
}

impl EventHandler for Inbound {
    fn handle_event(&self, event: Arc<Event>) {
        let now = clock::now();
        match &*event {
            Event::RawNode(stanza) => {
                self.backlog.arrived(stanza);
                self.order.arrived(stanza, &self.store);
                self.recipients.arrived(stanza);
                if let Some(id) = resend::requested(stanza) {
                    tracing::info!(
                        id,
                        "recipient could not decrypt a message and requests it again"
                    );
                    self.traffic.count_resend_requested();
                }
                if let Some(at) = expiry::announced(stanza) {
                    self.report(Report::Expires(at));
                }
                if let Some(change) = translate::picture(stanza.get()) {
                    self.group_changed(change, now);
                }
                let is_ours = |who: &Contact| self.store.is_account(who);
                if let Some(event) = translate::sealed_for_the_phone(stanza.get(), is_ours) {
                    self.traffic.count_undecryptable();
                    self.journal.append(self.store.resolve_contacts(event), now);
                }
            }
            // Messages that the hook has committed are in the journal; those that bypass the hook are not.
            Event::Messages(batch) if !batch.hook_committed => {
                self.record(self.arrivals(&self.in_order(&batch.messages)), now);
                self.release();
            }
            Event::Messages(_) => failpoint::pass(Failpoint::Acked),
            Event::GroupUpdate(update) => {
                self.group_changed(translate::group_change(update), now);
            }
            Event::IncomingCall(call) => {
                if let Some(call) = translate::call(call) {
                    self.called(call, now);
                }
            }
            Event::MissedCall(call) => self.called(translate::missed_call(call), now),
            Event::CallEndedElsewhere(call) => {
                self.called(translate::answered_elsewhere(call), now);
            }
            Event::PictureUpdate(update) => self.picture_changed(update, now),
            Event::UserAboutUpdate(update) => self.about_changed(update, now),
            Event::BusinessStatusUpdate(update) => self.business_changed(update, now),
            Event::ContactUpdated(update) => self.contact_changed(&update.jid, now),
            Event::ContactUpdate(update) => self.contact_saved(update, now),
            Event::ServerAck(ack) => self.acknowledged(ack, now),
            Event::Receipt(receipt) => self.receipted(receipt, now),
            Event::Presence(update) => self.presence.report(chats::presence(update)),
            Event::ChatPresence(update) => self.presence.report(chats::typing(update)),
            Event::UndecryptableMessage(message) => {
                self.traffic.count_undecryptable();
                let event = EventData::Undecryptable(translate::undecryptable(message));
                self.journal.append(self.store.resolve_contacts(event), now);
                let _ = self.order.landed(&self.name_of(&message.info));
                self.release();
            }
            Event::MexNotification(news) => {
                if let Some(report) = restriction::notified(&news.op_name, &news.payload) {
                    self.report(Report::Restriction(report));
                }
            }
            Event::AppStateSyncFailed(failed) => self.seen.skipped.add(&failed.skipped),
            // The end of the stream follows, and is reported then.
            Event::StreamError(error) => {
                tracing::warn!(code = error.code, "stream error from WhatsApp's server");
            }
            Event::OfflineSyncCompleted(_) => {
                self.order.caught_up(Instant::now());
                self.gate.caught_up();
            }
            Event::Connected(_) | Event::SelfPushNameUpdated(_) => self.seen.announced.notify_one(),
            other => {
                if let Some(loss) = verdict(other) {
                    self.seen.ends(loss);
                }
            }
        }
    }
}

#[async_trait]
impl InboundDurabilityHook for Inbound {
    /// Writes to the journal first, and lets the library ack to WhatsApp after that. A message is identified here by
    /// the same name when it is delivered again.
    async fn on_messages(&self, _: Arc<Client>, batch: &[InboundMessage]) -> anyhow::Result<()> {
        let now = clock::now();
        self.backlog.committed(batch);
        // A batch of the backlog is already durable in the library's format, from which a restart recovers it.
        let enough = self.store.pending_written();
        if batch.len() > MESSAGES_PER_WRITE {
            // Wait once for all parts, or each of them would wait for the disk.
            self.store.vault().durable(enough).await;
        }
        for part in self.in_order(batch).chunks(MESSAGES_PER_WRITE) {
            let (arrivals, held) = self.judged(self.arrivals(part), now);
            self.journal
                .arrived(arrivals, now, enough, |changes, aside| {
                    Held::keep(&held, aside, changes);
                    for Placed { message, .. } in part {
                        let MessageSource { chat, sender, .. } = &message.info.source;
                        let (chat, sender) = (chat.to_string(), sender.to_string());
                        Store::settle(changes, &chat, &sender, &message.info.id);
                    }
                })
                .await;
        }
        self.release();
        Ok(())
    }
}
