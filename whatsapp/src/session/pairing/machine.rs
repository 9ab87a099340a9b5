//! The state of one connection that links this device: what has arrived, and what follows from it. Pure: it gets the
//! time as an argument, and its [`Output`]s are carried out by [`super::connect`].
//!
//! ```text
//!           pair-device             pair-success, verified            515, or the end of the socket
//! waiting ─────────────> QR codes ─────────────────────────> signed ────────────────────────────────> linked
//!    │  a code to type: see link_code     ^                    │ another stream error
//!    │  a passkey:      see ceremony      │                    v
//!    └────────────────────────────────────┴────────────────> refused
//! ```

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::pair::PairUtils;
use whatsapp_rust::wacore::shortcake::ShortcakeUtils;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore_binary::{Jid, Node, NodeRef};
use whatsapp_rust::waproto::whatsapp::{ADVSignedDeviceIdentity, DeviceProps};
use zeroize::Zeroizing;

use super::ceremony::Ceremony;
use super::codes::{Codes, Turn};
use super::link_code::{LinkCode, Work};
use super::{PasskeyError, stanza};
use crate::session::{Loss, Refusal, Report, verdict};

/// WhatsApp answers a request within a second or two.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// After this device has signed, the server ends the connection at once.
const RESTART_TIMEOUT: Duration = Duration::from_secs(20);
/// Real routing information has a few bytes.
const MAX_ROUTING_BYTES: usize = 1024;

/// A secret of 32 bytes, wiped when it is dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// The connection's state.
pub(super) struct Machine {
    pub(super) own: Own,
    /// The key of the HMAC in `pair-success`. New for each connection and for each way to link.
    pub(super) secret: Key,
    pub(super) codes: Codes,
    pub(super) link_code: Option<LinkCode>,
    pub(super) ceremony: Option<Ceremony>,
    stage: Stage,
    questions: Vec<Pending>,
    asked: u64,
    outputs: Vec<Output>,
}

/// What of the device is needed here.
pub(super) struct Own {
    pub(super) identity: KeyPair,
    pub(super) noise: KeyPair,
    pub(super) props: Arc<DeviceProps>,
}

enum Stage {
    /// For the phone.
    Waiting,
    /// This device has signed: the server ends the connection.
    Signed {
        linked: Box<Linked>,
        until: Instant,
    },
    /// Nothing follows on this connection.
    Refused,
    Ended,
}

/// The credentials of the new link.
pub(super) struct Linked {
    pub(super) jid: Jid,
    pub(super) lid: Option<Jid>,
    pub(super) identity: ADVSignedDeviceIdentity,
    pub(super) secret: Key,
    /// The account addresses chats by LID.
    pub(super) is_lid_migrated: bool,
}

/// What the connection has to do, in this order.
pub(super) enum Output {
    Send(Node),
    Report(Report),
    /// Compute this, and return the result under this number.
    Work(u64, Work),
    /// Keep this for the next connection.
    Routing(Vec<u8>),
    /// The call that gave an assertion, or confirmed a code, has this result.
    Answered(Result<(), PasskeyError>),
    /// Store the credentials, then report them.
    Link(Box<Linked>),
    /// Close the connection. The last output.
    End(Loss),
}

/// A request that the server has not answered.
struct Pending {
    id: String,
    question: Question,
    due: Option<Instant>,
}

/// The subject of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Ping,
    /// A code to type, with its number.
    Hello(u64),
    Finish(u64),
    /// The steps of a ceremony.
    Options,
    Ref,
    Prologue,
    Nonce,
    Request,
}

impl Machine {
    pub(super) fn new(device: &Device) -> Self {
        Self {
            own: Own {
                identity: device.identity_key.clone(),
                noise: device.noise_key.clone(),
                props: Arc::clone(&device.device_props),
            },
            secret: random_key(),
            codes: Codes::default(),
            link_code: None,
            ceremony: None,
            stage: Stage::Waiting,
            questions: Vec::new(),
            asked: 0,
            outputs: Vec::new(),
        }
    }

