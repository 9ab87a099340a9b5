//! The connections of a device that is not linked yet: QR codes, codes to type, passkeys, and the new credentials.
//!
//! ```text
//! machine      what follows from what arrives; the next three are parts of it. Pure
//! codes        the QR codes
//! link_code    a code that is typed on the phone
//! ceremony     a passkey
//! identity     the signatures
//! assertion    what a person's browser answers to a passkey's request
//! stanza       the stanzas
//! ```
//!
//! The library can link by itself, but refuses hosted accounts, ends the connection in the middle of a passkey ceremony
//! (160 s after the first QR code), and cannot send a handoff proof for a first link. None of that can be changed from
//! outside, so this uses only its parts: handshake, frames, stanzas and cryptography. The connections of a linked device
//! are the library's.

mod assertion;
mod ceremony;
mod codes;
mod identity;
mod link_code;
mod machine;
mod stanza;
#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openclaw_types::Phone;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use whatsapp_rust::async_channel::Receiver;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::handshake::do_handshake;
use whatsapp_rust::http::HttpClient;
use whatsapp_rust::lid_pn_cache::LearningSource;
use whatsapp_rust::socket::NoiseSocket;
use whatsapp_rust::store::commands::DeviceCommand;
use whatsapp_rust::transport::{Transport, TransportEvent, TransportFactory as _};
use whatsapp_rust::version::resolve_and_update_version;
use whatsapp_rust::wacore::framing::FrameDecoder;
use whatsapp_rust::wacore_binary::marshal::marshal_exact;
use whatsapp_rust::wacore_binary::util::unpack_bytes;
use whatsapp_rust::wacore_binary::{Node, OwnedNodeRef};
use whatsapp_rust::{Runtime, anyhow};

pub use self::assertion::{Assertion, AssertionError, MAX_ASSERTION_BYTES};
use self::link_code::Done;
use self::machine::{Linked, Machine, Output};
use super::{Loss, Refusal, Report, Session, dial, lock, send_report};

/// The client pings when nothing has arrived for this long, as WhatsApp Web does.
const PING_INTERVAL: Duration = Duration::from_secs(25);
/// A person gives one answer at a time.
const MAX_QUEUED_ANSWERS: usize = 4;

/// How the phone learns that it scanned this device's code, and not somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoffProof {
    /// This device sends a proof: no code is compared.
    Send,
    /// A person compares the code on the phone with this device's.
    CompareCode,
}

/// Why an answer to a passkey's request had no effect, or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// No ceremony waits for this.
    #[error("WhatsApp is not waiting for this: pair, and answer when it asks for a passkey")]
    NotAsked,
    /// The assertion answers an older request, or that of another pairing.
    #[error("the assertion answers another request: make one for the latest request")]
    OtherChallenge,
    /// WhatsApp, or the person at the phone, refused, with this code.
    #[error("WhatsApp refused with code {0}: pair again")]
    Refused(u16),
    /// WhatsApp or the phone sent something that this version does not understand.
    #[error("WhatsApp's answer is not understood by this version: pair again")]
    Unreadable,
    /// The connection ended before WhatsApp answered.
    #[error("the connection to WhatsApp was lost: pair again")]
    Disconnected,
    /// The ceremony's time limit passed.
    #[error("the passkey's time limit passed: pair again")]
    Expired,
}

/// Why a passkey ceremony failed. All of it begins again with a new code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CeremonyEnd {
    /// Its time limit passed.
    Expired,
    /// WhatsApp refused the assertion, with this code: probably another account's passkey.
    AssertionRefused(u16),
    /// The assertion was accepted, but the phone or its person declined, with this code.
    Declined(u16),
    /// The connection ended, and the ceremony's keys with it.
    Lost,
    /// WhatsApp or the phone sent something that this version does not understand.
    Unreadable,
}

/// What a session wants from its connection.
pub(super) struct Desk {
    /// Show a code for this number.
    phone: Mutex<Option<Phone>>,
    requested: Notify,
    /// To the current connection, if it is one that links.
    answers: Mutex<Option<mpsc::Sender<Answer>>>,
    closed: watch::Sender<bool>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            phone: Mutex::default(),
            requested: Notify::default(),
            answers: Mutex::default(),
            closed: watch::Sender::new(false),
        }
    }
}

/// An answer of a person, and where its result goes.
struct Answer {
    what: Answered,
    reply: oneshot::Sender<Result<(), PasskeyError>>,
}

enum Answered {
    Assertion(Assertion, HandoffProof),
    Confirmation,
}

impl Desk {
    /// Requests a code to type, on the connection that is being made.
    pub(super) fn request_code(&self, phone: Phone) {
        *lock(&self.phone) = Some(phone);
        self.requested.notify_one();
    }

