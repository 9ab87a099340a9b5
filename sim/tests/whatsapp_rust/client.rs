//! A whatsapp-rust client for the tests. It records its events, and waits for them with a deadline.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use openclaw_sim::{Linked, Sim};
use tokio::sync::watch;
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::types::events::{Event, EventHandler};
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::store::traits::Backend;
use whatsapp_rust::{Client, Jid};

use crate::offline::Gate;
use crate::plain_http::PlainHttp;

/// Long enough for a loaded machine; a passing test never waits that long.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// One client on one store. Dropping it ends it abruptly, like a crash.
pub(crate) struct Companion {
    pub(crate) store: Arc<InMemoryBackend>,
    events: Events,
    handle: BotHandle,
}

#[derive(Clone, Default)]
struct Events(Arc<Log>);

struct Log {
    events: Mutex<Vec<Arc<Event>>>,
    count: watch::Sender<usize>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            events: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }
}

impl EventHandler for Events {
    fn handle_event(&self, event: Arc<Event>) {
        self.0.events.lock().expect("log").push(event);
        self.0.count.send_modify(|count| *count += 1);
    }
}

impl Companion {
    /// Starts with an empty store.
    pub(crate) async fn start(sim: &Sim) -> Self {
        Self::on(sim, Arc::new(InMemoryBackend::new())).await
    }

    /// Starts with a store that may be linked.
    pub(crate) async fn on(sim: &Sim, store: Arc<InMemoryBackend>) -> Self {
        Self::with_hook(sim, store, None).await
    }

    /// Starts with a hook that decides which messages may be acked.
    pub(crate) async fn with_hook(
        sim: &Sim,
        store: Arc<InMemoryBackend>,
        hook: Option<Gate>,
    ) -> Self {
        crate::logs::print();
        let events = Events::default();
        let backend: Arc<dyn Backend> = store.clone();
        let bot = Bot::builder()
            .with_backend_arc(backend)
            .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(sim.url()))
            .with_version((2, 3000, 1_030_000_000))
            .with_http_client(PlainHttp::default())
            .with_event_handler(events.clone());
        let bot = match hook {
            Some(hook) => bot.with_inbound_durability_hook(hook),
            None => bot,
        };
        let bot = bot.build().await.expect("a client");
        Self {
            store,
            events,
            handle: bot.spawn(),
        }
    }

    /// Starts, links, and waits as in [`Self::ready`].
    pub(crate) async fn linked(sim: &Sim, account: &str) -> Self {
        let companion = Self::start(sim).await;
        companion.link(sim, account).await;
        companion.ready(sim, account).await;
        companion
    }

    /// Waits until the client is connected, has acked everything that the phone sends at linking, and has the salt and
    /// the server properties for its first messages: without them it would send those without a token.
    pub(crate) async fn ready(&self, sim: &Sim, account: &str) {
        self.connected().await;
        settled(sim, account).await;
        let client = self.client();
        client.fetch_props().await.expect("properties");
        let salted = async {
            let devices = client.persistence_manager();
            while devices.get_device_snapshot().nct_salt.is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let salted = tokio::time::timeout(TEST_TIMEOUT, salted).await;
        salted.expect("the account's salt");
    }

    pub(crate) async fn link(&self, sim: &Sim, account: &str) -> Linked {
        let qr = self.qr().await;
        let phone = sim.phone(account).expect("a number");
        phone.scan(&qr).await.expect("scan")
    }

    pub(crate) async fn qr(&self) -> String {
        self.wait_for(|event| match event {
            Event::PairingQrCode(qr) => Some(qr.code.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn connected(&self) {
        self.wait_for(|event| matches!(event, Event::Connected(_)).then_some(()))
            .await;
    }

    /// Waits for the first event that `pick` accepts, from the start of the log.
    pub(crate) async fn wait_for<T>(&self, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let mut count = self.events.0.count.subscribe();
        let wait = async {
            loop {
                count.mark_unchanged();
                let found = self.events().iter().find_map(|event| pick(event));
                if let Some(found) = found {
                    return found;
                }
                count.changed().await.expect("the log is alive");
            }
        };
        match tokio::time::timeout(TEST_TIMEOUT, wait).await {
            Ok(found) => found,
            Err(_) => panic!("no such event among {:#?}", self.event_names()),
        }
    }

    pub(crate) fn events(&self) -> Vec<Arc<Event>> {
        self.events.0.events.lock().expect("log").clone()
    }

    fn event_names(&self) -> Vec<String> {
        let name = |event: &Arc<Event>| {
            let text = format!("{event:?}");
            text.chars().take_while(|c| c.is_alphanumeric()).collect()
        };
        self.events().iter().map(name).collect()
    }

    /// The received texts, with id and chat.
    pub(crate) fn messages(&self) -> Vec<(String, String, String)> {
        let mut messages = Vec::new();
        for event in self.events() {
            let Event::Messages(batch) = &*event else {
                continue;
            };
            for inbound in batch.messages.iter() {
                // The phone's keys and history are messages without text.
                if let Some(text) = inbound.message.conversation.clone() {
                    let info = &inbound.info;
                    messages.push((info.id.clone(), info.source.chat.to_string(), text));
                }
            }
        }
        messages
    }

    /// Waits for a text. Returns id and chat.
    pub(crate) async fn wait_for_text(&self, text: &str) -> (String, String) {
        self.wait_for(|_| {
            let found = self
                .messages()
                .into_iter()
                .find(|message| message.2 == text);
            found.map(|(id, chat, _)| (id, chat))
        })
        .await
    }

    pub(crate) fn client(&self) -> Arc<Client> {
        self.handle.client()
    }

    pub(crate) async fn send_text(&self, to: &Jid, text: &str) -> String {
        let sent = self.client().send_text(to, text).await.expect("sent");
        sent.message_id.clone()
    }

    /// Stops in an orderly way.
    pub(crate) async fn stop(self) -> Arc<InMemoryBackend> {
        self.handle.shutdown().await;
        self.store
    }
}

/// Waits until an account's companions have acked everything.
pub(crate) async fn settled(sim: &Sim, account: &str) {
    let acked = || sim.queue(account).expect("queue").is_empty();
    let outcome = sim.until(TEST_TIMEOUT, acked).await;
    outcome.unwrap_or_else(|_| panic!("not acked: {:?}", sim.queue(account)));
}

/// Fails with all violations if there are any.
pub(crate) fn assert_clean(sim: &Sim) {
    let violations = sim.violations();
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(sim.checks() > 0);
}
