//! Holds back frames with encrypted messages until the session that they were encrypted in is durable, and all frames
//! until the changes of groups that arrived are durable: the library acks these by itself.
//!
//! The library makes a session durable before a send only if the send takes new counters on lease
//! (`SignalStoreCache::needs_pre_wire_flush`, wacore 0.7.0, `src/store/signal_cache.rs:1392`). After a received
//! message, the session sends with a new ratchet key, and `SessionRecord::rebase_lease_after_sender_chain_reset`
//! (wacore-libsignal 0.7.0, `src/protocol/state/session.rs:918`) declares the first 64 counters of that key leased,
//! although no durable snapshot has the key: the snapshot follows up to 25 ms later. A process that is killed in
//! between has used a key that is lost. The contact has advanced its root key with it, or has deleted the older chain
//! that the next process sends with, and cannot decrypt anything until a new session is created.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use openclaw_state::vault::{Ticket, Vault};
use whatsapp_rust::anyhow;
use whatsapp_rust::anyhow::Context as _;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::client::Client;
use whatsapp_rust::transport::Transport;
use whatsapp_rust::wacore::framing::FRAME_LENGTH_SIZE;
use whatsapp_rust::wacore::stats::TransportResourceReport;

use super::lock;

/// No frame with an encrypted message is shorter: Noise's tag, and Signal's version, ratchet key, counter, one block
/// of ciphertext and MAC. Acks and most receipts are shorter, and need not wait.
const MIN_CIPHERTEXT_BYTES: usize = 16 + (1 + 35 + 2 + 18 + 8);

/// A disk that takes longer than this is broken. Then the connection ends, and the message is not sent.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// One gate for all connections of a session.
#[derive(Default)]
pub(super) struct Gate {
    client: OnceLock<Weak<Client>>,
    /// Whether the connection has finished with the backlog. Before that, making sessions durable waits for the task
    /// that handles the backlog, which may wait for this connection; the library sends no text before that either.
    live: AtomicBool,
    /// Changes of groups that are not durable yet: frames wait for them, because one of the next is their ack.
    owed: Mutex<Option<(Vault, Ticket)>>,
}

impl Gate {
    /// Sets the library's client. It cannot be passed at construction, because the library needs its transports first.
    pub(super) fn attach(&self, client: &Arc<Client>) {
        // Set once for each session.
        let _ = self.client.set(Arc::downgrade(client));
    }

    /// Resets the state for a new connection.
    pub(super) fn connecting(&self) {
        self.live.store(false, Ordering::Relaxed);
    }

    /// The connection has finished with the backlog.
    pub(super) fn caught_up(&self) {
        self.live.store(true, Ordering::Relaxed);
    }

    /// Frames wait until this is durable.
    pub(super) fn owe(&self, vault: &Vault, ticket: Ticket) {
        *lock(&self.owed) = Some((vault.clone(), ticket));
    }

    async fn pass(&self, frames: &[u8]) -> anyhow::Result<()> {
        let owed = lock(&self.owed).clone();
        if let Some((vault, ticket)) = owed {
            let durable = tokio::time::timeout(FLUSH_TIMEOUT, vault.durable(ticket));
            durable.await.context("cannot store the events in time")?;
            // Another change may have come meanwhile.
            lock(&self.owed).take_if(|(_, latest)| *latest == ticket);
        }
        if !self.live.load(Ordering::Relaxed) || !may_carry_message(frames) {
            return Ok(());
        }
        let Some(client) = self.client.get().and_then(Weak::upgrade) else {
            return Ok(());
        };
        tokio::time::timeout(FLUSH_TIMEOUT, client.flush_pending_signal_state())
            .await
            .context("cannot flush the sessions in time")?
            .context("cannot store the sessions")
    }
}

/// Whether any of the frames is large enough. Each frame's length precedes it, unencrypted.
fn may_carry_message(mut frames: &[u8]) -> bool {
    while let Some((length, rest)) = frames.split_first_chunk::<FRAME_LENGTH_SIZE>() {
        let length = length
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        let Some(rest) = rest.get(length..).filter(|_| length < MIN_CIPHERTEXT_BYTES) else {
            return true;
        };
        frames = rest;
    }
    !frames.is_empty()
}

/// A transport behind the gate.
pub(super) struct Gated {
    pub(super) inner: Arc<dyn Transport>,
    pub(super) gate: Arc<Gate>,
}

#[async_trait]
impl Transport for Gated {
    async fn send(&self, data: Bytes) -> anyhow::Result<()> {
        self.gate.pass(&data).await?;
        self.inner.send(data).await
    }

    async fn disconnect(&self) {
        self.inner.disconnect().await;
    }

    fn resource_report(&self) -> Option<TransportResourceReport> {
        self.inner.resource_report()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(lengths: &[usize]) -> Vec<u8> {
        let mut frames = Vec::new();
        for length in lengths {
            frames.extend(&u32::try_from(*length).unwrap().to_be_bytes()[1..]);
            frames.resize(frames.len() + length, 0);
        }
        frames
    }

    #[test]
    fn only_frames_too_short_for_a_message_pass_at_once() {
        for short in [
            &[][..],
            &[0],
            &[MIN_CIPHERTEXT_BYTES - 1],
            &[20, 40, MIN_CIPHERTEXT_BYTES - 1],
        ] {
            assert!(!may_carry_message(&frames(short)), "{short:?}");
        }
        for long in [
            &[MIN_CIPHERTEXT_BYTES][..],
            &[300],
            &[20, MIN_CIPHERTEXT_BYTES, 20],
            &[70_000],
        ] {
            assert!(may_carry_message(&frames(long)), "{long:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_a_frame_are_held_back() {
        let cut = &frames(&[20])[..10];
        for odd in [&[0][..], &[0, 0], cut] {
            assert!(may_carry_message(odd), "{odd:?}");
        }
    }
}
