//! Reads from the socket only while few messages wait inside the library.
//!
//! The library reads each frame as soon as it arrives, and keeps each message in an unbounded queue until it is
//! decrypted, durable and acked (whatsapp-rust 0.7.0, `src/handlers/message.rs:78`). If messages arrive faster than
//! the disk stores them, that would fill the memory; if they stay in the socket, the server slows down instead.
//!
//! Three queues have a bound here:
//!
//! - stanzas in the queue of their chat: a message counts as long as the library holds its stanza;
//! - messages that have left that queue and wait to be decrypted, one per chat: [`Turns`] counts them;
//! - receipts and acks of processed messages, in unbounded queues (`src/message/dispatch.rs:120`): the library reports
//!   their number on request, and is queried from time to time.
//!
//! A message may be unable to proceed until a stanza arrives that is behind the waiting ones (for example a response
//! of the server): after a time without progress a little more is read. Disk activity counts as progress, or a slow
//! disk would lift the bound; but only up to a limit.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use openclaw_state::vault::Vault;
use tokio::time::Instant;
use whatsapp_rust::OwnedNodeRef;
use whatsapp_rust::async_channel::{self, Receiver, Sender};
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::client::Client;
use whatsapp_rust::transport::TransportEvent;
use whatsapp_rust::types::events::InboundMessage;

use super::lock;
use super::runtime::Turns;

/// The maximum number of messages in the queues of their chats. Messages that are decrypted but not yet durable do not
/// count: the library keeps up to 400 of them, or 4 MiB (`src/message/commit_batch.rs`).
const MAX_MESSAGES: usize = 512;
/// The maximum bytes of encrypted messages that wait, which limits few large ones.
const MAX_BYTES: usize = 1 << 20;
/// The maximum number of messages that wait to be decrypted. Each has its own task, and may be large.
const MAX_TURNS: usize = 64;
/// The maximum number of receipts and acks that wait to be written.
const MAX_UNSENT: usize = 512;
/// The library is queried for these after this many messages: a query is expensive.
const MESSAGES_PER_FLUSH: usize = 128;
/// How many bytes are read at a time: one frame from the server may contain hundreds of messages.
const PIECE_BYTES: usize = 8 << 10;
/// How often to check while too many wait.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// After this long without progress, a little more is read.
const STALL_LIMIT: Duration = Duration::from_millis(50);
/// The same, if only the disk makes progress.
const DISK_STALL_LIMIT: Duration = Duration::from_secs(1);

/// The messages that the library holds, over all connections of a session.
pub(super) struct Backlog {
    waiting: Mutex<VecDeque<Waiting>>,
    turns: Arc<Turns>,
    vault: Vault,
    client: OnceLock<Weak<Client>>,
    /// Messages that have arrived since the last query for unsent receipts and acks.
    since_asked: AtomicUsize,
}

struct Waiting {
    stanza: Weak<OwnedNodeRef>,
    bytes: usize,
}

/// The counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Load {
    messages: usize,
    bytes: usize,
    turns: usize,
    unsent: usize,
}

impl Load {
    const fn is_too_much(self) -> bool {
        self.messages >= MAX_MESSAGES
            || self.bytes >= MAX_BYTES
            || self.turns >= MAX_TURNS
            || self.unsent >= MAX_UNSENT
    }

    const fn sum(self) -> usize {
        self.messages + self.turns + self.unsent
    }
}

impl Backlog {
    /// Starts without messages.
    pub(super) fn new(vault: Vault, turns: Arc<Turns>) -> Self {
        Self {
            waiting: Mutex::default(),
            turns,
            vault,
            client: OnceLock::new(),
            since_asked: AtomicUsize::new(0),
        }
    }

    /// Sets the library's client. It cannot be passed at construction, because the library needs its transports first.
    pub(super) fn attach(&self, client: &Arc<Client>) {
        // Set once for each session.
        let _ = self.client.set(Arc::downgrade(client));
    }

    /// Resets the state for a new connection.
    pub(super) fn connecting(&self) {
        self.turns.drain().connecting();
    }

