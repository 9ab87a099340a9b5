//! The offline queue: stanzas that are not acked are delivered again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use openclaw_sim::{By, Class, Config, Fault, Leniency, Sim};

use whatsapp_rust::types::durability_hook::InboundMessage;
use whatsapp_rust::{Client, InboundDurabilityHook};

use crate::client::{Companion, TEST_TIMEOUT, assert_clean};

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";

fn owed(sim: &Sim) -> Vec<String> {
    let queue = sim.queue(ACCOUNT).expect("queue");
    let messages = queue
        .into_iter()
        .filter(|owed| owed.class == Class::Message);
    messages.map(|owed| owed.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_sent_while_offline_are_delivered_and_acked_at_login() {
    let sim = Sim::start(Config::default()).await.expect("sim");
    let companion = Companion::linked(&sim, ACCOUNT).await;
    sim.until(TEST_TIMEOUT, || owed(&sim).is_empty())
        .await
        .expect("acked");
    let store = companion.stop().await;
    let peer = sim.peer(CONTACT).expect("peer");
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(
            peer.send_text(ACCOUNT, &format!("waited {n}"), By::Lid)
                .await
                .expect("sent"),
        );
    }
    assert_eq!(owed(&sim), ids);

    let companion = Companion::on(&sim, store).await;
    companion.wait_for_text("waited 19").await;
    sim.until(TEST_TIMEOUT, || owed(&sim).is_empty())
        .await
        .expect("acked");
    let acked: Vec<String> = sim
        .acks(ACCOUNT)
        .expect("acks")
        .into_iter()
        .map(|ack| ack.id)
        .collect();
    assert!(ids.iter().all(|id| acked.contains(id)));
    assert_clean(&sim);
    companion.stop().await;
}

/// Refuses until opened: the client must not ack until then.
pub(crate) struct Gate(Arc<AtomicBool>);

#[async_trait]
impl InboundDurabilityHook for Gate {
    async fn on_messages(
        &self,
        _client: Arc<Client>,
        _batch: &[InboundMessage],
    ) -> whatsapp_rust::anyhow::Result<()> {
        if self.0.load(Ordering::SeqCst) {
            Ok(())
        } else {
            whatsapp_rust::anyhow::bail!("not durable")
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_delivered_but_not_acked_is_delivered_again() {
    // The library keeps the receipt of a message that it decrypted before until the backlog has ended, and the server
    // does not end the backlog before that receipt: for a minute neither makes progress (the agent fixes that in
    // `whatsapp/src/session/runtime.rs`).
    let config = Config {
        lenient: [Leniency::Backlog].into(),
        ..Config::default()
    };
    let sim = Sim::start(config).await.expect("sim");
    let store = Companion::linked(&sim, ACCOUNT).await.stop().await;
    let open = Arc::new(AtomicBool::new(false));
    let companion =
        Companion::with_hook(&sim, Arc::clone(&store), Some(Gate(Arc::clone(&open)))).await;
    companion.connected().await;
    let peer = sim.peer(CONTACT).expect("peer");
    let id = peer
        .send_text(ACCOUNT, "not yet", By::Lid)
        .await
        .expect("sent");
    assert_eq!(owed(&sim), std::slice::from_ref(&id));
    sim.fault(Fault::Drop).await;
    let phone = sim.phone(ACCOUNT).expect("phone");
    phone.wait_until_active(TEST_TIMEOUT).await.expect("back");
    assert_eq!(owed(&sim), std::slice::from_ref(&id));
    open.store(true, Ordering::SeqCst);
    sim.fault(Fault::Drop).await;
    sim.until(TEST_TIMEOUT, || owed(&sim).is_empty())
        .await
        .expect("acked at last");
    companion.wait_for_text("not yet").await;
    assert_clean(&sim);
    companion.stop().await;
}
