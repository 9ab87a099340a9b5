//! The library on an imported store, without the agent: shows exactly what the store contains.

use std::sync::Arc;

use openclaw_sim::Sim;
use tokio::sync::watch;
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::traits::Backend;
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::types::events::{Event, EventHandler};
use whatsapp_rust::wacore::store::InMemoryBackend;

use crate::harness::TEST_TIMEOUT;

/// A client that records its events.
pub(crate) struct Client {
    events: Events,
    handle: BotHandle,
}

/// All events so far; the channel wakes waiters.
#[derive(Clone)]
struct Events(Arc<watch::Sender<Vec<Arc<Event>>>>);

impl EventHandler for Events {
    fn handle_event(&self, event: Arc<Event>) {
        self.0.send_modify(|events| events.push(event));
    }
}

impl Client {
    pub(crate) async fn start(sim: &Sim, store: Arc<InMemoryBackend>) -> Self {
        let events = Events(Arc::default());
        let backend: Arc<dyn Backend> = store;
        let bot = Bot::builder()
            .with_backend_arc(backend)
            .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(sim.url()))
            .with_version((2, 3000, 1_030_000_000))
            .with_event_handler(events.clone())
            .build();
        Self {
            handle: bot.await.unwrap().spawn(),
            events,
        }
    }

    pub(crate) async fn connected(&self) {
        self.wait_for("Connected", |event| matches!(event, Event::Connected(_)))
            .await;
    }

    /// Waits for a text.
    pub(crate) async fn wait_for_text(&self, text: &str) {
        self.wait_for(text, |event| has(event, text)).await;
    }

    /// True if this text was received.
    pub(crate) fn has_received(&self, text: &str) -> bool {
        let events = self.events.0.borrow();
        events.iter().any(|event| has(event, text))
    }

    pub(crate) async fn send_text(&self, to: &str, text: &str) -> String {
        let sent = self
            .handle
            .client()
            .send_text(&to.parse().unwrap(), text)
            .await;
        sent.unwrap().message_id.clone()
    }

    /// Checks that no pairing code was shown, and that every message was decrypted at once.
    pub(crate) fn check_no_errors(&self) {
        for event in self.events.0.borrow().iter() {
            let trouble = matches!(
                **event,
                Event::PairingQrCode(_) | Event::UndecryptableMessage(_) | Event::LoggedOut(_)
            );
            assert!(!trouble, "{event:?}");
        }
    }

    pub(crate) async fn stop(self) {
        self.handle.shutdown().await;
    }

    async fn wait_for(&self, what: &str, fits: impl Fn(&Event) -> bool) {
        let mut seen = self.events.0.subscribe();
        let found = seen.wait_for(|events| events.iter().any(|event| fits(event)));
        let found = tokio::time::timeout(TEST_TIMEOUT, found).await;
        assert!(matches!(found, Ok(Ok(_))), "missing {what:?}");
    }
}

fn has(event: &Event, text: &str) -> bool {
    let Event::Messages(batch) = event else {
        return false;
    };
    let messages = batch.messages.iter();
    let mut texts = messages.map(|inbound| inbound.message.conversation.as_deref());
    texts.any(|received| received == Some(text))
}