    /// A stanza has arrived.
    pub(super) fn arrived(&self, stanza: &Arc<OwnedNodeRef>) {
        let node = stanza.get();
        let drain = self.turns.drain();
        if node.get_attr("offline").is_some() {
            drain.arrived();
        } else if let Some(preview) = node.get_optional_child("offline_preview") {
            let count = preview
                .get_attr("count")
                .and_then(|count| count.as_str().parse().ok());
            drain.announced(count.unwrap_or(0));
        } else if stanza.tag() == "ib" && node.get_optional_child("offline").is_some() {
            drain.ended();
        }
        if stanza.tag() != "message" {
            return;
        }
        let children = node.children().unwrap_or_default();
        let bytes = children.iter().filter_map(|child| child.content_bytes());
        let waiting = Waiting {
            stanza: Arc::downgrade(stanza),
            bytes: bytes.map(<[u8]>::len).sum(),
        };
        self.since_asked.fetch_add(1, Ordering::Relaxed);
        let mut all = lock(&self.waiting);
        // Usually they are finished in the order of arrival.
        while all.front().is_some_and(Waiting::is_over) {
            all.pop_front();
        }
        all.push_back(waiting);
    }

    /// Messages are about to be made durable.
    pub(super) fn committed(&self, batch: &[InboundMessage]) {
        if batch.iter().any(|message| message.info.is_offline) {
            self.turns.drain().moved();
        }
    }

    /// The counts, except those that need a query of the library.
    fn load(&self) -> Load {
        let mut all = lock(&self.waiting);
        all.retain(|waiting| !waiting.is_over());
        Load {
            messages: all.len(),
            bytes: all.iter().map(|waiting| waiting.bytes).sum(),
            turns: self.turns.count(),
            unsent: 0,
        }
    }

    /// All counts. The library is queried if the numbers could have changed much, or if too many receipts were unsent.
    async fn measure(&self, unsent: usize) -> Load {
        let mut load = self.load();
        if unsent >= MAX_UNSENT || self.since_asked.load(Ordering::Relaxed) >= MESSAGES_PER_FLUSH {
            self.since_asked.store(0, Ordering::Relaxed);
            if let Some(client) = self.client.get().and_then(Weak::upgrade) {
                let report = client.memory_report().await;
                load.unsent = report.delivery_receipt_queue + report.transport_ack_queue;
            }
        }
        load
    }

    /// Waits until few enough wait, or until there is no progress.
    async fn settle(&self) {
        let mut load = self.measure(0).await;
        let mut least = load.sum();
        let (mut moved, mut less) = (Instant::now(), Instant::now());
        while load.is_too_much()
            && moved.elapsed() < STALL_LIMIT
            && less.elapsed() < DISK_STALL_LIMIT
        {
            tokio::time::sleep(POLL_INTERVAL).await;
            load = self.measure(load.unsent).await;
            if load.sum() < least {
                (least, less) = (load.sum(), Instant::now());
                moved = less;
            } else if self.vault.is_syncing() {
                moved = Instant::now();
            }
        }
    }
}

impl Waiting {
    fn is_over(&self) -> bool {
        self.stanza.strong_count() == 0
    }
}

/// Forwards the bytes of a connection, as fast as its messages are processed.
pub(super) fn behind(
    backlog: Arc<Backlog>,
    events: Receiver<TransportEvent>,
) -> Receiver<TransportEvent> {
    let (passed, receiver) = async_channel::bounded(1);
    // Ends with the connection, whichever side closes it.
    tokio::spawn(pass(backlog, events, passed));
    receiver
}

async fn pass(
    backlog: Arc<Backlog>,
    events: Receiver<TransportEvent>,
    passed: Sender<TransportEvent>,
) {
    while let Ok(event) = events.recv().await {
        let passed_on = match event {
            TransportEvent::DataReceived(data) => pass_data(&backlog, data, &passed).await,
            other => {
                backlog.settle().await;
                passed.send(other).await.is_ok()
            }
        };
        if !passed_on {
            return;
        }
    }
}

