//! Reads on from the socket only while few messages wait inside the library.
//!
//! The library takes a frame from the socket as soon as there is one, and keeps each message in a queue without a bound
//! until it is decrypted, durable and acked (whatsapp-rust 0.7.0, `src/handlers/message.rs:78`). What comes faster than
//! the disk takes it would fill the memory; left in the socket it slows the server down instead.
//!
//! A message counts as long as the library holds its stanza. What must pass for a message to be done with (an answer
//! from the server, say) may be behind the ones that wait: after a while without progress one more frame is let through.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::time::Instant;
use whatsapp_rust::OwnedNodeRef;
use whatsapp_rust::async_channel::{self, Receiver, Sender};
use whatsapp_rust::transport::TransportEvent;

use super::lock;

/// Messages that may wait. More than the library makes durable at a time when it drains what waited at the server: 400
/// (`src/message/commit_batch.rs`).
const MESSAGES: usize = 1024;
/// Bytes of encrypted messages that may wait, against few large ones; also more than it makes durable at a time, 4 MiB.
const BYTES: usize = 8 << 20;
/// How often to look while too many wait.
const PAUSE: Duration = Duration::from_millis(2);
/// How long without progress until one more frame is let through.
const PATIENCE: Duration = Duration::from_millis(50);

/// The messages that the library holds, of all connections of a session.
#[derive(Default)]
pub(super) struct Backlog(Mutex<VecDeque<Waiting>>);

struct Waiting {
    stanza: Weak<OwnedNodeRef>,
    bytes: usize,
}

impl Backlog {
    /// A stanza has arrived.
    pub(super) fn arrived(&self, stanza: &Arc<OwnedNodeRef>) {
        if stanza.tag() != "message" {
            return;
        }
        let children = stanza.get().children().unwrap_or_default();
        let bytes = children.iter().filter_map(|child| child.content_bytes());
        let waiting = Waiting {
            stanza: Arc::downgrade(stanza),
            bytes: bytes.map(<[u8]>::len).sum(),
        };
        let mut all = lock(&self.0);
        // Mostly they are done with in the order in which they came.
        while all.front().is_some_and(Waiting::is_over) {
            all.pop_front();
        }
        all.push_back(waiting);
    }

    /// How many wait, and whether that is too many.
    fn look(&self) -> (usize, bool) {
        let mut all = lock(&self.0);
        all.retain(|waiting| !waiting.is_over());
        let bytes: usize = all.iter().map(|waiting| waiting.bytes).sum();
        (all.len(), all.len() >= MESSAGES || bytes >= BYTES)
    }

    /// Waits until few enough wait, or nothing moves.
    async fn settle(&self) {
        let (mut least, mut too_many) = self.look();
        let mut progress = Instant::now();
        while too_many && progress.elapsed() < PATIENCE {
            tokio::time::sleep(PAUSE).await;
            let (waiting, still) = self.look();
            if waiting < least {
                (least, progress) = (waiting, Instant::now());
            }
            too_many = still;
        }
    }
}

impl Waiting {
    fn is_over(&self) -> bool {
        self.stanza.strong_count() == 0
    }
}

/// Passes on what a connection brings, as fast as the messages in it are done with.
pub(super) fn behind(
    backlog: Arc<Backlog>,
    events: Receiver<TransportEvent>,
) -> Receiver<TransportEvent> {
    let (passed, receiver) = async_channel::bounded(1);
    // Ends with the connection, at whichever end.
    tokio::spawn(pass(backlog, events, passed));
    receiver
}

async fn pass(
    backlog: Arc<Backlog>,
    events: Receiver<TransportEvent>,
    passed: Sender<TransportEvent>,
) {
    while let Ok(event) = events.recv().await {
        backlog.settle().await;
        if passed.send(event).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whatsapp_rust::NodeBuilder;
    use whatsapp_rust::bytes::Bytes;
    use whatsapp_rust::wacore_binary::marshal::marshal;

    fn stanza(tag: &'static str, bytes: usize) -> Arc<OwnedNodeRef> {
        let enc = NodeBuilder::new("enc").bytes(vec![7; bytes]).build();
        let node = NodeBuilder::new(tag).children([enc]).build();
        // Without the byte that says whether it is compressed.
        let packed = marshal(&node).unwrap().split_off(1);
        Arc::new(OwnedNodeRef::new(packed).unwrap())
    }

    fn data(n: u8) -> TransportEvent {
        TransportEvent::DataReceived(Bytes::copy_from_slice(&[n]))
    }

    #[test]
    fn messages_count_while_somebody_holds_them() {
        let backlog = Backlog::default();
        let mut held: Vec<_> = (0..MESSAGES).map(|_| stanza("message", 1)).collect();
        held.iter().for_each(|stanza| backlog.arrived(stanza));
        backlog.arrived(&stanza("receipt", 1));
        assert_eq!(backlog.look(), (MESSAGES, true));
        held.swap_remove(MESSAGES / 2);
        assert_eq!(backlog.look(), (MESSAGES - 1, false));
        held.clear();
        assert_eq!(backlog.look(), (0, false));
    }

    #[test]
    fn few_that_are_large_are_too_many() {
        let backlog = Backlog::default();
        let held: Vec<_> = (0..9).map(|_| stanza("message", 1 << 20)).collect();
        held.iter().for_each(|stanza| backlog.arrived(stanza));
        assert_eq!(backlog.look(), (9, true));
    }

    #[tokio::test(start_paused = true)]
    async fn the_socket_is_read_on_when_the_messages_are_done_with() {
        let backlog = Arc::new(Backlog::default());
        let (socket, events) = async_channel::bounded(8);
        let passed = behind(Arc::clone(&backlog), events);
        let held: Vec<_> = (0..MESSAGES).map(|_| stanza("message", 1)).collect();
        held.iter().for_each(|stanza| backlog.arrived(stanza));
        socket.send(data(1)).await.unwrap();
        let early = tokio::time::timeout(PATIENCE / 2, passed.recv()).await;
        assert!(early.is_err(), "it was read while too many waited");
        drop(held);
        let next = tokio::time::timeout(2 * PAUSE, passed.recv()).await;
        assert!(matches!(next, Ok(Ok(TransportEvent::DataReceived(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_at_a_time_is_let_through_when_nothing_moves() {
        let backlog = Arc::new(Backlog::default());
        let (socket, events) = async_channel::bounded(8);
        let passed = behind(Arc::clone(&backlog), events);
        let held: Vec<_> = (0..MESSAGES).map(|_| stanza("message", 1)).collect();
        held.iter().for_each(|stanza| backlog.arrived(stanza));
        for n in 0..3 {
            socket.send(data(n)).await.unwrap();
        }
        for n in 0..3 {
            let begun = Instant::now();
            let next = passed.recv().await;
            assert!(matches!(next, Ok(TransportEvent::DataReceived(it)) if it[..] == [n]));
            assert!(begun.elapsed() + PAUSE >= PATIENCE, "the {n}th came early");
        }
        drop(held);
    }
}