    pub(super) async fn answer(
        &self,
        assertion: Assertion,
        proof: HandoffProof,
    ) -> Result<(), PasskeyError> {
        self.give(Answered::Assertion(assertion, proof)).await
    }

    pub(super) async fn confirm(&self) -> Result<(), PasskeyError> {
        self.give(Answered::Confirmation).await
    }

    async fn give(&self, what: Answered) -> Result<(), PasskeyError> {
        let answers = lock(&self.answers).clone().ok_or(PasskeyError::NotAsked)?;
        let (reply, result) = oneshot::channel();
        let given = answers.send(Answer { what, reply }).await;
        given.map_err(|_| PasskeyError::Disconnected)?;
        result.await.unwrap_or(Err(PasskeyError::Disconnected))
    }

    /// Ends the connection, if it is one that links. There is no other one after it.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    async fn closed(&self) {
        // Fails only if the sender is dropped, and `self` has it.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    fn open(&self) -> mpsc::Receiver<Answer> {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED_ANSWERS);
        *lock(&self.answers) = Some(sender);
        receiver
    }

    /// Forgets what the connection was asked for.
    fn clear(&self) {
        *lock(&self.answers) = None;
        *lock(&self.phone) = None;
    }
}

/// What a connection is made with.
pub(super) struct Wire {
    pub(super) dialer: dial::Dialer,
    pub(super) http: Arc<dyn HttpClient>,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) version: Option<(u32, u32, u32)>,
    pub(super) keepalive_limit: Duration,
}

/// Makes one connection, and returns why it has ended; `None` if it was not established.
pub(super) async fn connect(
    session: &Session,
    wire: &Wire,
    reports: &mpsc::Sender<Report>,
) -> Option<Loss> {
    let answers = session.desk.open();
    let mut transport = None;
    let loss = tokio::select! {
        loss = converse(session, wire, reports, answers, &mut transport) => loss,
        () = session.desk.closed() => None,
    };
    session.desk.clear();
    if let Some(transport) = transport {
        transport.disconnect().await;
    }
    loss
}

async fn converse(
    session: &Session,
    wire: &Wire,
    reports: &mpsc::Sender<Report>,
    answers: mpsc::Receiver<Answer>,
    open: &mut Option<Arc<dyn Transport>>,
) -> Option<Loss> {
    let device = session.client.persistence_manager();
    // As the library does before its connections.
    let version = resolve_and_update_version(&device, &wire.http, wire.version);
    let (version, dialled) = tokio::join!(version, wire.dialer.create_transport());
    let (transport, mut events) = dialled.ok()?;
    *open = Some(Arc::clone(&transport));
    version.ok()?;
    // Only a login has something to resume.
    let failed_resumptions = AtomicU32::new(0);
    let shaken = do_handshake(
        Arc::clone(&wire.runtime),
        &device,
        &failed_resumptions,
        transport,
        &mut events,
        None,
    );
    let socket = match shaken.await {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "handshake with WhatsApp failed");
            return None;
        }
    };
    let mut connection = Connection {
        session,
        socket,
        reports,
        answers,
        machine: Machine::new(&device.get_device_snapshot()),
        frames: FrameDecoder::new(),
        work: JoinSet::new(),
        reply: None,
        limit: wire.keepalive_limit,
        last_frame: Instant::now(),
        pinged: false,
    };
    Some(connection.run(&events).await)
}

/// An established connection.
struct Connection<'s> {
    session: &'s Session,
    socket: Arc<NoiseSocket>,
    reports: &'s mpsc::Sender<Report>,
    answers: mpsc::Receiver<Answer>,
    machine: Machine,
    frames: FrameDecoder,
    work: JoinSet<(u64, Done)>,
    /// The caller that waits for [`Output::Answered`].
    reply: Option<oneshot::Sender<Result<(), PasskeyError>>>,
    limit: Duration,
    last_frame: Instant,
    pinged: bool,
}