/// Forwards one piece; the library assembles frames itself. False if the other end is closed.
async fn pass_data(backlog: &Backlog, mut data: Bytes, passed: &Sender<TransportEvent>) -> bool {
    loop {
        backlog.settle().await;
        let piece = data.split_to(data.len().min(PIECE_BYTES));
        if passed
            .send(TransportEvent::DataReceived(piece))
            .await
            .is_err()
        {
            return false;
        }
        if data.is_empty() {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_state::vault::trial::Volume;
    use whatsapp_rust::NodeBuilder;
    use whatsapp_rust::Runtime as _;
    use whatsapp_rust::wacore_binary::marshal::marshal;

    use super::super::runtime::{PERMIT_WAIT, Paced};

    fn stanza(tag: &'static str, bytes: usize) -> Arc<OwnedNodeRef> {
        let enc = NodeBuilder::new("enc").bytes(vec![7; bytes]).build();
        let node = NodeBuilder::new(tag).children([enc]).build();
        // Without the byte that marks compression.
        let packed = marshal(&node).unwrap().split_off(1);
        Arc::new(OwnedNodeRef::new(packed).unwrap())
    }

    fn data(bytes: &[u8]) -> TransportEvent {
        TransportEvent::DataReceived(Bytes::copy_from_slice(bytes))
    }

    fn backlog() -> (Volume, Arc<Backlog>) {
        let volume = Volume::new();
        let turns = Arc::<Turns>::default();
        let backlog = Backlog::new(volume.vault.clone(), turns);
        (volume, Arc::new(backlog))
    }

    /// As many messages as may wait.
    fn full(backlog: &Backlog) -> Vec<Arc<OwnedNodeRef>> {
        let held: Vec<_> = (0..MAX_MESSAGES).map(|_| stanza("message", 1)).collect();
        held.iter().for_each(|stanza| backlog.arrived(stanza));
        held
    }

    #[test]
    fn messages_count_while_the_library_holds_them() {
        let (_volume, backlog) = backlog();
        let mut held = full(&backlog);
        backlog.arrived(&stanza("receipt", 1));
        assert_eq!(backlog.load().messages, MAX_MESSAGES);
        assert!(backlog.load().is_too_much());
        held.swap_remove(MAX_MESSAGES / 2);
        assert_eq!(backlog.load().messages, MAX_MESSAGES - 1);
        assert!(!backlog.load().is_too_much());
        held.clear();
        assert_eq!(backlog.load().sum(), 0);
    }

    #[test]
    fn a_few_large_messages_reach_the_byte_limit() {
        let (_volume, backlog) = backlog();
        let held: Vec<_> = (0..5).map(|_| stanza("message", 256 << 10)).collect();
        held.iter().for_each(|stanza| backlog.arrived(stanza));
        assert!(backlog.load().is_too_much());
    }

    /// Takes one message of each chat out of its queue, however many chats there are.
    #[tokio::test]
    async fn messages_count_while_they_wait_for_their_turn() {
        let (_volume, backlog) = backlog();
        let runtime = Paced::new(Arc::clone(&backlog.turns));
        let mut waits: Vec<_> = (0..MAX_TURNS).map(|_| runtime.sleep(PERMIT_WAIT)).collect();
        let _other = runtime.sleep(Duration::from_secs(5));
        assert_eq!(backlog.load().turns, MAX_TURNS);
        assert!(backlog.load().is_too_much());
        waits.pop();
        assert!(!backlog.load().is_too_much());
    }

    #[tokio::test(start_paused = true)]
    async fn reading_continues_when_the_messages_are_processed() {
        let (_volume, backlog) = backlog();
        let (socket, events) = async_channel::bounded(8);
        let passed = behind(Arc::clone(&backlog), events);
        let held = full(&backlog);
        socket.send(data(&[1])).await.unwrap();
        let early = tokio::time::timeout(STALL_LIMIT / 2, passed.recv()).await;
        assert!(early.is_err(), "it was read while too many waited");
        drop(held);
        let next = tokio::time::timeout(2 * POLL_INTERVAL, passed.recv()).await;
        assert!(matches!(next, Ok(Ok(TransportEvent::DataReceived(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn without_progress_one_piece_at_a_time_is_read() {
        let (_volume, backlog) = backlog();
        let (socket, events) = async_channel::bounded(8);
        let passed = behind(Arc::clone(&backlog), events);
        let held = full(&backlog);
        let long: Vec<u8> = (0..=u8::MAX).cycle().take(3 * PIECE_BYTES).collect();
        socket.send(data(&long)).await.unwrap();
        let mut came = Vec::new();
        for n in 0..3 {
            let begun = Instant::now();
            let Ok(TransportEvent::DataReceived(piece)) = passed.recv().await else {
                panic!("piece {n} did not arrive");
            };
            assert!(piece.len() <= PIECE_BYTES, "{} bytes at once", piece.len());
            came.extend_from_slice(&piece);
            assert!(
                begun.elapsed() + POLL_INTERVAL >= STALL_LIMIT,
                "piece {n} arrived early"
            );
        }
        assert_eq!(came, long);
        drop(held);
    }
}