    /// The outputs since the last call.
    pub(super) fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// When [`Machine::tick`] is due.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let signed = match &self.stage {
            Stage::Signed { until, .. } => Some(*until),
            _ => None,
        };
        let questions = self.questions.iter().filter_map(|pending| pending.due);
        let others = [
            signed,
            self.codes.due(),
            self.link_code.as_ref().and_then(LinkCode::due),
            self.ceremony.as_ref().map(Ceremony::due),
        ];
        others.into_iter().flatten().chain(questions).min()
    }

    /// Handles the passage of time.
    pub(super) fn tick(&mut self, now: Instant) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if matches!(&self.stage, Stage::Signed { until, .. } if *until <= now)
            || self.questions.iter().any(|pending| is_due(pending.due))
        {
            return self.lost();
        }
        if is_due(self.ceremony.as_ref().map(Ceremony::due)) {
            return self.ceremony_expired();
        }
        if is_due(self.link_code.as_ref().and_then(LinkCode::due)) {
            self.link_code_spent(now);
        }
        match self.codes.turn(now) {
            Turn::Stay => {}
            Turn::Next => self.show_code(now),
            // A code to type lives longer than the QR codes.
            Turn::Exhausted if self.link_code.is_some() => {}
            Turn::Exhausted => self.end(Loss::CodesExhausted),
        }
    }

    /// Handles a stanza.
    pub(super) fn receive(&mut self, node: &NodeRef<'_>, now: Instant) {
        if matches!(self.stage, Stage::Ended) {
            return;
        }
        match node.tag.as_ref() {
            "iq" if stanza::is_from_server(node) => self.receive_iq(node, now),
            "notification" if stanza::is_from_server(node) => self.receive_notification(node, now),
            "ib" => self.receive_ib(node),
            "failure" => self.end(verdict::failure(node)),
            "stream:error" => self.receive_stream_error(node),
            "xmlstreamend" => self.lost(),
            _ => tracing::debug!("stanza ignored while linking"),
        }
    }

    /// The socket has ended.
    pub(super) fn lost(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Ended => return,
            // The server's last stanza may be lost with the connection: the login shows whether the device is linked.
            Stage::Signed { linked, .. } => {
                self.output(Output::Link(linked));
                return self.end(Loss::Restart);
            }
            Stage::Waiting | Stage::Refused => {}
        }
        self.end(Loss::Connection);
    }

    /// A stanza could not be sent, and the socket has ended.
    pub(super) fn unsent(&mut self) {
        // The phone waits for this device's signature in vain.
        if matches!(self.stage, Stage::Signed { .. }) {
            self.stage = Stage::Waiting;
        }
        self.lost();
    }

    /// Pings the server.
    pub(super) fn ping(&mut self) {
        let id = self.next_id();
        self.ask_as(id.clone(), Question::Ping, None);
        self.send(stanza::ping(&id));
    }

    fn receive_iq(&mut self, node: &NodeRef<'_>, now: Instant) {
        if let Some(pong) = stanza::pong(node) {
            return self.send(pong);
        }
        if stanza::is(node, "type", "result") || stanza::is(node, "type", "error") {
            return self.receive_answer(node, now);
        }
        if let Some(offer) = node.get_optional_child("pair-device") {
            if let Some(ack) = PairUtils::build_ack_node_ref(node) {
                self.send(ack);
            }
            self.receive_refs(offer, now);
        } else if let Some(success) = node.get_optional_child("pair-success") {
            self.receive_success(node, success, now);
        }
    }

    fn receive_answer(&mut self, node: &NodeRef<'_>, now: Instant) {
        let id = stanza::text(node, "id").unwrap_or_default();
        let Some(place) = self.questions.iter().position(|pending| pending.id == id) else {
            return;
        };
        let Pending { question, .. } = self.questions.swap_remove(place);
        let refused = stanza::error_code(node);
        match question {
            Question::Ping => {}
            Question::Hello(number) => self.hello_answered(number, node, refused, now),
            Question::Finish(number) => self.finish_answered(number, refused),
            Question::Options => self.options_answered(node, refused, now),
            Question::Ref => self.ref_answered(node, refused, now),
            Question::Prologue => self.prologue_answered(refused),
            Question::Nonce => self.nonce_answered(refused, now),
            Question::Request => self.request_answered(refused),
        }
    }

    fn receive_notification(&mut self, node: &NodeRef<'_>, now: Instant) {
        if let Some(ack) = stanza::ack(node) {
            self.send(ack);
        }
        if !self.is_waiting() {
            return;
        }
        match stanza::text(node, "type").as_deref() {
            Some("link_code_companion_reg") => self.receive_link_code(node, now),
            Some("companion_reg_refresh") => self.receive_refresh(node, now),
            Some("passkey_prologue_request") => self.receive_passkey_request(node, now),
            Some("crsc_continuation") => self.receive_continuation(node, now),
            _ => {}
        }
    }

    fn receive_ib(&mut self, node: &NodeRef<'_>) {
        let routing = node.get_optional_child("edge_routing");
        let routing = routing.and_then(|it| stanza::content(it, "routing_info"));
        if let Some(routing) = routing
            && (1..=MAX_ROUTING_BYTES).contains(&routing.len())
        {
            self.output(Output::Routing(routing.to_vec()));
        }
    }

    fn receive_stream_error(&mut self, node: &NodeRef<'_>) {
        let Some(loss) = verdict::stream_error(node) else {
            // The end of the stream follows.
            return;
        };
        match &self.stage {
            Stage::Signed { .. } if loss == Loss::Restart => self.lost(),
            Stage::Signed { .. } => {
                tracing::warn!(?loss, "WhatsApp refused this device's signature");
                self.refuse(Refusal::Verification);
                self.end(loss);
            }
            _ => self.end(loss),
        }
    }

    /// This device signs, and expects the server to end the connection.
    pub(super) fn signed(&mut self, linked: Box<Linked>, now: Instant) {
        self.settle();
        let until = now + RESTART_TIMEOUT;
        self.stage = Stage::Signed { linked, until };
        self.report(Report::Signed);
    }

    /// Refuses to link, or reports that WhatsApp or the phone has. Nothing follows on this connection.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.settle();
        self.stage = Stage::Refused;
        self.report(Report::PairingRefused(refusal));
    }

    /// Nothing is pending any more.
    fn settle(&mut self) {
        self.codes.stop();
        self.link_code = None;
        self.ceremony = None;
        self.questions.clear();
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting)
    }

    fn end(&mut self, loss: Loss) {
        self.ceremony_lost();
        self.settle();
        self.stage = Stage::Ended;
        self.output(Output::End(loss));
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push(output);
    }

    pub(super) fn send(&mut self, node: Node) {
        self.output(Output::Send(node));
    }

    pub(super) fn report(&mut self, report: Report) {
        self.output(Output::Report(report));
    }

    /// Sends a request, and waits for its answer until the connection is considered lost.
    pub(super) fn ask(
        &mut self,
        question: Question,
        kind: &'static str,
        child: Node,
        now: Instant,
    ) {
        let id = self.next_id();
        self.ask_as(id.clone(), question, Some(now + ANSWER_TIMEOUT));
        self.send(stanza::request(&id, kind, child));
    }

    /// Waits for the answer to a request.
    pub(super) fn ask_as(&mut self, id: String, question: Question, due: Option<Instant>) {
        self.questions.push(Pending { id, question, due });
    }

    /// Forgets requests.
    pub(super) fn forget(&mut self, question: impl Fn(Question) -> bool) {
        self.questions.retain(|pending| !question(pending.question));
    }

    /// A number that this connection has not used.
    pub(super) fn next_number(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    pub(super) fn next_id(&mut self) -> String {
        format!("pairing-{}", self.next_number())
    }
}

/// A new secret.
pub(super) fn random_key() -> Key {
    Zeroizing::new(ShortcakeUtils::generate_companion_nonce())
}