impl Connection<'_> {
    async fn run(&mut self, events: &Receiver<TransportEvent>) -> Loss {
        loop {
            for output in self.machine.take_outputs() {
                if let Some(loss) = self.carry_out(output).await {
                    return loss;
                }
            }
            let due = self.silence_due();
            let wake_at = self.machine.wake_at().map_or(due, |at| at.min(due));
            let desk = &self.session.desk;
            tokio::select! {
                biased;
                event = events.recv() => self.receive(event.ok()),
                () = desk.requested.notified() => {
                    if let Some(phone) = lock(&desk.phone).take() {
                        self.machine.request_code(phone, Instant::now());
                    }
                }
                Some(answer) = self.answers.recv() => self.answer(answer),
                Some(Ok((number, done))) = self.work.join_next() => {
                    self.machine.work_done(number, done, Instant::now());
                }
                () = tokio::time::sleep_until(wake_at) => self.tick().await,
            }
        }
    }

    /// Handles the bytes, or the end, of the socket.
    fn receive(&mut self, event: Option<TransportEvent>) {
        match event {
            Some(TransportEvent::DataReceived(bytes)) => {
                (self.last_frame, self.pinged) = (Instant::now(), false);
                self.frames.feed(&bytes);
            }
            Some(TransportEvent::Connected) => {}
            Some(TransportEvent::Disconnected(_)) | None => self.machine.lost(),
        }
        while let Some(frame) = self.frames.decode_frame() {
            let Ok(frame) = self.socket.decrypt_frame(frame) else {
                tracing::warn!("a frame of WhatsApp does not decrypt");
                return self.machine.lost();
            };
            let stanza = unpack_bytes(frame).and_then(OwnedNodeRef::new);
            match stanza {
                Ok(stanza) => self.machine.receive(stanza.get(), self.last_frame),
                Err(_) => tracing::warn!("a malformed stanza was ignored"),
            }
        }
    }

    /// Carries out one output. Returns why the connection has ended, if it has.
    async fn carry_out(&mut self, output: Output) -> Option<Loss> {
        match output {
            Output::Send(node) => {
                if let Err(error) = self.send(&node).await {
                    tracing::debug!(%error, "cannot send while linking");
                    self.machine.unsent();
                }
            }
            Output::Report(report) => send_report(self.reports, report).await,
            Output::Work(number, work) => {
                self.work.spawn_blocking(move || (number, work.run()));
            }
            Output::Routing(routing) => {
                let device = self.session.client.persistence_manager();
                device
                    .modify_device(|device| device.edge_routing_info = Some(routing))
                    .await;
            }
            Output::Answered(result) => {
                if let Some(reply) = self.reply.take() {
                    // The caller may have given up.
                    let _ = reply.send(result);
                }
            }
            Output::Link(linked) => {
                let report = self.session.link(*linked).await;
                send_report(self.reports, report).await;
            }
            Output::End(loss) => return Some(loss),
        }
        None
    }

    async fn send(&self, node: &Node) -> anyhow::Result<()> {
        let bytes = marshal_exact(node)?;
        self.socket.encrypt_and_send(Bytes::from(bytes)).await?;
        Ok(())
    }

    fn answer(&mut self, answer: Answer) {
        let Answer { what, reply } = answer;
        let now = Instant::now();
        let taken = match what {
            Answered::Assertion(assertion, proof) => self.machine.answer(assertion, proof, now),
            Answered::Confirmation => self.machine.confirm(now),
        };
        match taken {
            Ok(()) => self.reply = Some(reply),
            Err(error) => {
                // The caller may have given up.
                let _ = reply.send(Err(error));
            }
        }
    }

    /// When the silence of the server has to be checked next.
    fn silence_due(&self) -> Instant {
        let ping_after = PING_INTERVAL.min(self.limit / 2);
        let after = if self.pinged { self.limit } else { ping_after };
        self.last_frame + after
    }

    async fn tick(&mut self) {
        let now = Instant::now();
        if self.silence_due() > now {
            self.machine.tick(now);
        } else if self.pinged {
            send_report(self.reports, Report::Silent).await;
            self.machine.lost();
        } else {
            self.pinged = true;
            self.machine.ping();
        }
    }
}

impl Session {
    /// Stores the credentials of the new link, as the library does when it links. One thing differs: a business name does
    /// not become the name of the account, because the library reads the account's settings after the first login only
    /// if there is no name.
    async fn link(&self, linked: Linked) -> Report {
        let Linked {
            jid,
            lid,
            identity,
            secret,
            is_lid_migrated,
        } = linked;
        let device = self.client.persistence_manager();
        let (number, user) = (
            jid.user.to_string(),
            lid.as_ref().map(|lid| lid.user.to_string()),
        );
        for command in [
            DeviceCommand::SetAdvSecretKey(*secret),
            DeviceCommand::SetAccount(Some(identity)),
            DeviceCommand::SetLid(lid),
            DeviceCommand::SetLidMigrated(is_lid_migrated),
            DeviceCommand::SetId(Some(jid)),
        ] {
            device.process_command(command).await;
        }
        // The first login uploads keys.
        device
            .modify_device(|device| device.server_has_prekeys = false)
            .await;
        if let Some(user) = user {
            let mapping = self
                .client
                .add_lid_pn_mapping(&user, &number, LearningSource::Pairing);
            if mapping.await.is_err() {
                tracing::warn!("cannot store the account's LID");
            }
        }
        match (device.flush().await, self.account()) {
            (Ok(()), Some((phone, lid))) => Report::Accepted { phone, lid },
            (Err(_), _) => Report::PairingRefused(Refusal::Storage),
            (Ok(()), None) => Report::PairingRefused(Refusal::Verification),
        }
    }
}
