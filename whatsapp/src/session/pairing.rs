//! The connections of a device that is not linked yet: QR codes, codes to type, passkeys, and the new credentials.
//!
//! ```text
//! machine      what follows from what arrives; the next four are parts of it. Pure
//! codes        the QR codes
//! link_code    a code that is typed on the phone
//! ceremony     a passkey
//! identity     the signatures
//! desk         what a session wants from its connection
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
mod desk;
mod identity;
mod link_code;
mod machine;
mod stanza;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use whatsapp_rust::async_channel::Receiver;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::handshake::do_handshake;
use whatsapp_rust::lid_pn_cache::LearningSource;
use whatsapp_rust::socket::NoiseSocket;
use whatsapp_rust::store::commands::DeviceCommand;
use whatsapp_rust::transport::{Transport, TransportEvent, TransportFactory as _};
use whatsapp_rust::wacore::framing::FrameDecoder;
use whatsapp_rust::wacore_binary::marshal::marshal_exact;
use whatsapp_rust::wacore_binary::util::unpack_bytes;
use whatsapp_rust::wacore_binary::{Node, OwnedNodeRef};
use whatsapp_rust::{Runtime, anyhow};

pub use self::assertion::{Assertion, AssertionError};
pub(super) use self::desk::Desk;
use self::desk::{Answer, Answered};
pub use self::desk::{CeremonyEnd, HandoffProof, PasskeyError};
use self::link_code::Done;
use self::machine::{Linked, Machine, Output};
use super::{ClientVersion, Loss, Refusal, Report, Session, Versions, dial, send_report};

/// The client pings when nothing has arrived for this long, as WhatsApp Web does.
const PING_INTERVAL: Duration = Duration::from_secs(25);

/// What a connection is made with.
pub(super) struct Wire {
    pub(super) dialer: dial::Dialer,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) versions: Arc<Versions>,
    pub(super) keepalive_limit: Duration,
}

/// Makes one connection, and returns why it has ended; `None` if it was not established.
pub(super) async fn connect(
    session: &Session,
    wire: &Wire,
    version: ClientVersion,
    reports: &mpsc::Sender<Report>,
) -> Option<Loss> {
    let answers = session.desk.open();
    let mut transport = None;
    let loss = tokio::select! {
        loss = converse(session, wire, version, reports, answers, &mut transport) => loss,
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
    version: ClientVersion,
    reports: &mpsc::Sender<Report>,
    answers: mpsc::Receiver<Answer>,
    open: &mut Option<Arc<dyn Transport>>,
) -> Option<Loss> {
    let device = session.client.persistence_manager();
    let (transport, mut events) = wire.dialer.create_transport().await.ok()?;
    *open = Some(Arc::clone(&transport));
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
        versions: &wire.versions,
        version,
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
    versions: &'s Versions,
    version: ClientVersion,
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
                phone = desk.requested_code() => {
                    self.machine.request_code(phone, Instant::now());
                }
                Some(answer) = self.answers.recv() => self.answer(answer),
                Some(Ok((number, done))) = self.work.join_next() => {
                    self.machine.work_done(number, &done, Instant::now());
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
            Output::Report(report) => {
                // WhatsApp sends codes to clients only whose version it accepts.
                if matches!(report, Report::Qr { .. } | Report::PhoneCode { .. }) {
                    self.versions.accepted(self.version);
                }
                send_report(self.reports, report).await;
            }
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
